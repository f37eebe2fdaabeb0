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
    """How a streaming method learns that its caller has gone."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller has gone, or the server is stopping."""

    def wait(self, seconds: float) -> bool:
        """Sleep for at most `seconds`. Returns True at once when the call is cancelled, else False."""

    def add_callback(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the call ends, or at once if it has ended. Close a cursor or a socket in it."""


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
    """A data source, a data sink, or both. Override the methods that it supports; the others answer UNIMPLEMENTED.

    dsync calls the methods from several threads at once. To answer with a status, raise an error of `dsync_kit.errors`.
    Map the exceptions of your client library in `translate_error`.
    """

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        """The connector's type and capabilities. dsync calls it first, and more than once."""
        self._unimplemented("GetInfo")

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        """The number of documents in a namespace, 0 if unknown."""
        self._unimplemented("GetNamespaceMetadata")

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        """Write one page, overwriting documents by id. Return when the page is durable."""
        self._unimplemented("WriteData")

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        """Apply updates in order: INSERT and UPDATE upsert; a DELETE of a missing document is fine."""
        self._unimplemented("WriteUpdates")

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        """The partitions to list and to stream. Take the position of the updates before you read any data."""
        self._unimplemented("GeneratePlan")

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        """One page of a partition. Of the partition, dsync sends back only the namespace and the cursor."""
        self._unimplemented("ListData")

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        """The updates after the request's cursor, until `context` is cancelled.

        dsync never reopens a stream: retry temporary faults yourself.
        """
        self._unimplemented("StreamUpdates")

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        """How many updates there are after the request's cursor. The number never decreases."""
        self._unimplemented("StreamLSN")

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        """One item for each id, in the same order; the data of a missing document is empty."""
        self._unimplemented("GetByIds")

    def translate_error(self, error: Exception) -> ConnectorError | None:
        """The error to answer with for an exception of your client library; None for an unknown exception."""
        return None

    def redact(self, text: str) -> str:
        """`text` without the connector's secrets. Applied to every message that leaves the process."""
        return text

    def teardown(self) -> None:
        """Release all resources. May be called more than once, and before any other method."""

    def _unimplemented(self, rpc: str) -> NoReturn:
        raise Unimplemented(f"{type(self).__name__} does not implement {rpc}")
