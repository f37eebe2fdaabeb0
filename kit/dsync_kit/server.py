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

from dsync_kit.connector import CallContext, Connector
from dsync_kit.errors import Status, UsageError, status_of
from dsync_kit.protocol import RPCS, SERVICE_NAME, Rpc
from dsync_kit.serving.admission import Admission, StreamCall
from dsync_kit.serving.standard_services import StandardServices

__all__ = ["ConnectorServer", "Keepalive", "Tls"]

logger = logging.getLogger(__name__)

# A stream occupies a thread while it is open. If streams took all threads, no other call would be answered.
_WORKERS = 64
_STREAMS = 48

_CLOSING_SECONDS = 30.0
"""Seconds that refused calls may take to end on a busy machine. gRPC then ends them with CANCELLED, which dsync does
not repeat."""

_UNREAD_CLOSING_SECONDS = 1.0
"""The same while a stream is open whose caller does not read, since it would never end."""

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # dsync sets no limit on pages, and repeating a refused one would not help
    ("grpc.max_send_message_length", -1),
    # Callers may ping every few seconds to see if the server is still there. The default allows a ping every 5 minutes.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Keepalive:
    """When a caller counts as gone, in seconds: a connection that was silent for `idle` is pinged, and closed if no
    answer comes within `timeout`."""

    idle: float = 30.0
    timeout: float = 20.0


class ConnectorServer:
    """Serves one connector at `address` (HOST:PORT). Port 0 takes a free port, which `address` then shows.

    `redact` is applied to the messages of errors after the connector's own, for example that of its settings. With
    `reuse_port` several servers can listen at the same address if all of them set it, so that a successor can start
    before its predecessor stops. Raises UsageError if it cannot listen at `address`.
    """

    def __init__(
        self,
        connector: Connector,
        address: str = "127.0.0.1:0",
        *,
        tls: Tls | None = None,
        redact: Callable[[str], str] | None = None,
        reuse_port: bool = False,
        keepalive: Keepalive | None = None,
    ) -> None:
        _tune_malloc()
        self._redact = redact or str
        self._connector = connector
        self._admission = Admission(_STREAMS)
        self._lock = threading.Lock()
        self._torn_down = False
        options = (*_OPTIONS, *_keepalive_options(keepalive or Keepalive()), ("grpc.so_reuseport", int(reuse_port)))
        self._server = grpc.server(ThreadPoolExecutor(_WORKERS, "rpc"), options=options)
        handlers = {rpc.name: self._handler(rpc) for rpc in RPCS}
        self._standard_services = StandardServices([SERVICE_NAME])
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE_NAME, handlers), self._standard_services)
        )
        self.address = self._listen(address, tls, reuse_port=reuse_port)

    def start(self) -> Self:
        """Start to answer calls; returns the server itself."""
        self._server.start()
        return self

    def drain(self, grace: float = 5.0) -> int:
        """Let running calls end within `grace` seconds; returns how many have not ended.

        Open and new streams end with UNAVAILABLE, since dsync takes OK for the end of the data. Running calls are
        answered. New calls wait, and get UNAVAILABLE when the server stops.
        """
        self._standard_services.stop()
        self._admission.stop()
        return self._admission.wait(grace)

    def stop(self, grace: float = 5.0) -> int:
        """Drain the server, close its connections, tear down the connector; returns how many calls have not ended.

        Those calls are cut off. Their callers get UNAVAILABLE, but their threads keep running and may still write what
        the caller then writes again. So end the process if the number is not 0, as `dsync-kit serve` does. Calling
        `stop` again does nothing.
        """
        left = self.drain(grace)
        # In this order, a refused caller finds the connection closed, and connects to the successor.
        stopped = self._server.stop(0 if left else self._closing_seconds())
        self._standard_services.close()
        self._admission.release()
        stopped.wait()
        with self._lock:
            first, self._torn_down = not self._torn_down, True
        if first:
            try:
                self._connector.teardown()
            except Exception as error:
                logger.error("the teardown failed\n%s", self._redacted("".join(traceback.format_exception(error))))
        return left

    def _closing_seconds(self) -> float:
        return _UNREAD_CLOSING_SECONDS if self._admission.running else _CLOSING_SECONDS

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self, address: str, tls: Tls | None, *, reuse_port: bool) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"cannot listen at {address!r}: expected HOST:PORT, for example 127.0.0.1:8088")
        try:
            bound = _add_port(self._server, address, tls)
        except (RuntimeError, ValueError) as error:
            if tls is not None and not _is_valid(tls):
                raise UsageError(f"cannot listen at {address}: the certificate or its key is not valid PEM") from error
            taken = "the port is taken by a server that does not share it" if reuse_port else "the port is taken"
            raise UsageError(
                f"cannot listen at {address}: {taken}, or the host is not this machine's (port 0 takes any free one)"
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
                with self._admission.unary(context):
                    return method(request)
            except BaseException as error:  # otherwise sys.exit() would leave the call without an answer
                status = self._status(error)
            return context.abort(status.code, status.message)

        return call

    def _streaming(
        self, method: Callable[[Any, CallContext], Iterator[Message]]
    ) -> Callable[[Any, grpc.ServicerContext], Iterator[Message]]:
        def call(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
            try:
                with self._admission.stream(context) as stream:
                    yield from _messages(method, request, stream)
                return
            except GeneratorExit:
                raise
            except BaseException as error:
                status = self._status(error)
            context.abort(status.code, status.message)

        return call

    def _status(self, error: BaseException) -> Status:
        return status_of(error, translate=self._connector.translate_error, redact=self._redacted)

    def _redacted(self, text: str) -> str:
        return self._redact(self._connector.redact(text))


def _messages(
    method: Callable[[Any, CallContext], Iterator[Message]], request: Message, stream: StreamCall
) -> Iterator[Message]:
    try:
        for message in method(request, stream.context):
            stream.idle = True
            yield message
            stream.idle = False
    except Exception:
        # The caller hung up, which made the connector's client library raise an error.
        if not stream.context.cancelled:
            raise


def _keepalive_options(keepalive: Keepalive) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.keepalive_time_ms", round(keepalive.idle * 1000)),
        ("grpc.keepalive_timeout_ms", round(keepalive.timeout * 1000)),
        ("grpc.http2.ping_timeout_ms", round(keepalive.timeout * 1000)),  # else a minute, whatever the other says
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),  # without limit: a stream may be silent for days
    )


def _add_port(server: grpc.Server, address: str, tls: Tls | None) -> int:
    if tls is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, grpc.ssl_server_credentials([(tls.key, tls.certificate)]))


def _is_valid(tls: Tls) -> bool:
    """Whether the certificate works at a free port: gRPC raises the same error for a bad one as for a busy port."""
    try:
        _add_port(grpc.server(ThreadPoolExecutor(1)), "127.0.0.1:0", tls)
    except (RuntimeError, ValueError):
        return False
    return True


def _tune_malloc() -> None:
    """Keep glibc from returning each large page to the kernel: serialising 1 MB takes 0.06 ms this way, else 1.8 ms."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    for parameter, value in ((mmap_threshold, 64 << 20), (trim_threshold, 128 << 20), (top_pad, 16 << 20)):
        mallopt(parameter, value)
