"""What a connector's code may do to its caller, in this process and over gRPC: raise anything, or never return."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dsync_kit.bounds.patience import Kind
from dsync_kit.client import CallTimeout, ConnectorApi, GrpcClient, LocalClient
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import GetInfoRequest, GetInfoResponse, ListDataRequest, StreamUpdatesRequest
from dsync_kit.server import ConnectorServer

ODD = (SystemExit("needs libfoo"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), BaseException("odd"))


class Odd(Connector):
    """Raises the given exception; without one, blocks until it is released."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.released = threading.Event()

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return GetInfoResponse(db_type="odd")

    def list_data(self, request):
        self._odd()

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[object]:
        context.add_callback(self.released.wait)
        self._odd()
        yield from ()

    def _odd(self) -> None:
        if self.error is not None:
            raise self.error
        self.released.wait(60)


@pytest.fixture(params=["here", "wire"])
def where(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def odd() -> Iterator[Odd]:
    connector = Odd()
    yield connector
    connector.released.set()


@pytest.fixture
def api(odd: Odd, where: str) -> Iterator[ConnectorApi]:
    """Either way, a call may take a fifth of a second."""
    if where == "here":
        yield LocalClient(odd, timeout=1.0)
        return
    with ConnectorServer(odd) as server, GrpcClient(server.address, insecure=True, timeout=1.0) as client:
        client.wait_until_ready(10)
        try:
            yield client
        finally:
            odd.released.set()


@pytest.mark.parametrize("error", ODD, ids=repr)
def test_what_a_connector_raises_is_its_failure(odd: Odd, api: ConnectorApi, error: BaseException) -> None:
    """Whatever it raises, the caller survives and gets a status; the message names sys.exit()."""
    odd.error = error
    with pytest.raises(ConnectorError) as caught:
        api.list_data(ListDataRequest())
    assert caught.value.code.name == "UNKNOWN"
    if isinstance(error, SystemExit):
        # A number reveals nothing; a text may hold credentials, so only the log has it.
        code = error.code if isinstance(error.code, int) else "…"
        assert f"asked for its process to end: sys.exit({code}); its log has details" in str(caught.value)
        assert "libfoo" not in str(caught.value)
    assert api.get_info(GetInfoRequest()).db_type == "odd"


@pytest.mark.parametrize("error", ODD[:2], ids=repr)
def test_what_a_stream_raises_is_its_failure(odd: Odd, api: ConnectorApi, error: BaseException) -> None:
    """As for a call."""
    odd.error = error
    odd.released.set()
    with pytest.raises(ConnectorError):
        next(iter(api.stream_updates(StreamUpdatesRequest())))


def test_a_call_that_never_returns(api: ConnectorApi) -> None:
    """The caller continues after the time limit, and learns which call it was."""
    with pytest.raises(CallTimeout, match=r"ListData did not answer within 1 seconds"):
        api.list_data(ListDataRequest())
    assert api.get_info(GetInfoRequest()).db_type == "odd"


def test_hanging_up_a_stream_that_never_lets_go(odd: Odd, api: ConnectorApi) -> None:
    """The connector's callbacks at the end of a stream do not block the caller."""
    stream = api.stream_updates(StreamUpdatesRequest())

    def read() -> None:
        with suppress(ConnectorError):
            list(stream)

    threading.Thread(target=read, daemon=True).start()
    stream.cancel()
    assert not odd.released.is_set()


def test_ctrl_c_is_the_users() -> None:
    """KeyboardInterrupt in the main thread, where Python raises it for a signal, passes through."""
    with pytest.raises(KeyboardInterrupt):
        LocalClient(Odd(KeyboardInterrupt())).list_data(ListDataRequest())


def test_calls_under_way_are_seen(odd: Odd) -> None:
    """A watch gets each call's name and namespace, and is left when the call has ended or was abandoned."""
    seen: list[str] = []

    class Watched:
        def __init__(self, name: str, kind: Kind) -> None:
            self.name = f"{kind}: {name}"

        def __enter__(self) -> None:
            seen.append(f"begin {self.name}")

        def __exit__(self, *_: object) -> None:
            seen.append(f"end {self.name}")

    client = LocalClient(odd, timeout=0.1, watch=Watched)
    request = ListDataRequest()
    request.partition.namespace = "n"
    with pytest.raises(CallTimeout):
        client.list_data(request)
    assert seen == ["begin call: ListData(namespace='n')", "end call: ListData(namespace='n')"]
