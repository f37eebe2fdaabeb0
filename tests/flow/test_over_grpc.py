"""Both ends behind addresses."""

from contextlib import ExitStack

from dsync_kit.client import GrpcClient, LocalClient
from dsync_kit.connector import CallContext
from dsync_kit.flow.engine import FlowOptions, run_flow
from dsync_kit.flow.events import UpdatesWritten
from dsync_kit.flow.negotiation import End
from dsync_kit.flow.state import State
from dsync_kit.server import ConnectorServer

from .ends import Ends, delete, made, numbered, upsert
from .test_updating import Changing


def test_source_and_sink_over_grpc() -> None:
    """Copy, updates and comparison work through two servers as in one process; gzip makes no difference."""
    source, sink = Changing(("a", [upsert(3, v=1), delete(4)])), Ends()
    source.fill("a", numbered(300, text="x" * 200))
    with ExitStack() as stack:
        ends = [
            End(name, stack.enter_context(GrpcClient(server.address, insecure=True, gzip=True)))
            for name, connector in (("source", source), ("sink", sink))
            for server in [stack.enter_context(ConnectorServer(connector))]
        ]
        events: list[object] = []
        result = run_flow(*ends, FlowOptions(verify=True), state=State(), stop=CallContext(), listener=events.append)
    assert result.complete
    assert sink.contents("a") == source.contents("a")


def test_an_endless_stream_over_grpc_is_stopped() -> None:
    """Stopping hangs up, and is not a failure."""
    source = made("/dev/fakesource", "--num-docs-per-partition=5", "--stream-tick=5ms")
    stop = CallContext()
    with ConnectorServer(source) as server, GrpcClient(server.address, insecure=True) as client:
        result = run_flow(
            End("source", client),
            End("sink", LocalClient(Ends())),
            FlowOptions(),
            state=State(),
            stop=stop,
            listener=lambda event: isinstance(event, UpdatesWritten) and stop.cancel(),
        )
    assert result.interrupted
    assert not result.failures
