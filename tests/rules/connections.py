"""A server with a separate connector for each connection, like servers that keep state for each connection."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from dsync_kit.client import LocalClient
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import RPCS, SERVICE_NAME, Rpc
from dsync_kit.targets.local import torn_down

__all__ = ["served_per_connection"]

_WORKERS = 32


@contextmanager
def served_per_connection(make: Callable[[], Connector]) -> Iterator[str]:
    """The address of a server on loopback: calls over a new connection meet a new connector."""
    with ExitStack() as stack:
        connections = _Connections(make, stack)
        server = grpc.server(ThreadPoolExecutor(_WORKERS))
        handlers = {rpc.name: _handler(rpc, connections) for rpc in RPCS}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        stack.callback(lambda: server.stop(None).wait())
        server.start()
        yield f"127.0.0.1:{port}"


class _Connections:
    def __init__(self, make: Callable[[], Connector], stack: ExitStack) -> None:
        self._make = make
        self._stack = stack
        self._lock = threading.Lock()
        self._clients: dict[str, LocalClient] = {}

    def client(self, context: grpc.ServicerContext) -> LocalClient:
        """The connector of a call's connection."""
        with self._lock:
            peer = context.peer()
            if peer not in self._clients:
                self._clients[peer] = LocalClient(self._stack.enter_context(torn_down(self._make())))
            return self._clients[peer]


def _handler(rpc: Rpc, connections: _Connections) -> "grpc.RpcMethodHandler[Any, Any]":
    def unary(request: Message, context: grpc.ServicerContext) -> Any:
        try:
            return getattr(connections.client(context), rpc.method)(request)
        except ConnectorError as error:
            context.abort(error.code, error.message)

    def streaming(request: Message, context: grpc.ServicerContext) -> Iterator[Any]:
        stream = getattr(connections.client(context), rpc.method)(request)
        context.add_callback(stream.cancel)
        try:
            yield from stream
        except ConnectorError as error:
            context.abort(error.code, error.message)

    decode, encode = rpc.request.FromString, rpc.response.SerializeToString
    if rpc.streams:
        return grpc.unary_stream_rpc_method_handler(streaming, decode, encode)
    return grpc.unary_unary_rpc_method_handler(unary, decode, encode)
