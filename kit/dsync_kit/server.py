"""A connector as a gRPC server, as dsync drives it: `grpc://HOST:PORT`."""

import ctypes
import logging
import platform
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from dsync_kit.connector import CallContext, Connector
from dsync_kit.errors import Status, UsageError, status_of
from dsync_kit.protocol import RPCS, SERVICE_NAME, Rpc

__all__ = ["ConnectorServer", "Tls"]

logger = logging.getLogger(__name__)

# A stream holds a thread for as long as it lives: with all threads in streams no other call would be answered.
_WORKERS = 64
_STREAMS = 48

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # dsync sets no limit on pages, and repeats a refused one in vain
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),  # a busy port is an error, not a second listener that gets half of the calls
)


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its private key, both PEM."""

    certificate: bytes
    key: bytes


class ConnectorServer:
    """Serves one connector; `address` is where, with the port that was taken if 0 was asked for.

    `redact` is applied to the messages of errors, beside the connector's own: that of its settings, for one.
    Raises UsageError where it cannot listen at `address`.
    """

    def __init__(
        self,
        connector: Connector,
        address: str = "127.0.0.1:0",
        *,
        tls: Tls | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        _tune_malloc()
        self._redact = redact or str
        self._connector = connector
        self._calls: set[CallContext] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._torn_down = False
        self._server = grpc.server(ThreadPoolExecutor(_WORKERS, "rpc"), options=_OPTIONS)
        handlers = {rpc.name: self._handler(rpc) for rpc in RPCS}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        services = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(services, self._server)
        self.address = self._listen(address, tls)

    def start(self) -> Self:
        """Begin to answer; returns itself."""
        self._server.start()
        for service in ("", SERVICE_NAME):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return self

    def stop(self, grace: float = 5.0) -> None:
        """End in order: refuse new calls, end the streams, wait `grace` seconds for the rest, tear down."""
        with self._lock:
            self._stopping = True
            calls = list(self._calls)
        self._health.enter_graceful_shutdown()
        stopped = self._server.stop(grace)
        for call in calls:
            call.cancel()
        stopped.wait()
        with self._lock:
            first, self._torn_down = not self._torn_down, True
        if first:
            try:
                self._connector.teardown()
            except Exception as error:
                logger.error("the teardown failed\n%s", self._redacted("".join(traceback.format_exception(error))))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self, address: str, tls: Tls | None) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"cannot listen at {address!r}: expected HOST:PORT, for example 127.0.0.1:8088")
        try:
            bound = _add_port(self._server, address, tls)
        except (RuntimeError, ValueError) as error:
            if tls is not None and not _is_valid(tls):
                raise UsageError(f"cannot listen at {address}: the certificate or its key is not valid PEM") from error
            raise UsageError(
                f"cannot listen at {address}: the port is taken, or the host is not this machine's "
                "(port 0 takes any free one)"
            ) from error
        return f"{host}:{bound}"

    def _handler(self, rpc: Rpc) -> "grpc.RpcMethodHandler[Any, Any]":
        method = getattr(self._connector, rpc.method)
        decode, encode = rpc.request.FromString, rpc.response.SerializeToString
        if rpc.streams:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method), decode, encode)
        return grpc.unary_unary_rpc_method_handler(self._unary(method), decode, encode)

    def _unary(self, method: Callable[[Any], Message]) -> Callable[[Any, grpc.ServicerContext], Message]:
        def call(request: Message, context: grpc.ServicerContext) -> Message:
            try:
                return method(request)
            except Exception as error:
                status = self._status(error)
            return context.abort(status.code, status.message)

        return call

    def _streaming(
        self, method: Callable[[Any, CallContext], Iterator[Message]]
    ) -> Callable[[Any, grpc.ServicerContext], Iterator[Message]]:
        def call(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
            stream = self._admit(context)
            try:
                yield from method(request, stream)
                return
            except Exception as error:
                # The caller hung up, and the connector noticed by an error of its client library.
                if stream.cancelled:
                    return
                status = self._status(error)
            finally:
                self._release(stream)
            context.abort(status.code, status.message)

        return call

    def _admit(self, context: grpc.ServicerContext) -> CallContext:
        stream = CallContext()
        with self._lock:
            admitted = not self._stopping and len(self._calls) < _STREAMS
            if admitted:
                self._calls.add(stream)
        if not admitted:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {_STREAMS} streams at once, or stopping")
        if not context.add_callback(stream.cancel):  # the call has ended already
            stream.cancel()
        return stream

    def _release(self, stream: CallContext) -> None:
        with self._lock:
            self._calls.discard(stream)
        stream.cancel()

    def _status(self, error: Exception) -> Status:
        return status_of(error, translate=self._connector.translate_error, redact=self._redacted)

    def _redacted(self, text: str) -> str:
        return self._redact(self._connector.redact(text))


def _add_port(server: grpc.Server, address: str, tls: Tls | None) -> int:
    if tls is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, grpc.ssl_server_credentials([(tls.key, tls.certificate)]))


def _is_valid(tls: Tls) -> bool:
    """Whether the certificate serves at some free port: gRPC raises the same for a bad one and for a busy port."""
    try:
        _add_port(grpc.server(ThreadPoolExecutor(1)), "127.0.0.1:0", tls)
    except (RuntimeError, ValueError):
        return False
    return True


def _tune_malloc() -> None:
    """Keep glibc from giving each large page back to the kernel: serialising 1 MB takes 1.8 ms else, 0.06 ms so."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    for parameter, value in ((mmap_threshold, 64 << 20), (trim_threshold, 128 << 20), (top_pad, 16 << 20)):
        mallopt(parameter, value)
