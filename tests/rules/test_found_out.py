"""What the kit finds out about a store before the rules run, and what it leaves there."""

import time
from dataclasses import replace
from typing import Any

import bson
import pytest

from dsync_kit.client import LocalClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.clearing import clear
from dsync_kit.conformance.subject.needs import lacking
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.documents import decode, encode, encode_id
from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.protocol import DATA_TYPE_JSON_ID as JSON
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    ListDataRequest,
    ListDataResponse,
    Update,
    WriteDataRequest,
    WriteDataResponse,
)
from dsync_kit.targets.target import OpenTarget

from .fault import REFERENCE, SETTINGS, Variant, judge
from .variants_stores import ReadsLag

Reference = REFERENCE.ReferenceConnector


def client_of(connector: Any) -> LocalClient:
    """The RPCs of a connector of this class, on an empty store."""
    return LocalClient(connector(SETTINGS.Settings.parse(["reference://"], {})[0]))


def subject_of(client: LocalClient, *namespaces: str) -> Subject:
    """The subject of it; no reads lag."""
    return Subject.of(OpenTarget(title="reference", api=client), namespaces, settle=0.0)


def test_what_was_there_before_and_is_gone_is_written_again() -> None:
    """Only missing documents are restored: the others stay as they are, and new ones are named."""
    client = client_of(Reference)
    driver = Driver(client)
    driver.write_data("offered", [encode({"_id": name, "n": 1}, BSON) for name in ("deleted", "changed")], BSON)
    subject = subject_of(client, "offered")
    subject.note_existing("offered")
    driver.write_updates("offered", [Update(type=UPDATE_TYPE_DELETE, id=[encode_id("deleted")])], BSON)
    driver.write_data("offered", [encode({"_id": name, "n": 2}, BSON) for name in ("changed", "new")], BSON)
    clear(subject)
    listed = {decode(found, BSON)["_id"]: decode(found, BSON)["n"] for _, found in driver.listing(["offered"], BSON)}
    assert listed == {"deleted": 1, "changed": 2, "new": 2}
    assert subject.remembered.put_back == {"offered": 1}
    assert subject.remembered.remains == {"offered": "documents that were not there before: 1"}


def test_what_has_been_removed_does_not_count_as_there_before() -> None:
    """Where reads lag, documents of the example before are still listed for a while."""
    subject = Subject.of(OpenTarget(title="lags", api=client_of(ReadsLag)), ("offered",), settle=2.0)
    document = encode({"_id": "a"}, BSON)
    driver = Driver(Recorder(subject.api, subject.settling))
    driver.write_data("offered", [document], BSON)
    subject.settling.wait()  # now it is listed
    driver.write_updates("offered", [Update(type=UPDATE_TYPE_DELETE, id=[encode_id("a")])], BSON)
    subject.note_existing("offered")
    assert subject.remembered.foreign["offered"] == {}


class ShownLater(Reference):
    """Acknowledged writes are not listed from when they are `held`."""

    held = False

    def commit(self, *args: Any) -> None:
        if not self.held:
            super().commit(*args)


def test_a_removal_need_not_be_visible_before_the_next_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents that the kit has removed are not others' documents, even if they are still listed; nobody waits."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits for {seconds} s"))
    connector = ShownLater(SETTINGS.Settings.parse(["reference://"], {})[0])
    subject = subject_of(LocalClient(connector), "offered")
    subject.settling = Settling(600.0, subject.settling.unseen)
    subject.declared = replace(subject.declared, sink_types=(BSON,))
    document, removal = encode({"_id": "a"}, BSON), Update(type=UPDATE_TYPE_DELETE, id=[encode_id("a")])
    driver = Driver(Recorder(subject.api, subject.settling))
    for held in (False, True):
        subject.note_existing("offered")
        driver.write_data("offered", [document], BSON)
        assert driver.listing(["offered"], BSON) == [("offered", document)]
        connector.held = held
        driver.write_updates("offered", [removal], BSON)
    subject.note_existing("offered")
    assert Driver(subject.api).listing(["offered"], BSON) == [("offered", document)]
    assert subject.remembered.foreign["offered"] == {}


class Forgets(Reference):
    """Acknowledges pages, but lists nothing of them."""

    def updates_partitions(self, requested: Any) -> list[Any]:
        return []

    def commit(self, *args: Any) -> None:
        return


def test_where_nothing_is_listed_only_the_rules_that_say_so_need_it() -> None:
    """Rules that would read back their writes are skipped with the reason; three rules report the fault."""
    subject = subject_of(client_of(Forgets))
    reason = "nothing that was written is listed"
    assert not subject.found.shows
    assert lacking(subject, (Need.SINK, Need.READING), "write/overwrites") == reason
    assert lacking(subject, (Need.LISTING,), "list/ends") == reason
    assert lacking(subject, (Need.SINK, Need.READING), "write/read-back") == ""
    assert lacking(subject, (Need.SINK,), "errors/malformed-document") == ""
    assert subject_of(client_of(Reference)).found.shows


def test_where_nothing_is_listed_a_rule_judges_the_answers() -> None:
    """A rule that can judge a sink by its answers alone does so, and does not repeat that nothing is listed."""
    rules = ["plan/partitions", "write/read-back", "write/idempotent", "write/overwrites", "write/concurrent"]
    rules += ["limits/large-page", "limits/many-documents", "limits/large-document"]
    outcomes = {outcome.rule: outcome for outcome in judge(Variant("forgets", Forgets, ""), rules).outcomes}
    assert outcomes["write/read-back"].status is Status.FAILED
    answered = ("write/idempotent", "write/overwrites", "write/concurrent", *rules[-3:])
    assert {rule: outcomes[rule].status for rule in answered} == dict.fromkeys(answered, Status.PASSED)


class ListsNoIds(Reference):
    """BSON documents are listed without `_id`; JSON documents are correct."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == BSON:
            answer.data[:] = [bson.encode({"n": 1}) for _ in answer.data]
        return answer


def test_a_type_that_is_listed_wrongly_is_not_judged_any_further() -> None:
    """The rules draw documents of the other type, if there is one."""
    declared = subject_of(client_of(ListsNoIds)).declared
    assert declared.misread == (BSON,)
    assert declared.types == (JSON,)
    assert subject_of(client_of(Reference)).declared.misread == ()


class Closed(Reference):
    """A table that accepts nothing once it is closed."""

    closed = False

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if self.closed:
            raise InvalidArgument("no such column")
        return super().write_data(request)


def test_a_table_of_which_no_document_is_known_is_judged_as_it_is_read() -> None:
    """Rules that write are skipped and say what to do; its rows suggest what it should accept."""
    connector = Closed(SETTINGS.Settings.parse(["reference://"], {})[0])
    client = LocalClient(connector)
    Driver(client).write_data("offered", [encode({"_id": "a", "n": 1}, BSON)], BSON)
    connector.closed = True
    subject = subject_of(client, "offered")
    assert not subject.declared.loads
    assert "--documents" in lacking(subject, (Need.LOADING,))
    assert lacking(subject, (Need.LISTING,)) == ""
    assert lacking(subject, (Need.SINK,)) == ""
    (family,) = subject.families
    assert family.schema is not None
    assert family.schema.of(BSON).fields.keys() == {"n"}


class OnlyOneTable(Reference):
    """There is one table, and nobody can add any."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if request.namespace != "there":
            raise NotFound(f"no table {request.namespace!r}")
        return super().write_data(request)


def test_a_table_that_does_not_exist_is_said_to_be_missing() -> None:
    """A misspelt name is not taken for a table whose form is unknown: a schema would not help."""
    client = LocalClient(OnlyOneTable(SETTINGS.Settings.parse(["reference://"], {})[0]))
    subject = subject_of(client, "three")
    said = [note for note in subject.found.notes if note.startswith("three: ")]
    assert said == ["three: it does not exist (NOT_FOUND: no table 'three'); create it beforehand, or correct its name"]


class FixedColumns(Reference):
    """Each namespace is a table with the same columns, all of which may be left out."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for data in request.data:
            if unknown := decode(data, request.type).keys() - {"_id", "id", "size", "note"}:
                raise InvalidArgument(f"there is no column {min(unknown)!r}")
        return super().write_data(request)


def test_new_namespaces_with_fixed_fields_get_no_others() -> None:
    """Where new namespaces refuse unknown fields, documents are drawn from the schema that was found out."""
    subject = subject_of(client_of(FixedColumns))
    assert subject.found.makes_namespaces
    (family,) = subject.families
    assert family.schema is not None
    assert family.schema.of(BSON).fields.keys() <= {"size", "note"}
    assert subject_of(client_of(Reference)).families[0].schema is None


class MakesItsIds(Reference):
    """A table with a key of two columns: a row's id is made from them, whatever id it is written with."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        rows = []
        for data in request.data:
            row = decode(data, BSON)
            if row.keys() != {"_id", "tenant", "number", "note"}:
                raise InvalidArgument("tenant, number and note are the columns")
            rows.append(encode({**row, "_id": f"{row['tenant']}:{row['number']}".encode()}, BSON))
        return super().write_data(WriteDataRequest(namespace=request.namespace, data=rows, type=BSON))


def test_a_table_that_makes_its_ids_is_left_as_it_was() -> None:
    """Rows under other ids are removed, and an overwritten row is restored."""
    client = client_of(MakesItsIds)
    driver = Driver(client)
    rows = [
        encode({"_id": f"a:{n}".encode(), "tenant": "a", "number": n, "note": None if n else "x"}, BSON) for n in (0, 1)
    ]
    driver.write_data("offered", rows, BSON)
    before = sorted(found for _, found in driver.listing(["offered"], BSON))
    subject = subject_of(client, "offered")
    assert not subject.found.makes_namespaces
    assert sorted(found for _, found in driver.listing(["offered"], BSON)) == before


def test_updates_are_shown_only_if_a_plan_had_some() -> None:
    """While GeneratePlan fails, the rules on streams still run: whether it has updates is unknown."""

    class PlansNothing(Reference):  # type: ignore[misc]
        def generate_plan(self, request: Any) -> Any:
            raise RuntimeError("out of order")

    found = {connector: subject_of(client_of(connector)).found for connector in (Reference, PlansNothing)}
    assert found[Reference].plans_updates is True
    assert found[PlansNothing].plans_updates is None
    assert found[PlansNothing].streams
