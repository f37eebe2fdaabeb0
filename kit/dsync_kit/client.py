"""The RPCs as a caller sees them, of a connector at an address or in this process."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc
from google.protobuf.message import Message

from dsync_kit.bounds.patience import Kind, Patience, TooLong, Watch, unwatched
from dsync_kit.connector import CallContext, Connector
from dsync_kit.errors import ConnectorError, DeadlineExceeded, error_for, is_interrupt, status_of
from dsync_kit.protocol import (
    RPCS,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Rpc,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

__all__ = [
    "CallTimeout",
    "ClientBase",
    "ConnectorApi",
    "GrpcClient",
    "LocalClient",
    "Stream",
    "connects",
    "from_rpc_error",
    "open_channel",
]

M_co = TypeVar("M_co", bound=Message, covariant=True)
M = TypeVar("M", bound=Message)

logger = logging.getLogger(__name__)

_KEEPALIVE_MS = 6 * 60 * 1000
"""The pause between tests of a connection with a call under way: a machine that is gone closes no connection.

Servers written in Go close connections that are tested more often than every five minutes."""

_RPCS = {rpc.method: rpc for rpc in RPCS}

_NAMED_BY = {
    rpc.name: next(
        (name for name in ("partition", "namespaces", "namespace") if name in rpc.request.DESCRIPTOR.fields_by_name), ""
    )
    for rpc in RPCS
}
"""The field of each RPC's request that says which namespaces it is about."""


class CallTimeout(DeadlineExceeded):
    """The caller has waited long enough: no answer came, not even an error."""


class Stream(Protocol[M_co]):
    """The messages of a stream, until it ends, fails, or is cancelled (from any thread)."""

    def __iter__(self) -> Iterator[M_co]: ...
    def cancel(self) -> None: ...


class ConnectorApi(Protocol):
    """The nine RPCs. Each raises ConnectorError if the answer is a status other than OK."""

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse: ...
    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse: ...
    def write_data(self, request: WriteDataRequest) -> WriteDataResponse: ...
    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse: ...
    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse: ...
    def list_data(self, request: ListDataRequest) -> ListDataResponse: ...
    def stream_updates(self, request: StreamUpdatesRequest) -> Stream[StreamUpdatesResponse]: ...
    def stream_lsn(self, request: StreamLSNRequest) -> Stream[StreamLSNResponse]: ...
    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse: ...


class ClientBase:
    """The nine RPCs, built on two methods that a subclass overrides: `_unary` and `_stream`."""

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        raise NotImplementedError

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        raise NotImplementedError

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return self._unary(_RPCS["get_info"], request)

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        return self._unary(_RPCS["get_namespace_metadata"], request)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return self._unary(_RPCS["write_data"], request)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        return self._unary(_RPCS["write_updates"], request)

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        return self._unary(_RPCS["generate_plan"], request)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return self._unary(_RPCS["list_data"], request)

    def stream_updates(self, request: StreamUpdatesRequest) -> Stream[StreamUpdatesResponse]:
        return self._stream(_RPCS["stream_updates"], request)

    def stream_lsn(self, request: StreamLSNRequest) -> Stream[StreamLSNResponse]:
        return self._stream(_RPCS["stream_lsn"], request)

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        return self._unary(_RPCS["get_by_ids"], request)


def open_channel(address: str, *, insecure: bool = False, gzip: bool = False) -> grpc.Channel:
    """A connection to HOST:PORT, with TLS or, if `insecure`, in clear text."""
    options = (
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),  # a proxy in the environment is not meant for connectors
        ("grpc.use_local_subchannel_pool", 1),  # two clients are two connections
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    )
    compression = grpc.Compression.Gzip if gzip else None
    if insecure:
        return grpc.insecure_channel(address, options, compression)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(), options, compression)


def connects(channel: grpc.Channel, seconds: float) -> bool:
    """Whether a connection is established within `seconds`."""
    ready = grpc.channel_ready_future(channel)
    try:
        ready.result(timeout=seconds)
    except grpc.FutureTimeoutError:
        return False
    finally:
        ready.cancel()  # otherwise a thread of gRPC watches the channel, and fails when it is closed
    return True


def from_rpc_error(error: Any) -> ConnectorError:
    """The error for what a gRPC call raised."""
    return error_for(error.code(), error.details() or "")


class GrpcClient(ClientBase):
    """A client of the connector at `address` (HOST:PORT), with TLS or, if `insecure`, in clear text.

    `timeout` limits each unary call, in seconds; dsync sets no limit. A call that takes longer raises CallTimeout, and
    later calls get only a few seconds: after the first one, until another call is answered. `watch` sees each call.
    """

    def __init__(
        self,
        address: str,
        *,
        insecure: bool = False,
        gzip: bool = False,
        timeout: float | None = None,
        watch: Watch = unwatched,
    ) -> None:
        self.address = address
        self._patience = Patience(timeout)
        self._watch = watch
        self._channel = open_channel(address, insecure=insecure, gzip=gzip)
        self._calls: dict[str, Any] = {
            rpc.name: (self._channel.unary_stream if rpc.streams else self._channel.unary_unary)(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
            for rpc in RPCS
        }

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether a connection is established within `seconds`."""
        return connects(self._channel, seconds)

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        began, seconds = time.monotonic(), self._patience.limit(_items(request))
        try:
            with self._watch(_shown(rpc, request), Kind.CALL):
                answer = self._calls[rpc.name](request, timeout=seconds)
            self._patience.answered(time.monotonic() - began)
            return answer
        except grpc.RpcError as error:
            if seconds is not None and time.monotonic() - began >= seconds:
                raise _timed_out(rpc, self._patience, seconds) from None
            raise from_rpc_error(error) from None

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        return _GrpcStream(self._calls[rpc.name](request))  # neither it nor its cancel() blocks


class _GrpcStream(Generic[M]):
    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[M]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def cancel(self) -> None:
        self._call.cancel()


class LocalClient(ClientBase):
    """A client of a connector in this process. As over gRPC, messages are copied, and errors become statuses.

    With `copies=False` both sides share the messages, which is faster; the caller must not change them. `redact` is
    applied to the messages of errors after the connector's own. With a `timeout`, in seconds, each call runs in another
    thread. A call that takes longer raises CallTimeout, and later calls get only a few seconds: after the first one,
    until another call is answered. `watch` sees each call.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        copies: bool = True,
        redact: Callable[[str], str] | None = None,
        timeout: float | None = None,
        watch: Watch = unwatched,
    ) -> None:
        self._connector = connector
        self._copies = copies
        self._redact = redact or str
        self._patience = Patience(timeout)
        self._watch = watch

    def _unary(self, rpc: Rpc, request: Message) -> Any:
        try:
            with self._watch(_shown(rpc, request), Kind.CALL):
                return self._patience.call(lambda: self._answer(rpc, request), _items(request))
        except TooLong as error:
            raise _timed_out(rpc, self._patience, error.seconds) from None

    def _answer(self, rpc: Rpc, request: Message) -> Any:
        method: Callable[[Message], Message] = getattr(self._connector, rpc.method)
        try:
            if not self._copies:
                return method(request)
            # Through bytes, as over gRPC: neither side sees the other change a message, and wrong types are errors.
            return rpc.response.FromString(method(_copy(request)).SerializeToString())
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._error(error) from error

    def _stream(self, rpc: Rpc, request: Message) -> Any:
        context = CallContext()
        method: Callable[[Message, CallContext], Iterator[Message]] = getattr(self._connector, rpc.method)
        sent = _copy(request) if self._copies else request
        name = _shown(rpc, request)
        return _LocalStream(
            lambda: iter(method(sent, context)),
            context,
            self._error,
            copies=self._copies,
            watch=lambda: self._watch(name, Kind.STREAM),
            hang_up=lambda: self._hang_up(name, context),
        )

    def _hang_up(self, name: str, context: CallContext) -> None:
        """End a stream. The callbacks that the connector has added may take as long as a call."""
        try:
            with self._watch(f"the end of {name}", Kind.CALL):
                self._patience.call(context.cancel)
        except TooLong:
            logger.error("%s: what was added with add_callback() did not return", name)
            self._patience.lose()

    def _error(self, error: BaseException) -> ConnectorError:
        status = status_of(error, translate=self._connector.translate_error, redact=self._redacted)
        return error_for(status.code, status.message)

    def _redacted(self, text: str) -> str:
        return self._redact(self._connector.redact(text))


class _LocalStream(Generic[M]):
    def __init__(
        self,
        start: Callable[[], Iterator[M]],
        context: CallContext,
        error: Callable[[BaseException], ConnectorError],
        *,
        copies: bool,
        watch: Callable[[], AbstractContextManager[object]],
        hang_up: Callable[[], None],
    ) -> None:
        self._start = start
        self._context = context
        self._error = error
        self._copies = copies
        self._watch = watch
        self._hang_up = hang_up

    def __iter__(self) -> Iterator[M]:
        messages: Iterator[M] | None = None
        try:
            while True:
                try:
                    with self._watch():
                        messages = messages or self._start()
                        message = next(messages)
                        message = _copy(message) if self._copies else message
                except StopIteration:
                    return
                except BaseException as error:
                    if is_interrupt(error):
                        raise
                    raise self._error(error) from error
                yield message
        finally:
            self._context.cancel()

    def cancel(self) -> None:
        self._hang_up()


def _timed_out(rpc: Rpc, patience: Patience, seconds: float) -> CallTimeout:
    patience.lose()
    return CallTimeout(f"{rpc.name} did not answer within {seconds:g} seconds")


def _items(request: Message) -> int:
    """How many documents or updates a call writes."""
    match request:
        case WriteDataRequest():
            return len(request.data)
        case WriteUpdatesRequest():
            return len(request.updates)
        case _:
            return 0


def _shown(rpc: Rpc, request: Any) -> str:
    """How a call is named while it runs: with its namespaces."""
    match _NAMED_BY.get(rpc.name):
        case "namespaces" if request.namespaces:
            return f"{rpc.name}(namespaces={list(request.namespaces)[:3]!r})"
        case "namespace" if request.namespace:
            return f"{rpc.name}(namespace={request.namespace!r})"
        case "partition" if request.partition.namespace:
            return f"{rpc.name}(namespace={request.partition.namespace!r})"
    return f"{rpc.name}()"


def _copy(message: M) -> M:
    return type(message).FromString(message.SerializeToString())
