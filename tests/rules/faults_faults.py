"""Connectors that do not stand it when their backend is away for a moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dsync_kit.errors import ConnectorError, FailedPrecondition, Unavailable
from dsync_kit.protocol import ListDataRequest, ListDataResponse, StreamUpdatesRequest
from dsync_kit.testing.harness import Harness

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS", "LostConnection", "Remote"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


class LostConnection(Exception):
    """What a client library raises when its server is away."""


class Remote(REFERENCE.ReferenceConnector):
    """A correct connector whose store is on another machine: `outage` of its harness makes it unreachable."""

    @classmethod
    def harness(cls, store: Any) -> Harness:
        return RemoteHarness(store)

    def generate_plan(self, request: Any) -> Any:
        self.reach()
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        self.reach()
        return super().list_data(request)

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        self.reach()
        super().commit(namespace, data_type, changes)

    def reach(self) -> None:
        if getattr(self.store, "away", False):
            raise LostConnection("connection reset by peer")

    def entries_after(self, sequence: int, context: Any) -> Any:
        while not self.ended(context):
            if getattr(self.store, "away", False):
                self.wait_for_store(context)
            elif self.store.end > sequence:
                return super().entries_after(sequence, context)
            context.wait(0.01)
        return []

    def wait_for_store(self, context: Any) -> None:
        """What a stream does while the store is away."""

    def translate_error(self, error: Exception) -> ConnectorError | None:
        if isinstance(error, LostConnection):
            return Unavailable(str(error))
        return super().translate_error(error)


class RemoteHarness(Harness):
    """Cuts the connection to the store."""

    def __init__(self, store: Any) -> None:
        self.store = store

    @contextmanager
    def outage(self) -> Iterator[None]:
        self.store.away = True
        self.store.notify()
        try:
            yield
        finally:
            self.store.away = False
            self.store.notify()


@broken("faults/write-code", "rare")
class LostConnectionIsNotMapped(Remote):
    """The client library's error is nobody's."""

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return None


@broken("faults/write-code", "rare")
class ClientTriesForLong(Remote):
    """The client library tries again for some seconds; then its error is mapped to a final code."""

    def reach(self) -> None:
        end = time.monotonic() + 3.6
        while getattr(self.store, "away", False) and time.monotonic() < end:
            time.sleep(0.02)
        super().reach()

    def translate_error(self, error: Exception) -> ConnectorError | None:
        if isinstance(error, LostConnection):
            return FailedPrecondition(str(error))
        return super().translate_error(error)


@broken("faults/write-code", "rare")
class WriteIsAnsweredAndDropped(Remote):
    """A failed write is logged, and answered OK."""

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        if not getattr(self.store, "away", False):
            super().commit(namespace, data_type, changes)
        else:
            self.store.dropped = True

    def write_data(self, request: Any) -> Any:
        if getattr(self.store, "dropped", False) and not getattr(self.store, "away", False):
            request = type(request)(namespace=request.namespace, type=request.type)  # taken for written before
        return super().write_data(request)


@broken("faults/list-code", "rare")
class ListingEndsEarly(Remote):
    """A lost connection is taken for the end of the data."""

    def list_data(self, request: ListDataRequest) -> Any:
        try:
            return super().list_data(request)
        except LostConnection:
            return ListDataResponse()


@broken("faults/stream-survives", "rare")
class StreamEndsWithTheConnection(Remote):
    """The stream fails when the connection is lost, and dsync does not open it again."""

    def wait_for_store(self, context: Any) -> None:
        raise LostConnection("connection reset by peer")


@broken("faults/stream-survives", "rare")
class StreamGoesOnFromNow(Remote):
    """After a lost connection the stream goes on a second later, with what is new by then."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        self.lost_until = 0.0
        yield from super().stream_updates(request, context)

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        if time.monotonic() >= self.lost_until:
            yield from super().messages(sequence, entries, wanted, data_type)

    def wait_for_store(self, context: Any) -> None:
        self.lost_until = time.monotonic() + 1.0
