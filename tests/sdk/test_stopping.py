"""How a server stops: nothing acknowledged is lost, and no caller mistakes the stop for something else."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dsync_kit.client import GrpcClient
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.errors import RETRYABLE_CODES, ConnectorError, Unavailable, UsageError
from dsync_kit.protocol import (
    GetInfoRequest,
    GetInfoResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    WriteDataRequest,
    WriteDataResponse,
)
from dsync_kit.server import ConnectorServer, Keepalive

SECONDS = 30.0  # how long a test waits for what should happen at once


class Sink(Connector):
    """Stores what is written; the page `slow` once `go_on` is set. Its streams give one message, then wait."""

    def __init__(self) -> None:
        self.written: set[bytes] = set()
        self.slow_began = threading.Event()
        self.go_on = threading.Event()
        self.opened = threading.Semaphore(0)
        self.ended = threading.Event()
        self.torn_down = 0

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return GetInfoResponse(db_type="sink")

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if request.namespace == "slow":
            self.slow_began.set()
            assert self.go_on.wait(SECONDS)
        self.written.update(request.data)
        return WriteDataResponse()

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        """With the cursor `endless`, large messages until the call ends."""
        while request.cursor == b"endless" and not context.cancelled:
            yield StreamUpdatesResponse(next_cursor=b"x" * (1 << 20))
            self.opened.release()
        yield StreamUpdatesResponse(next_cursor=b"1")
        context.add_callback(self.ended.set)
        self.opened.release()
        context.wait(3600)
        if request.cursor == b"fails":
            raise OSError("the cursor was closed")

    def teardown(self) -> None:
        self.torn_down += 1


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.go_on.set()


@contextmanager
def client_of(server: ConnectorServer) -> Iterator[GrpcClient]:
    with GrpcClient(server.address, insecure=True, timeout=SECONDS) as client:
        yield client


def in_background(call: Callable[[], object]) -> Callable[[], object]:
    """Begin a call in a thread; returns a function that waits for its result or exception."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except ConnectorError as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> object:
        thread.join(timeout=SECONDS)
        assert not thread.is_alive()
        return results[0]

    return result


def test_streams_end_with_unavailable_and_the_connector_is_torn_down_once(sink: Sink) -> None:
    """OK would mean the end of the data. It does not matter whether the connector ends them in order, or with its own
    error; two stops at once, and a third later, tear the connector down once."""
    server = ConnectorServer(sink).start()
    with client_of(server) as client:
        requests = [StreamUpdatesRequest(), StreamUpdatesRequest(), StreamUpdatesRequest(cursor=b"fails")]
        readers = [in_background(lambda r=request: list(client.stream_updates(r))) for request in requests]  # type: ignore[misc]
        for _ in readers:
            assert sink.opened.acquire(timeout=SECONDS)
        assert sink.torn_down == 0
        stops = [in_background(server.stop) for _ in range(2)]
        assert [stop() for stop in stops] == [0, 0]
        server.stop()
        results = [reader() for reader in readers]
        assert [type(result) for result in results] == [Unavailable] * 3, results
        with pytest.raises(Unavailable):
            client.get_info(GetInfoRequest())
    assert sink.torn_down == 1


def test_what_is_under_way_is_answered_and_what_comes_later_is_refused(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running write is acknowledged, after the health service has announced the stop; a call and a stream that come
    meanwhile are UNAVAILABLE, and the call is not made. Whoever watches the health does not delay the stop."""
    monkeypatch.setattr("dsync_kit.server._CLOSING_SECONDS", 3600.0)
    server = ConnectorServer(sink).start()
    with client_of(server) as client, grpc.insecure_channel(server.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        slow = in_background(lambda: client.write_data(WriteDataRequest(namespace="slow", data=[b"slow"])))
        assert sink.slow_began.wait(SECONDS)
        # The health service says when the stop has begun.
        watched = iter(health.Watch(health_pb2.HealthCheckRequest(), timeout=3600))
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        stop = in_background(server.stop)
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(Unavailable):
            list(client.stream_updates(StreamUpdatesRequest()))
        late = in_background(lambda: client.write_data(WriteDataRequest(data=[b"late"])))
        sink.go_on.set()
        assert slow() == WriteDataResponse()
        assert isinstance(late(), Unavailable)
        assert stop() == 0
    assert sink.written == {b"slow"}


def test_a_call_that_outlasts_the_grace_is_cut_off_and_counted(sink: Sink) -> None:
    """`stop` returns that one call has not ended; its caller is asked to repeat it."""
    server = ConnectorServer(sink).start()
    with client_of(server) as client:
        slow = in_background(lambda: client.write_data(WriteDataRequest(namespace="slow", data=[b"slow"])))
        assert sink.slow_began.wait(SECONDS)
        assert server.stop(grace=0.1) == 1
        assert isinstance(slow(), Unavailable)


def test_eight_callers_see_only_ok_and_what_they_repeat(sink: Sink) -> None:
    """Ten servers stop under eight busy callers: each acknowledged page is there, and no call ends with a code that
    dsync does not retry."""
    codes: set[grpc.StatusCode] = set()
    acknowledged: set[bytes] = set()

    def write(client: GrpcClient, caller: int) -> None:
        for number in range(1_000_000):
            page = b"%d-%d" % (caller, number)
            try:
                client.write_data(WriteDataRequest(data=[page]))
            except ConnectorError as error:
                codes.add(error.code)
                if "stopping" not in error.message:  # the server has gone
                    return
            else:
                acknowledged.add(page)

    for round_ in range(10):
        server = ConnectorServer(sink).start()
        clients = [GrpcClient(server.address, insecure=True, timeout=SECONDS) for _ in range(8)]
        callers = [in_background(lambda c=c, n=n: write(c, n)) for n, c in enumerate(clients, 8 * round_)]  # type: ignore[misc]
        while not all(any(page.startswith(b"%d-" % (8 * round_ + n)) for page in list(sink.written)) for n in range(8)):
            pass
        assert server.stop() == 0
        for caller in callers:
            caller()
        for client in clients:
            client.close()
    assert acknowledged <= sink.written
    assert codes <= RETRYABLE_CODES


def test_a_caller_that_does_not_read_is_not_waited_for(sink: Sink) -> None:
    """A stream that waits for its reader runs none of the connector's code: it is cut off, and ends with an error."""
    server = ConnectorServer(sink).start()
    with client_of(server) as client:
        stream = iter(client.stream_updates(StreamUpdatesRequest(cursor=b"endless")))
        next(stream)
        while sink.opened.acquire(timeout=0.5):
            pass  # until the connection is full
        assert in_background(lambda: server.stop(grace=3600))() == 0
        with pytest.raises(ConnectorError):
            list(stream)


@pytest.mark.parametrize("streams", [False, True])
def test_a_connector_that_exits_is_answered_for(streams: bool) -> None:
    """sys.exit() in a method neither ends the server nor keeps its caller waiting: the call fails, the next works."""

    class Exiting(Sink):
        def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
            raise SystemExit("canary")

        def stream_updates(self, request: object, context: object) -> Iterator[StreamUpdatesResponse]:
            raise SystemExit("canary")
            yield

    with ConnectorServer(Exiting()) as server, client_of(server) as client:
        with pytest.raises(ConnectorError, match="UNKNOWN: the connector asked for its process to end") as caught:
            list(client.stream_updates(StreamUpdatesRequest())) if streams else client.write_data(WriteDataRequest())
        assert "canary" not in str(caught.value)
        assert client.get_info(GetInfoRequest()).db_type == "sink"


class BlackHole:
    """Forwards connections to `target` until `swallow`: from then on nothing passes, and nothing is closed."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._swallowing = threading.Event()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        self._swallowing.set()

    def close(self) -> None:
        for known in (self._listener, *self._sockets):
            known.close()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._target)
        self._sockets += [near, far]
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):  # closed at the end of the test
            while data := one.recv(1 << 16):
                if not self._swallowing.is_set():
                    other.sendall(data)


def test_a_caller_that_vanishes_frees_its_stream(sink: Sink) -> None:
    """Its connection is never closed, and nothing comes over it any more, but the stream still ends."""
    with ConnectorServer(sink, keepalive=Keepalive(idle=0.2, timeout=0.2)) as server:
        hole = BlackHole(server.address)
        try:
            with GrpcClient(hole.address, insecure=True) as client:
                stream = client.stream_updates(StreamUpdatesRequest())
                next(iter(stream))
                assert sink.opened.acquire(timeout=SECONDS)
                assert not sink.ended.wait(1)  # a caller that is there is left alone
                hole.swallow()
                assert sink.ended.wait(SECONDS)
        finally:
            hole.close()


def test_a_successor_takes_over_the_address(sink: Sink) -> None:
    """Two servers share an address if both allow it; calls continue while the first one stops."""
    alone = ConnectorServer(sink).start()
    with pytest.raises(UsageError, match="a server that does not share it"):
        ConnectorServer(sink, alone.address, reuse_port=True)
    alone.stop()
    with ConnectorServer(sink, reuse_port=True) as first:
        with pytest.raises(UsageError, match="the port is taken"):
            ConnectorServer(sink, first.address)
        with client_of(first) as client:
            client.write_data(WriteDataRequest(data=[b"before"]))
            with ConnectorServer(sink, first.address, reuse_port=True):
                first.stop()
                with client_of(first) as new:
                    new.write_data(WriteDataRequest(data=[b"new"]))
                client.write_data(WriteDataRequest(data=[b"after"]))
    assert sink.written == {b"before", b"new", b"after"}
