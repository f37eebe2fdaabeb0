"""What the kit knows about a connector under test: what it declares, what was found out, how long to wait."""

from collections.abc import Callable
from typing import Any

import pytest

from dsync_kit.client import LocalClient
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.needs import lacking, offers
from dsync_kit.conformance.subject.patience import UpdatePatience
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.connector import Connector
from dsync_kit.documents import decode, decode_id, id_of
from dsync_kit.errors import InvalidArgument, NotFound, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    Capabilities,
    GetInfoRequest,
    GetInfoResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.targets.target import OpenTarget
from dsync_kit.testing.harness import Harness
from dsync_kit.usage import TargetError


class Sink(Connector):
    """Accepts what `refuses` lets through, and counts GetInfo calls."""

    def __init__(self, refuses: Callable[[WriteDataRequest], Exception | None] = lambda _: None) -> None:
        self.refuses = refuses
        self.asked = 0
        self.written: list[str] = []

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        self.asked += 1
        sink = Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])
        return GetInfoResponse(db_type="sink", capabilities=Capabilities(sink=sink))

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if (error := self.refuses(request)) is not None:
            raise error
        self.written.append(request.namespace)
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        return WriteUpdatesResponse()


class Reading(Harness):
    """Reads without the connector."""

    def read(self, namespace: str, data_type: Any) -> list[bytes]:
        return []


def subject_of(connector: Connector, *namespaces: str, harness: Harness | None = None) -> Subject:
    """A connector in this process, as a subject."""
    return Subject.of(
        OpenTarget(title="it", api=LocalClient(connector), connector=connector, harness=harness), namespaces
    )


def test_what_is_tried_is_written_to_namespaces_of_this_run() -> None:
    """Trials write to names that no other run has."""
    sink = Sink()
    subject = subject_of(sink)
    assert sink.written
    assert all(subject.namespaces.run in name for name in sink.written)


def test_a_sink_that_nobody_can_read_offers_no_reading() -> None:
    """Reading back needs the source, or the harness."""
    assert not offers(subject_of(Sink()), Need.READING)
    assert offers(subject_of(Sink(), harness=Reading()), Need.READING)
    assert not offers(subject_of(Sink()), Need.SOURCE)
    assert offers(subject_of(Sink()), Need.NO_SOURCE)


def test_every_need_is_answered() -> None:
    """Every need has an answer."""
    subject = subject_of(Sink())
    assert {type(offers(subject, need)) for need in Need} == {bool}


def test_a_store_that_makes_no_namespaces_is_found_out() -> None:
    """If it refuses names that were not created beforehand, the kit writes to offered ones, and says so."""

    def refuses(request: WriteDataRequest) -> Exception | None:
        return None if request.namespace == "offered" else NotFound("no such table")

    found = subject_of(Sink(refuses), "offered").found
    assert not found.makes_namespaces
    assert "it does not create namespaces (NOT_FOUND: no such table)" in found.notes[0]


def test_a_table_that_nobody_made_breaks_no_rule_on_the_given_ones() -> None:
    """An exception for a namespace that does not exist: the kit writes to the given ones, and says what to answer."""

    def breaks(request: WriteDataRequest) -> Exception | None:
        return None if request.namespace == "offered" else IndexError("list index out of range")

    found = subject_of(Sink(breaks), "offered").found
    assert not found.makes_namespaces
    assert "a write to a namespace that does not exist fails (UNKNOWN" in found.notes[0]
    assert found.notes[0].endswith("the kit writes to the given ones; NOT_FOUND is expected")


def test_an_exception_for_every_namespace_may_mean_that_none_is_given() -> None:
    """Without given namespaces the rules meet the exception, and a note says how to give some."""
    found = subject_of(Sink(lambda _: IndexError("list index out of range"))).found
    assert found.makes_namespaces
    assert "if namespaces must be made beforehand, answer NOT_FOUND" in found.notes[0]
    assert "or as `namespaces` in conformance.py" in found.notes[0]


def test_namespaces_that_hold_different_documents_are_not_too_few() -> None:
    """With two tables of different forms, the reason for a skipped rule asks for two of one form."""

    def refuses(request: WriteDataRequest) -> Exception | None:
        (document,) = (decode(data, request.type) for data in request.data)
        if (column := {"a": "x", "b": "y"}.get(request.namespace)) is None:
            return NotFound("no such table")
        fits = document.keys() == {"_id", column} and isinstance(document[column], str)
        return None if fits else InvalidArgument(f"a row has the columns _id, {column}; {column} is a text")

    subject = subject_of(Sink(refuses), "a", "b")
    assert lacking(subject, (Need.TWO_NAMESPACES,)).startswith("the given namespaces hold different documents")


def test_kinds_of_ids_that_a_store_refuses_are_found_out() -> None:
    """Only texts are drawn for a store that accepts nothing else; the note names what it refuses."""

    def refuses(request: WriteDataRequest) -> Exception | None:
        value = decode_id(id_of(request.data[0], request.type)[0])
        return None if isinstance(value, str) else InvalidArgument("a text is needed")

    found = subject_of(Sink(refuses)).found
    assert found.id_kinds[DATA_TYPE_MONGO_BSON] == ("string",)
    assert DATA_TYPE_JSON_ID not in found.id_kinds
    assert "object-id" in found.notes[0]


def test_a_connector_that_does_not_say_what_it_is_cannot_be_looked_at() -> None:
    """The error has the target and the answer."""
    sink = Sink()
    sink.get_info = lambda _: (_ for _ in ()).throw(Unavailable("not yet"))  # type: ignore[assignment, method-assign]
    with pytest.raises(TargetError, match="it: the first call, GetInfo, fails with UNAVAILABLE: not yet"):
        subject_of(sink)


def test_what_hangs_is_asked_no_more() -> None:
    """A connector that did not answer in time is not called to see whether it answers."""
    sink = Sink()
    subject = subject_of(sink)
    before = sink.asked
    assert subject.liveness.answers()
    assert sink.asked == before + 1
    subject.liveness.hangs()
    assert not subject.liveness.answers()
    assert sink.asked == before + 1


def test_patience_follows_what_was_seen() -> None:
    """It is long until some updates have come, then a multiple of the slowest; short after one has not come."""
    patience = UpdatePatience()
    longest = patience.seconds
    for seconds in (0.01, 0.02, 0.4, 0.03, 0.01):
        assert patience.seconds == longest
        patience.arrived(seconds)
    known = patience.seconds
    assert 0.4 < known < longest
    patience.waited_in_vain()
    assert 0.4 < patience.seconds < known
