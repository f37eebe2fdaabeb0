"""The updates, in one process."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from dsync_kit.connector import CallContext
from dsync_kit.documents import decode, encode_id
from dsync_kit.errors import InvalidArgument, Unavailable, UsageError
from dsync_kit.flow.engine import FlowOptions, Mode
from dsync_kit.flow.events import CallRepeated, Event, LsnSeen, Notice, StreamEnded, StreamStarted, UpdatesWritten
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.state import State
from dsync_kit.flow.updating import lane_of
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    GeneratePlanRequest,
    GeneratePlanResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    UpdatesPartition,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .ends import Ends, delete, ids, made, numbered, run, upsert


class Changing(Ends):
    """A source whose documents change after the plan, and whose stream then ends."""

    def __init__(self, *changes: tuple[str, list[Any]], page_size: int = 10) -> None:
        super().__init__(page_size=page_size)
        self.stream_ends = True
        self._changes = changes

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan: GeneratePlanResponse = super().generate_plan(request)
        for namespace, updates in self._changes:
            self.change(namespace, updates)
        return plan


def test_the_copy_and_then_the_updates() -> None:
    """In full mode, the sink finally has what the source has, and the end of the stream ends the run."""
    source = Changing(("a", [upsert(3, v=1), delete(4), upsert(100)]), ("b", [upsert("x", v=2), upsert("x", v=3)]))
    source.fill("a", numbered(20))
    sink = Ends()
    events: list[Event] = []
    result = run(source, sink, listener=events.append)
    assert result.complete
    assert result.updates == 5
    assert sink.contents("a") == source.contents("a")
    assert sink.contents("b") == {"x": {"_id": "x", "v": 3}}
    kinds = [type(event) for event in events]
    assert kinds.index(StreamStarted) < kinds.index(UpdatesWritten) < kinds.index(StreamEnded)


def test_cdc_copies_nothing() -> None:
    """In cdc mode, only changes are written, under their names at the destination."""
    source = Changing(("a", [upsert(3, v=1)]))
    source.fill("a", numbered(20))
    sink = Ends()
    options = FlowOptions(mode=Mode.CDC, namespaces=NamespaceMap.parse(["a:z"]))
    assert run(source, sink, options).complete
    assert sink.contents("z") == {3: {"_id": 3, "v": 1}}
    assert not source.listings
    [plan] = source.plans
    assert (plan.initial_sync, plan.updates) == (False, True)


def test_the_plans_flags_in_full_mode() -> None:
    """A full run requests both, once."""
    source = Changing()
    source.fill("a", numbered(2))
    run(source, Ends())
    [plan] = source.plans
    assert (plan.initial_sync, plan.updates, list(plan.namespaces)) == (True, True, [])


def test_a_source_without_updates() -> None:
    """A full run ends after the copy, and says so; a cdc run is refused."""

    class Copied(Ends):
        def updates_partitions(self, requested: object) -> list[UpdatesPartition]:
            return []

    source = Copied()
    source.fill("a", numbered(2))
    events: list[Event] = []
    assert run(source, Ends(), listener=events.append).complete
    assert any("streams no updates" in event.text for event in events if isinstance(event, Notice))
    with pytest.raises(UsageError, match="has planned nothing"):
        run(source, Ends(), FlowOptions(mode=Mode.CDC))


def test_a_live_stream_goes_on_until_it_is_stopped() -> None:
    """Later updates are written; stopping ends the run in order."""
    source, sink, stop = Ends(), Ends(), CallContext()
    source.fill("a", numbered(2))
    done: list[Any] = []

    def listen(event: Event) -> None:
        if isinstance(event, StreamStarted):
            threading.Thread(target=source.change, args=("a", [upsert(7), delete(1)])).start()
        if isinstance(event, UpdatesWritten):
            done.append(event.updates)
            if sum(done) == 2:
                stop.cancel()

    result = run(source, sink, listener=listen, stop=stop)
    assert result.interrupted
    assert not result.failures
    assert set(sink.contents("a")) == {0, 7}


def test_many_updates_of_one_id_keep_their_order() -> None:
    """With several writers and a slow sink, the last update of each id wins, and none is lost."""
    updates = [upsert(number % 7, v=number) for number in range(2000)]

    class Uneven(Ends):
        def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
            threading.Event().wait(0.002 * (ids(request.updates)[0] % 3))
            return super().write_updates(request)

    source, sink = Changing(("a", updates), page_size=5), Uneven()
    source.fill("a", numbered(7))
    result = run(source, sink, FlowOptions(writers=6))
    assert result.updates == 2000
    assert sink.contents("a") == source.contents("a")
    written: dict[int, list[int]] = {}
    for request in sink.update_writes:  # in the order of the calls, of which one id has one at a time
        for update in request.updates:
            document = decode(update.data, DATA_TYPE_MONGO_BSON)
            written.setdefault(document["_id"], []).append(document["v"])
    assert written == {key: list(range(key, 2000, 7)) for key in range(7)}


def test_small_messages_are_joined() -> None:
    """With one update per message, updates that come while the sink writes are joined into one call."""

    class Single(Changing):
        def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[StreamUpdatesResponse]:
            for message in super().stream_updates(request, context):
                for update in message.updates:
                    yield StreamUpdatesResponse(namespace=message.namespace, updates=[update])

    class Slow(Ends):
        def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
            threading.Event().wait(0.02)
            return super().write_updates(request)

    source, sink = Single(("a", [upsert(number) for number in range(400)])), Slow()
    source.fill("a", [])
    source.fill("b", numbered(1))
    assert run(source, sink, FlowOptions(writers=2)).updates == 400
    assert len(sink.update_writes) < 60


def test_one_call_has_one_namespace() -> None:
    """Updates of several namespaces go into separate calls."""
    changes = [("a" if number % 2 else "b", [upsert(number)]) for number in range(50)]
    source, sink = Changing(*changes), Ends()
    source.fill("c", numbered(1))
    run(source, sink, FlowOptions(writers=1))
    assert sorted(key for request in sink.update_writes for key in ids(request.updates)) == list(range(50))
    for request in sink.update_writes:
        assert {key % 2 for key in ids(request.updates)} == {1 if request.namespace == "a" else 0}


@pytest.mark.usefixtures("quick_waits")
def test_a_write_is_repeated() -> None:
    """After a retryable code, the same call is repeated; nothing is lost or out of order."""
    source, sink = Changing(("a", [upsert(1, v=number) for number in range(5)])), Ends()
    source.fill("b", numbered(1))
    sink.faults["write_updates"] = [Unavailable("gone")] * 3
    events: list[Event] = []
    assert run(source, sink, listener=events.append).complete
    assert sink.contents("a") == {1: {"_id": 1, "v": 4}}
    assert [event.rpc for event in events if isinstance(event, CallRepeated)] == ["WriteUpdates"] * 3


def test_a_write_that_fails_ends_the_run(tmp_path: Any) -> None:
    """A final error ends the streams; the cursor is not saved, so the update comes again."""
    source, sink = Changing(("a", [upsert(1)])), Ends()
    source.fill("b", numbered(1))
    sink.faults["write_updates"] = [InvalidArgument("bad")]
    with State(tmp_path / "state") as state:
        result = run(source, sink, state=state)
        assert [failure.reason for failure in result.failures] == ["INVALID_ARGUMENT: bad"]
        assert "the same command resumes" in result.resume
        assert state.cursor(0) is None
    with State(tmp_path / "state") as state:
        assert run(source, sink, state=state).complete
        assert sink.contents("a") == {1: {"_id": 1}}


def test_a_stream_that_fails_ends_the_run() -> None:
    """It is not reopened, and the run is not complete."""
    source = Changing()
    source.fill("b", numbered(1))
    source.faults["stream_updates"] = [Unavailable("gone")]
    events: list[Event] = []
    result = run(source, Ends(), listener=events.append)
    assert [failure.reason for failure in result.failures] == ["UNAVAILABLE: gone"]
    assert [event.reason for event in events if isinstance(event, StreamEnded)] == ["UNAVAILABLE: gone"]


def test_what_came_before_a_stream_failed_is_written() -> None:
    """Updates that were read are written, although the stream then fails."""

    class Breaking(Changing):
        def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[StreamUpdatesResponse]:
            yield from super().stream_updates(request, context)
            raise Unavailable("gone")

    class Slow(Ends):
        def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
            threading.Event().wait(0.05)
            return super().write_updates(request)

    source, sink = Breaking(("a", [upsert(number) for number in range(30)])), Slow()
    source.fill("b", numbered(1))
    result = run(source, sink)
    assert [failure.reason for failure in result.failures] == ["UNAVAILABLE: gone"]
    assert len(sink.contents("a")) == 30


def test_no_stream_after_a_failed_partition() -> None:
    """The stream only starts once everything is copied."""
    source = Changing(("b", [upsert(9)]))
    source.fill("b", numbered(1))
    source.faults["list_data"] = [InvalidArgument("bad")]
    sink = Ends()
    assert len(run(source, sink).failures) == 1
    assert not sink.update_writes


def test_several_updates_partitions() -> None:
    """They are read at once, and each has its own cursor."""
    source = made(
        "/dev/fakesource",
        "--num-update-partitions-per-namespace=2",
        "--num-docs-per-partition=4",
        "--stream-tick=1ms",
        "--update-duration=100ms",
    )
    sink = Ends()
    with State() as state:
        assert run(source, sink, state=state).complete
        assert all(state.cursor(number) for number in range(4))
    revised = [document for document in sink.contents("ns0", DATA_TYPE_JSON_ID).values() if "revision" in document]
    assert len(revised) == 12


def test_the_lsn_is_reported() -> None:
    """StreamLSN is opened at the start, and its numbers become events."""
    source = Changing(("a", [upsert(number) for number in range(30)]))
    source.fill("a", numbered(1))
    seen = threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, LsnSeen) and event.lsn == 30:
            seen.set()

    class Waiting(Ends):
        def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
            assert seen.wait(30)
            return super().write_updates(request)

    assert run(source, Waiting(), listener=listen).complete


EQUAL = [5, Int64(5), 5.0, Decimal128("5"), Decimal128("5.0")]


def test_numbers_that_may_be_one_id_have_one_writer() -> None:
    """int32 5, int64 5, double 5.0 and decimal 5 go to one writer; other ids are spread."""
    assert len({lane_of([encode_id(value)], 64) for value in EQUAL}) == 1
    assert len({lane_of([encode_id({"a": 1, "b": value})], 64) for value in (1, 1)}) == 1
    odd = [float("nan"), float("inf"), -0.0, 0, Decimal128("NaN"), Decimal128("sNaN"), Decimal128("1E+6000"), None]
    assert all(0 <= lane_of([encode_id(value)], 4) < 4 for value in [*odd, True, b"x", ObjectId(), "t"])
    assert lane_of([encode_id(0)], 64) == lane_of([encode_id(-0.0)], 64)
    assert {lane_of([encode_id(f"id-{number}")], 4) for number in range(100)} == {0, 1, 2, 3}
