"""The typed store itself: unmodified, it keeps or refuses whatever is written, and each of its faults can be seen."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from bson import DatetimeMS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dsync_kit.client import LocalClient
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.misfits import MisfitKind, several_misfits
from dsync_kit.conformance.documents.schema.schema_file import parse
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.documents import canonical, decode, encode, id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    ListDataRequest,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
)

from .fault import SETTINGS, Variant, judge
from .faults_typed_inside import FAULTS as INSIDE
from .faults_typed_outside import FAULTS as OUTSIDE
from .typed_connector import TypedConnector
from .typed_database import Database
from .typed_tables import TABLES, Column, Table
from .variants_typed import VARIANTS

FILLINGS = {table.namespace: Filling(parse(table.schema, origin=table.name).of(BSON)) for table in TABLES}
EXAMPLES = settings(
    max_examples=30,
    database=None,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Different(Exception):
    """The documents that were read are not those that were acknowledged."""


def listed(api: LocalClient, namespace: str) -> Iterator[bytes]:
    """The documents of a table."""
    (partition,) = api.generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True)).partitions
    cursor = b""
    while True:
        page = api.list_data(ListDataRequest(partition=partition, type=BSON, cursor=cursor))
        yield from page.data
        cursor = page.next_cursor
        if not cursor:
            return


def compare(api: LocalClient, table: Table, expected: dict[bytes, bytes]) -> None:
    """Check that the table holds what was last written under each id, and nothing else."""
    found = sorted(canonical(document, BSON) for document in listed(api, table.namespace))
    if found != sorted(canonical(document, BSON) for document in expected.values()):
        raise Different


def try_table(connector: Any, table: Table, data: st.DataObject) -> None:
    """Write pages, updates and deletes of fitting documents, and one misfit: alone, in a page, and as updates."""
    api = LocalClient(connector(SETTINGS.Settings.parse(["reference://"], {})[0]))
    filling = FILLINGS[table.namespace]
    expected: dict[bytes, bytes] = {}

    def key(document: bytes) -> bytes:
        return id_of(document, BSON)[0].SerializeToString()

    def write(documents: list[bytes]) -> None:
        api.write_data(WriteDataRequest(namespace=table.namespace, data=documents, type=BSON))
        expected.update((key(document), document) for document in documents)

    def update(updates: list[Update]) -> None:
        api.write_updates(WriteUpdatesRequest(namespace=table.namespace, updates=updates, type=BSON))

    write(data.draw(filling.pages(min_size=2, max_size=4)))
    compare(api, table, expected)
    one = next(iter(expected.values()))
    newer = filling.document(_identifier(one), {"n": data.draw(st.integers(0, 5))})
    update([Update(id=id_of(newer, BSON), type=UPDATE_TYPE_UPDATE, data=newer)])
    expected[key(newer)] = newer
    compare(api, table, expected)
    make = filling.numbered("more", 120)
    if data.draw(st.sampled_from([False, False, False, True]), "more than a page"):
        write([filling.document(make(number), {"n": number}) for number in range(120)])
        compare(api, table, expected)
    (item,) = api.get_by_ids(
        GetByIdsRequest(namespace=table.namespace, type=BSON, ids=[GetByIdsRequest.IdRequest(id=id_of(one, BSON))])
    ).data
    if canonical(item.data, BSON) != canonical(expected[key(one)], BSON):
        raise Different
    update([Update(id=id_of(one, BSON), type=UPDATE_TYPE_DELETE)])
    del expected[key(one)]
    compare(api, table, expected)
    kind = data.draw(st.sampled_from(list(MisfitKind)))
    if (strategy := several_misfits(filling, [kind], most=1)) is None:
        return
    (misfit,) = data.draw(strategy)
    good = filling.document(make(0), {"n": 1})
    part = id_of(misfit.document, BSON)
    unset = [misfit.field] if kind is MisfitKind.MISSING_FIELD else []
    changes = [
        Update(id=part, type=UPDATE_TYPE_UPDATE, data=misfit.document),
        Update(id=part, type=UPDATE_TYPE_PARTIAL_UPDATE, data=misfit.document, partial_update_unset=unset),
    ]
    for attempt in data.draw(st.permutations([None, [misfit.document], [good, misfit.document], *changes]))[:3]:
        before = dict(expected)
        try:
            if isinstance(attempt, Update):
                update([Update(id=id_of(good, BSON), type=UPDATE_TYPE_UPDATE, data=good), attempt])
                expected |= {key(good): good, key(misfit.document): misfit.document}
            elif attempt:
                write(attempt)
        except ConnectorError as error:
            if error.retryable:
                raise Different from error
            expected = before
        compare(api, table, expected)


def _identifier(document: bytes) -> Any:
    return decode(document, BSON)["_id"]


def try_all(connector: Any) -> None:
    """Try each table. Raises Different, or ConnectorError if a fitting document is refused."""

    def tried(table: Table) -> None:
        EXAMPLES(given(st.data())(lambda data: try_table(connector, table, data)))()

    for table in TABLES:
        tried(table)


def test_the_store_keeps_or_refuses() -> None:
    """Unmodified, the store returns what it acknowledged, and nothing that it refused."""
    try_all(TypedConnector)


def test_there_are_as_many_as_promised() -> None:
    """There are at least fifty faults and twenty-five variants, each with a unique name and a reason."""
    faults = [*INSIDE, *OUTSIDE]
    assert len({fault.name for fault in faults}) == len(faults) >= 50
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) >= 25
    assert all(entry.reason for entry in (*faults, *VARIANTS))


class Visits(TypedConnector):
    """A table with some rows, whose form nobody declares."""

    tables = (Table("visits", (Column("id", "string"),), (Column("made", "date", nullable=True),)),)

    @classmethod
    def documents(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        rows = [encode({"_id": name, "made": made}, BSON) for name, made in (("a", DatetimeMS(1234)), ("b", None))]
        Visits(None, store).write_data(WriteDataRequest(namespace="typed.visits", data=rows, type=BSON))
        return store


class CutsSeconds(Visits):
    """A column without fractions of a second: they are cut off without a word."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        return stored // 1000 * 1000 if column.kind == "date" else stored


def test_a_column_that_changes_whatever_is_tried_first_is_not_taken_for_one_of_nulls() -> None:
    """The kit saw it change dates while it looked for what the table holds: a rule reports that."""
    result = judge(
        Variant("cuts seconds", CutsSeconds, "", "local", namespaces=["typed.visits"]), ["schema/other-type"]
    )
    (outcome,) = result.outcomes
    assert outcome.failure is not None
    assert "of type date" in outcome.failure.message


class NotCommitted(Visits):
    """A write ends without its COMMIT."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for document in request.data:
            self.row(self.table(request.namespace), document)
        return WriteDataResponse()


def test_a_table_that_loses_what_it_acknowledges_is_judged() -> None:
    """What the existing rows look like is enough to know which documents it should keep."""
    lost = Variant("not committed", NotCommitted, "", "local", namespaces=["typed.visits"])
    result = judge(lost, ["list/complete", "write/read-back"])
    first, second = result.violations()
    assert (first.rule, second.cause) == ("list/complete", "list/complete")
    assert first.failure is not None
    assert first.failure.hint.startswith("nothing that was written is listed")


class Remarks(TypedConnector):
    """An empty remark is listed as null. A name may not look like another kind of value: nobody has declared that, and
    no existing row shows it."""

    tables = (
        Table(
            "remarks",
            (Column("code", "string", length=20),),
            (Column("name", "string", length=60), Column("remark", "string", nullable=True)),
        ),
    )

    @classmethod
    def documents(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        rows = [encode({"_id": f"k{n}", "name": f"name {n}", "remark": ("a", None)[n % 2]}, BSON) for n in range(30)]
        cls(None, store).write_data(WriteDataRequest(namespace="typed.remarks", data=rows, type=BSON))
        return store

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        super().check_value(table, column, value)
        if column.name == "name" and value.strip().lower() in ("", "null", "true", "1e5", "007", "nan"):
            raise InvalidArgument("name: no such text")

    def given(self, column: Column, stored: Any) -> Any:
        return None if column.name == "remark" and stored == "" else super().given(column, stored)


@pytest.mark.parametrize("seed", [3, 4])
def test_what_one_column_refuses_does_not_hide_another_one(seed: int) -> None:
    """Of a page that is refused for one of its documents, each is written alone: the others are judged."""
    unusual = Variant("remarks", Remarks, "", namespaces=["typed.remarks"])
    few = replace(PROFILES["quick"], examples=4)
    (outcome,) = judge(unusual, ["encoding/bson-text"], profile=few, seed=seed).outcomes
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert "remark was written as ''" in outcome.failure.message


class LeavesOut(TypedConnector):
    """A document that does not fit is left out, and the page is answered with OK."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for document in request.data:
            with suppress(ConnectorError):
                super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=[document]))
        return WriteDataResponse()


def test_whatever_does_not_fit_and_is_left_out_is_one_bug() -> None:
    """Unknown fields, nulls, long texts, whole pages: nothing is written of any of them, for one reason."""
    rules = ["schema/unknown-field", "schema/missing-field", "schema/null", "schema/text-length", "schema/page"]
    result = judge(Variant("leaves out", LeavesOut, ""), rules)
    assert len(result.violations()) == len(rules)
    (first,) = (outcome for outcome in result.violations() if not outcome.cause)
    assert first.failure is not None
    assert first.failure.hint.startswith("an error of the store is ignored")


def test_an_update_that_is_changed_names_the_document_that_is() -> None:
    """Of several documents that do not fit, the failure is about the one that came back changed, and names its rule."""
    (fault,) = [found for found in OUTSIDE if found.name == "typed-null-texts-are-empty"]
    result = judge(fault, ["schema/null", "schema/updates"])
    first, second = result.violations()
    assert (first.rule, second.rule, second.cause) == ("schema/null", "schema/updates", "schema/null")
    for outcome in (first, second):
        assert outcome.failure is not None
        assert re.search(
            r"^a document that does not fit \(\w+: of type null, not string\) was accepted, but the listing is not "
            r"what was written: .*: \w+ was written as null, and is '' \(string\)$",
            outcome.failure.message,
        )


@pytest.mark.parametrize("rule", ["plan/default", "lifecycle/over-grpc"])
def test_one_table_is_enough(rule: str) -> None:
    """Rules that use several namespaces where there are some also judge a single one."""
    (outcome,) = judge(Variant("one table", Visits, "", "local", namespaces=["typed.visits"]), [rule]).outcomes
    assert (outcome.status, outcome.notes) == (Status.PASSED, ())


class PlansNoTable(Visits):
    """A plan without namespaces covers none."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        return super().generate_plan(request) if request.namespaces else GeneratePlanResponse()


def test_one_table_that_the_default_plan_lacks_is_missed() -> None:
    """The only table must be in it."""
    result = judge(Variant("no table", PlansNoTable, "", "local", namespaces=["typed.visits"]), ["plan/default"])
    assert [outcome.rule for outcome in result.violations()] == ["plan/default"]
