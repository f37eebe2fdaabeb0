"""The initial copy, in one process."""

import threading

import pytest

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext
from dsync_kit.errors import FinalError, InvalidArgument, PermissionDenied, Unavailable, UsageError
from dsync_kit.flow import retries
from dsync_kit.flow.engine import FlowOptions, Mode
from dsync_kit.flow.events import (
    CallRepeated,
    Copied,
    Event,
    Finished,
    PartitionFailed,
    PartitionFinished,
    PartitionRestarted,
    Planned,
    Started,
)
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    Capabilities,
    GetInfoResponse,
    ListDataRequest,
    ListDataResponse,
    WriteDataRequest,
    WriteDataResponse,
)

from .ends import Ends, end, made, numbered, run

COPY = FlowOptions(mode=Mode.INITIAL_SYNC)


def test_everything_is_copied() -> None:
    """Every document of every namespace arrives, and the events have the numbers."""
    source, sink = Ends(), Ends()
    source.fill("a", numbered(95))
    source.fill("b.c", numbered(7))
    events: list[Event] = []
    result = run(source, sink, COPY, listener=events.append)
    assert result.complete
    assert result.documents == 102
    assert sink.contents("a") == source.contents("a")
    assert sink.contents("b.c") == source.contents("b.c")
    assert isinstance(events[0], Started)
    assert events[1] == Planned({"a": 95, "b.c": 7}, {"a": 0, "b.c": 0}, partitions=4, finished=0, streams=0)
    assert sum(event.documents for event in events if isinstance(event, Copied)) == 102
    assert sum(isinstance(event, PartitionFinished) for event in events) == 4
    assert events[-1] == Finished(result)


def test_partitions_are_stripped_and_plans_asked_once() -> None:
    """The source sees only namespace and cursor, and one GeneratePlan with the mode's flags."""
    source = Ends()
    source.fill("a", numbered(50))
    run(source, Ends(), COPY)
    [plan] = source.plans
    assert (plan.initial_sync, plan.updates) == (True, False)
    assert {request.partition.estimated_count for request in source.listings} == {0}
    assert all(request.partition.cursor for request in source.listings)


def test_one_page_is_one_write() -> None:
    """Pages are neither split nor joined, and even an empty page is written."""
    source, sink = Ends(page_size=7, partitions=1), Ends()
    source.fill("a", numbered(20))
    source.fill("empty", [])
    run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=NamespaceMap.parse(["a,empty"])))
    assert sorted(len(request.data) for request in sink.page_writes if request.namespace == "a") == [6, 7, 7]
    assert [len(request.data) for request in sink.page_writes if request.namespace == "empty"] == [0]


def test_mapping() -> None:
    """Only the requested namespaces are copied, under the given names."""
    source, sink = Ends(), Ends()
    for name in ("a", "b", "c"):
        source.fill(name, numbered(5, name=name))
    run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=NamespaceMap.parse(["a,b:x.y"])))
    assert sink.store.namespaces() == ["a", "x.y"]
    assert sink.contents("x.y") == source.contents("b")


def test_limit() -> None:
    """No more documents than requested are copied, whatever the pages and partitions."""
    source = Ends()
    source.fill("a", numbered(200))
    for limit in (1, 10, 33, 199):
        sink = Ends()
        result = run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, limit=limit))
        assert result.complete
        assert result.documents == len(sink.contents("a")) == limit
    assert run(source, Ends(), FlowOptions(limit=500)).documents == 200  # and no stream is opened


def test_waits_are_those_of_dsync() -> None:
    """A call is tried four times in all, about 0.5, 0.75 and 1.1 seconds apart."""
    assert retries.WAITS == (0.5, 0.75, 1.1)


@pytest.mark.usefixtures("quick_waits")
def test_retryable_errors_are_retried() -> None:
    """A listing restarts its partition, a write is repeated; nothing is lost."""
    source, sink = Ends(partitions=1, page_size=1), Ends()
    source.fill("a", numbered(35))
    events: list[Event] = []
    sink.faults["write_data"] = [Unavailable("throttled")] * 3

    def fail_later(event: Event) -> None:
        if isinstance(event, Copied) and not any(isinstance(known, Copied) for known in events):
            source.faults["list_data"] = [Unavailable("gone")]
        events.append(event)

    result = run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, writers=1), listener=fail_later)
    assert result.complete
    assert sink.contents("a") == source.contents("a")
    assert sum(isinstance(event, CallRepeated) for event in events) == 3
    [restarted] = [event for event in events if isinstance(event, PartitionRestarted)]
    assert "UNAVAILABLE: gone" in restarted.reason
    assert [request.cursor for request in source.listings].count(b"") == 2
    copied = sum(event.documents for event in events if isinstance(event, Copied))
    assert copied == 35 + restarted.documents


@pytest.mark.usefixtures("quick_waits")
def test_a_partition_begins_again_when_its_pages_are_written() -> None:
    """While a partition is listed again, no page of its failed listing is still being written."""
    happened: list[str] = []

    class Slow(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            threading.Event().wait(0.1)
            answer = super().write_data(request)
            happened.append("written")
            return answer

    class Failing(Ends):
        def list_data(self, request: ListDataRequest) -> ListDataResponse:
            if len(self.listings) == 2:
                self.listings.append(request)
                raise Unavailable("gone")
            happened.append("next page" if request.cursor else "first page")
            return super().list_data(request)

    source = Failing(partitions=1, page_size=5)
    source.fill("a", numbered(15))
    assert run(source, Slow(), COPY).complete
    assert happened[: happened.index("first page", 1)].count("written") == 2


@pytest.mark.usefixtures("quick_waits")
@pytest.mark.parametrize(("rpc", "tries"), [("list_data", 4), ("write_data", 4)])
def test_retries_come_to_an_end(rpc: str, tries: int) -> None:
    """After the fourth failure in a row, the partition has failed."""
    source, sink = Ends(partitions=1), Ends()
    source.fill("a", numbered(5))
    end_ = source if rpc == "list_data" else sink
    end_.faults[rpc] = [Unavailable("gone")] * 4
    result = run(source, sink, COPY)
    assert [failure.reason for failure in result.failures] == ["UNAVAILABLE: gone"]
    assert len(source.listings if rpc == "list_data" else sink.page_writes) == tries


@pytest.mark.parametrize("error", [InvalidArgument("bad"), PermissionDenied("no"), FinalError("broken")])
@pytest.mark.parametrize("rpc", ["list_data", "write_data"])
def test_a_final_error_fails_its_partition_alone(rpc: str, error: FinalError) -> None:
    """It is not retried, the other partitions are copied, and the reason is reported."""
    source, sink = Ends(partitions=4, page_size=1000), Ends()
    source.fill("a", numbered(200))
    (source if rpc == "list_data" else sink).faults[rpc] = [error]
    events: list[Event] = []
    result = run(source, sink, COPY, listener=events.append)
    assert not result.complete
    assert [failure.reason for failure in result.failures] == [str(error)]
    [failed] = [event for event in events if isinstance(event, PartitionFailed)]
    assert failed.reason == str(error)
    assert sum(isinstance(event, PartitionFinished) for event in events) == 3
    done = sum(event.documents for event in events if isinstance(event, PartitionFinished))
    assert len(sink.contents("a")) == done > 100
    assert len(source.listings) == 4


def test_a_cursor_that_stands_still() -> None:
    """A listing that returns its request's cursor fails, and does not loop for ever."""

    class Stuck(Ends):
        def list_data(self, request: ListDataRequest) -> ListDataResponse:
            return ListDataResponse(next_cursor=b"again")

    source = Stuck(partitions=1)
    source.fill("a", numbered(5))
    result = run(source, Ends(), COPY)
    assert "the cursor of its own request" in result.failures[0].reason


def test_pages_are_fetched_while_others_are_written() -> None:
    """With one copier and one writer, the next page is requested before the first one is written."""
    asked = threading.Event()

    class Slow(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            assert asked.wait(30)
            return super().write_data(request)

    class Telling(Ends):
        def list_data(self, request: ListDataRequest) -> ListDataResponse:
            if request.cursor:
                asked.set()
            return super().list_data(request)

    source = Telling(partitions=1)
    source.fill("a", numbered(30))
    assert run(source, Slow(), FlowOptions(mode=Mode.INITIAL_SYNC, copiers=1, writers=1)).complete


def test_what_is_listed_ahead_is_bounded() -> None:
    """While the sink stands still, only a few pages are requested from the source."""
    go = threading.Event()

    class Still(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            assert go.wait(30)
            return super().write_data(request)

    source = Ends(partitions=4, page_size=1)
    source.fill("a", numbered(300))
    runner = threading.Thread(target=run, args=(source, Still(), COPY), daemon=True)
    runner.start()
    for _ in range(20):
        runner.join(0.01)
    ahead = len(source.listings)
    go.set()
    runner.join(60)
    assert not runner.is_alive()
    assert 0 < ahead <= 2 * 4 + 4
    assert len(source.listings) >= 300


def test_the_sources_first_choice_that_the_sink_takes() -> None:
    """The type is the first one in the source's list that the sink also lists."""

    class Json(Ends):
        def sink_capabilities(self) -> Capabilities.Sink:
            return Capabilities.Sink(supported_data_types=[DATA_TYPE_JSON_ID])

    source, sink = Ends(), Json()
    source.fill("a", numbered(3))
    assert run(source, sink, COPY).complete
    assert {request.type for request in sink.page_writes} == {DATA_TYPE_JSON_ID}
    plain = Ends()
    assert run(source, plain, COPY).complete
    assert {request.type for request in plain.page_writes} == {DATA_TYPE_MONGO_BSON}


class _Only(Ends):
    """A connector with other capabilities."""

    def __init__(self, **source: object) -> None:
        super().__init__()
        self._source = source

    def source_capabilities(self) -> Capabilities.Source:
        return Capabilities.Source(**{"supported_data_types": [DATA_TYPE_JSON_ID], **self._source})

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_JSON_ID])


def test_no_type_in_common() -> None:
    """The error says what each end has, before anything is planned."""
    source = made("/dev/random")
    with pytest.raises(UsageError, match="one gives MONGO_BSON, the other takes JSON_ID"):
        run(source, _Only(), COPY)


def test_what_an_end_is_not() -> None:
    """A sink is not a source, and a source is not a sink."""
    with pytest.raises(UsageError, match="the source is not a source"):
        run(made("/dev/null"), Ends(), COPY)
    with pytest.raises(UsageError, match="the sink is not a sink"):
        run(Ends(), made("/dev/fakesource"), COPY)


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "cannot say which namespaces it has: name them"), (["a,b"], "takes one namespace per run, but 2 were given")],
)
def test_namespaces_that_a_source_cannot_plan(names: list[str], message: str) -> None:
    """None needs default_plan, several need multi_namespace_plan; a single one is always allowed."""
    source = _Only()
    source.fill("a", [{"id": 1}], DATA_TYPE_JSON_ID)
    with pytest.raises(UsageError, match=message):
        run(source, Ends(), FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=NamespaceMap.parse(names)))
    assert run(source, Ends(), FlowOptions(mode=Mode.INITIAL_SYNC, namespaces=NamespaceMap.parse(["a"]))).complete


def test_nothing_planned() -> None:
    """A plan without partitions is an error."""
    with pytest.raises(UsageError, match="has planned nothing: there is no partition of anything"):
        run(Ends(), Ends(), COPY)


def test_a_stopped_copy_keeps_what_is_done() -> None:
    """Stopping ends the listing, running writes finish, and the result says that it was interrupted."""
    source, sink = Ends(page_size=1, partitions=8), Ends()
    source.fill("a", numbered(400))
    stop = CallContext()
    result = run(source, sink, COPY, stop=stop, listener=lambda event: isinstance(event, Copied) and stop.cancel())
    assert result.interrupted
    assert not result.complete
    assert 0 < len(sink.contents("a")) < 400
    assert len(sink.contents("a")) == result.documents


def test_a_plan_that_is_refused() -> None:
    """GeneratePlan is not retried, and the error says which end refused it."""
    source = Ends()
    source.faults["generate_plan"] = [Unavailable("gone")] * 2
    with pytest.raises(Unavailable, match=r"GeneratePlan of the source .*: gone"):
        run(source, Ends(), COPY)
    assert len(source.plans) == 1


def test_local_calls_without_copies() -> None:
    """A connector in this process gets the same message object, and its answer is passed on unchanged."""
    seen = []

    class Telling(Ends):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            seen.append(request)
            return super().write_data(request)

    connector = Telling()
    request = WriteDataRequest(namespace="a", type=DATA_TYPE_MONGO_BSON)
    LocalClient(connector, copies=False).write_data(request)
    LocalClient(connector).write_data(request)
    assert seen[0] is request
    assert seen[1] is not request
    assert seen[1] == request
    assert isinstance(end(connector).info(), GetInfoResponse)


@pytest.mark.usefixtures("quick_waits")
def test_a_sink_that_is_gone_is_not_asked_for_each_partition() -> None:
    """After a few partitions in a row whose retries failed, the others are not tried."""

    class Gone(Ends):
        asked = 0

        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            self.asked += 1
            raise Unavailable("connection refused")

    source, sink = Ends(), Gone()
    for number in range(30):
        source.fill(f"n{number}", numbered(1))
    result = run(source, sink, FlowOptions(mode=Mode.INITIAL_SYNC, copiers=1))
    assert sink.asked == 3 * (1 + len(retries.WAITS))
    assert not result.complete
    assert "not tried: 3 in a row" in result.failures[-1].reason
