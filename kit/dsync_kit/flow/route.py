"""The way from source to sink: maps names, transforms documents, repeats calls, emits an event for each write."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import StreamContext
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.events import CallRepeated, Copied, Listener, UpdatesWritten
from dsync_kit.flow.namespaces import NamespaceMap
from dsync_kit.flow.negotiation import Types
from dsync_kit.flow.retries import repeated
from dsync_kit.flow.transform import TransformClient
from dsync_kit.protocol import (
    GetTransformRequest,
    GetTransformResponse,
    TransformResponse,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["Route"]

T = TypeVar("T")


class Route:
    """Writes the source's pages and updates to the sink.

    Raises ConnectorError if a call fails even after retries, Stopped if `stop` is cancelled before a retry.
    """

    def __init__(
        self,
        sink: ConnectorApi,
        types: Types,
        names: NamespaceMap,
        *,
        transform: TransformClient | None,
        stop: StreamContext,
        listener: Listener,
    ) -> None:
        self._sink = sink
        self._transform = transform
        self._stop = stop
        self._listener = listener
        self.types = types
        self.names = names

    def write_page(self, namespace: str, documents: Sequence[bytes]) -> None:
        """Write one of the source's pages: one WriteData, or one for each namespace that the transform returns."""
        for destination, data in self.shaped(namespace, documents):
            request = WriteDataRequest(namespace=destination, data=data, type=self.types.written)
            self._call("WriteData", destination, partial(self._sink.write_data, request))
        self._listener(Copied(namespace, len(documents), sum(map(len, documents))))

    def write_updates(self, namespace: str, updates: Sequence[Update]) -> None:
        """Write updates of one of the destination's namespaces with one WriteUpdates."""
        request = WriteUpdatesRequest(namespace=namespace, updates=updates, type=self.types.written)
        self._call("WriteUpdates", namespace, partial(self._sink.write_updates, request))
        self._listener(UpdatesWritten(namespace, len(updates)))

    def shaped(self, namespace: str, documents: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
        """What to write for a page: the destination's namespaces and their documents."""
        if self._transform is None:
            yield self.names.destination(namespace), documents
            return
        for given, part in self._transformed(GetTransformRequest(namespace=namespace, data=documents)):
            yield given, part.data

    def shaped_updates(self, namespace: str, updates: Sequence[Update]) -> Iterator[tuple[str, Sequence[Update]]]:
        """What to write for updates: the destination's namespaces and their updates."""
        if self._transform is None:
            yield self.names.destination(namespace), updates
            return
        for given, part in self._transformed(GetTransformRequest(namespace=namespace, updates=updates)):
            yield given, part.updates

    def _transformed(
        self, request: GetTransformRequest
    ) -> Iterator[tuple[str, GetTransformResponse | TransformResponse]]:
        transform = self._transform
        if transform is None:
            raise ValueError("there is no transform")
        request.request_type, request.response_type = self.types.read, self.types.written
        answer = self._call("GetTransform", request.namespace, partial(transform.transform, request))
        for part in answer.responses or [answer]:
            # Without a name, it keeps its own.
            yield self.names.destination(part.namespace or request.namespace), part

    def _call(self, rpc: str, namespace: str, call: Callable[[], T]) -> T:
        def report(error: ConnectorError, seconds: float) -> None:
            self._listener(CallRepeated(rpc, namespace, str(error), seconds))

        return repeated(call, wait=self._stop.wait, on_retry=report)
