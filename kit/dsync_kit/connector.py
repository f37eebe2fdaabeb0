"""`Connector`: one method for each RPC of the connector service."""

import threading
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol

from dsync_kit.errors import ConnectorError, Unimplemented
from dsync_kit.protocol import (
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
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

__all__ = ["CallContext", "Connector", "StreamContext"]


class StreamContext(Protocol):
    """What a streaming method knows of its call: whether anybody still listens."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller has gone, or the server is stopping."""

    def wait(self, seconds: float) -> bool:
        """Sleep for at most `seconds`; True as soon as the call is cancelled."""

    def add_callback(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the call ends, at once if it has: close a cursor or a socket in it."""


class CallContext:
    """A `StreamContext` that its owner cancels with `cancel()`."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def cancelled(self) -> bool:
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def add_callback(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def cancel(self) -> None:
        """End the call: `wait` returns, the callbacks run. Calling it again does nothing."""
        with self._lock:
            self._ended.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Connector:
    """A data source, a data sink, or both. Override the methods of what it is; the others answer UNIMPLEMENTED.

    dsync calls the methods from several threads at once. Raise the errors of `dsync_kit.errors`; what else may come
    up is mapped in `translate_error`.
    """

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        """The connector's type, and what it can do. Called first, and more than once."""
        self._unimplemented("GetInfo")

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        """The number of documents in a namespace, 0 if unknown."""
        self._unimplemented("GetNamespaceMetadata")

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        """Write one page, overwriting by id. Returning means that the page is durable."""
        self._unimplemented("WriteData")

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        """Apply updates in their order: INSERT and UPDATE upsert, DELETE of what is missing is fine."""
        self._unimplemented("WriteUpdates")

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        """What to list, and from where to stream; the update position is taken before any data is read."""
        self._unimplemented("GeneratePlan")

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        """One page of a partition, of which only namespace and cursor are given."""
        self._unimplemented("ListData")

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        """The updates after the request's cursor, until `context` is cancelled. Retries faults by itself."""
        self._unimplemented("StreamUpdates")

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        """How many updates there are after the request's cursor, never decreasing."""
        self._unimplemented("StreamLSN")

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        """As many items as ids, in their order; empty data for what is missing."""
        self._unimplemented("GetByIds")

    def translate_error(self, error: Exception) -> ConnectorError | None:
        """The connector's error for an exception of its client library; None if it does not know it."""
        return None

    def redact(self, text: str) -> str:
        """`text` without the connector's secrets; applied to every message that leaves the process."""
        return text

    def teardown(self) -> None:
        """Release what the connector holds. May be called more than once, and before anything else."""

    def _unimplemented(self, rpc: str) -> NoReturn:
        raise Unimplemented(f"{type(self).__name__} does not implement {rpc}")
