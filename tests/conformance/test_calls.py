"""How calls are made and recorded: instances, notes, time limits."""

import threading
from collections.abc import Iterator

import pytest

from dsync_kit.bounds.patience import Attempt
from dsync_kit.client import LocalClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Call, Note, Recorder, show_document
from dsync_kit.conformance.calls.written import versions_of, written
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.documents.strategies import BSON, JSON, make_document, update
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.errors import ConnectorError, FinalError, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    RPCS,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoRequest,
    GetInfoResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    UpdatesPartition,
    WriteDataRequest,
    WriteUpdatesRequest,
)

RPC = {rpc.name: rpc for rpc in RPCS}


class Named(Connector):
    """Returns its name, unless it is away."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.away = False

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        if self.away:
            raise Unavailable("away")
        return GetInfoResponse(db_type=self.name)


def test_a_long_call_shows_what_a_failure_is_about() -> None:
    """Of ten updates, those of the document that is wrong; if there are none, the first ones."""
    documents = [make_document(f"doc-{number}", {"n": 1}, BSON) for number in range(10)]
    updates = [update(UPDATE_TYPE_UPDATE, f"doc-{number}", documents[number], BSON) for number in range(10)]
    call = Call(RPC["WriteUpdates"], WriteUpdatesRequest(namespace="n", updates=updates, type=BSON))
    about = call.shown({document_key(documents[8], BSON)})
    assert "updates=[UPDATE 'doc-8' {" in about
    assert "… 9 more]" in about
    for shown in (str(call), call.shown({document_key(make_document("other", {}, BSON), BSON)})):
        assert "updates=[UPDATE 'doc-0' {" in shown
        assert "… 6 more]" in shown
    pages = Call(RPC["WriteData"], WriteDataRequest(namespace="n", data=documents, type=BSON))
    assert 'data=[{"_id": "doc-8"' in pages.shown({document_key(documents[8], BSON)})


def test_calls_of_all_instances_are_in_one_transcript() -> None:
    """They are in order, each an object with its instance, RPC and request."""
    recorder = Recorder(LocalClient(Named("first")))
    other = recorder.other(LocalClient(Named("other")), "second instance")
    recorder.get_info(GetInfoRequest())
    recorder.note("(something happens)")
    other.get_info(GetInfoRequest())
    assert [(call.instance, call.rpc.name, type(call.request)) for call in recorder.calls] == [
        ("", "GetInfo", GetInfoRequest),
        ("second instance", "GetInfo", GetInfoRequest),
    ]
    assert [type(entry) for entry in recorder.entries()] == [Call, Note, Call]
    assert recorder.transcript() == (
        "  1  GetInfo() → db_type='first'",
        "  2  (something happens)",
        "  3  second instance: GetInfo() → db_type='other'",
    )


def test_calls_of_an_earlier_example_can_be_included() -> None:
    """They precede later calls, and stay in their own transcript."""
    earlier, later = Recorder(LocalClient(Named("earlier"))), Recorder(LocalClient(Named("later")))
    earlier.get_info(GetInfoRequest())
    later.include(earlier.entries())
    later.get_info(GetInfoRequest())
    assert [call.responses[0].db_type for call in later.calls if isinstance(call.responses[0], GetInfoResponse)] == [
        "earlier",
        "later",
    ]
    assert len(earlier.calls) == 1


def test_silence_begins_with_the_first_call_that_was_not_answered() -> None:
    """Later unanswered calls are left out."""
    connector = Named("it")
    recorder = Recorder(LocalClient(connector))
    recorder.get_info(GetInfoRequest())
    connector.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            recorder.get_info(GetInfoRequest())
    assert recorder.until_silence() == ("GetInfo() → db_type='it'", "GetInfo() → UNAVAILABLE: away")


def test_an_attempt_is_waited_for_as_long_as_asked() -> None:
    """A call that does not end is abandoned, and may be waited for again."""
    goes_on = threading.Event()
    attempt = Attempt(lambda: goes_on.wait() and "done")
    assert not attempt.ends(0.01)
    goes_on.set()
    assert attempt.ends(10)
    assert attempt.answer() == "done"


def test_what_an_attempt_raised_is_raised() -> None:
    """As if it had been called directly."""

    def fails() -> None:
        raise Unavailable("away")

    attempt = Attempt(fails)
    assert attempt.ends(10)
    with pytest.raises(Unavailable, match="away"):
        attempt.answer()


class OneSlot(Connector):
    """Plans updates unless a stream holds its only slot, which the database frees at the third plan."""

    def __init__(self) -> None:
        self.held = False
        self.refusals = 0

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        if request.updates and self.held:
            self.refusals += 1
            self.held = self.refusals < 2
            raise FinalError("the slot is active")
        return GeneratePlanResponse(updates_partitions=[UpdatesPartition()] if request.updates else [])

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        self.held = True
        yield StreamUpdatesResponse(next_cursor=b"1")
        context.wait(60)


def test_a_plan_waits_for_the_slot_of_a_cancelled_stream() -> None:
    """It is repeated if it is refused just after a stream was cancelled."""
    connector = OneSlot()
    driver = Driver(LocalClient(connector))
    stream = driver.stream_updates(b"", [], DATA_TYPE_MONGO_BSON)
    assert stream.next(10) is not None
    stream.cancel()
    assert driver.plan(updates=True).updates_partitions
    assert connector.refusals == 2


def test_a_plan_is_not_repeated_while_a_stream_is_open() -> None:
    """A refusal because of an open stream is final, as for dsync."""
    connector = OneSlot()
    driver = Driver(LocalClient(connector))
    with driver.stream_updates(b"", [], DATA_TYPE_MONGO_BSON) as stream:
        assert stream.next(10) is not None
        with pytest.raises(ConnectorError, match="the slot is active"):
            driver.plan(updates=True)
    assert connector.refusals == 1


def test_what_was_written_is_read_from_every_kind_of_write() -> None:
    """Each document and update comes with its call; a DELETE carries no document, a malformed document has no key."""
    page = WriteDataRequest(namespace="n", type=BSON, data=[make_document("a", {}, BSON), b"odd"])
    removal = update(UPDATE_TYPE_DELETE, "a", b"", BSON)
    changes = WriteUpdatesRequest(namespace="m", type=BSON, updates=[removal])
    calls = [Call(RPC[name], request) for name, request in (("WriteData", page), ("WriteUpdates", changes))]
    found = [(call.rpc.name, write.namespace, write.document, write.key) for call, write in written(calls)]
    key = document_key(page.data[0], BSON)
    assert found == [
        ("WriteData", "n", page.data[0], key),
        ("WriteData", "n", b"odd", None),
        ("WriteUpdates", "m", None, key),
    ]


def test_the_versions_of_a_document_are_those_with_its_id_and_type() -> None:
    """Another id, another type, and a document cut short are no versions, though all of them were sent."""
    one, two = (make_document("a", {"v": number}, BSON) for number in (1, 2))
    others = [make_document("b", {"v": 1}, BSON), two[:-1]]
    pages = [
        WriteDataRequest(namespace="n", type=BSON, data=[one, *others]),
        WriteDataRequest(namespace="n", type=JSON, data=[make_document("a", {"v": 1}, JSON)]),
    ]
    changes = WriteUpdatesRequest(namespace="n", type=BSON, updates=[update(UPDATE_TYPE_UPDATE, "a", two, BSON)])
    calls = [*(Call(RPC["WriteData"], page) for page in pages), Call(RPC["WriteUpdates"], changes)]
    assert versions_of(one, BSON, calls) == [one, two]


@pytest.mark.parametrize("length", [91, 123, 92])
def test_a_bson_document_is_shown_as_json_whatever_its_length(length: int) -> None:
    """Its first byte is a part of its length, and may be a bracket."""
    text = "x" * (length - len(make_document("a", {"t": ""}, BSON)))
    document = make_document("a", {"t": text}, BSON)
    assert len(document) == length
    assert show_document(document) == f'{{"_id": "a", "t": "{text}"}}'
    assert show_document(make_document("a", {"t": text}, JSON)).startswith("{")
