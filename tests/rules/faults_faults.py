"""Connectors that do not survive a short outage of their backend."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import groupby
from typing import Any

from dsync_kit.errors import ConnectorError, FailedPrecondition, ResourceExhausted, Unavailable
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    ListDataRequest,
    ListDataResponse,
    StreamUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.testing.harness import Harness

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS", "LostConnection", "Remote"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


class LostConnection(Exception):
    """What a client library raises if its server is away."""


class Throttled(Exception):
    """What a client library raises if its server answers 503 to too many requests."""


class Remote(REFERENCE.ReferenceConnector):
    """A correct connector whose store is on another machine: its harness makes it unreachable, or lets it throttle."""

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
        if getattr(self.store, "throttles", False):
            self.store.asked += 1
            if self.store.asked % 3 == 0:
                raise Throttled("503 Slow Down")

    def entries_after(self, sequence: int, context: Any) -> Any:
        while not self.ended(context):
            if getattr(self.store, "away", False) or getattr(self.store, "throttles", False):
                self.wait_for_store(context)
            elif self.store.end > sequence:
                return super().entries_after(sequence, context)
            context.wait(0.01)
        return []

    def wait_for_store(self, context: Any) -> None:
        """What a stream does while the store is away, or throttles."""

    def translate_error(self, error: Exception) -> ConnectorError | None:
        if isinstance(error, LostConnection):
            return Unavailable(str(error))
        if isinstance(error, Throttled):
            return ResourceExhausted(str(error))
        return super().translate_error(error)


class RemoteHarness(Harness):
    """Cuts the connection to the store, or lets the store throttle."""

    def __init__(self, store: Any) -> None:
        self.store = store

    @contextmanager
    def outage(self) -> Iterator[None]:
        self.store.away = True
        self.store.outages = getattr(self.store, "outages", 0) + 1
        self.store.notify()
        try:
            yield
        finally:
            self.store.away = False
            self.store.notify()

    @contextmanager
    def throttle(self) -> Iterator[None]:
        self.store.throttles, self.store.asked = True, 0
        self.store.notify()
        try:
            yield
        finally:
            self.store.throttles = False
            self.store.notify()


@broken("faults/write-code", "rare")
class LostConnectionIsNotMapped(Remote):
    """Nobody maps the client library's error."""

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return None


@broken("faults/write-code", "rare")
class ClientTriesForLong(Remote):
    """The client library retries for some seconds; then its error is mapped to a final code."""

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
    """A lost connection is taken as the end of the data."""

    def list_data(self, request: ListDataRequest) -> Any:
        try:
            return super().list_data(request)
        except LostConnection:
            return ListDataResponse()


@broken("faults/stream-survives", "rare")
class StreamEndsWithTheConnection(Remote):
    """The stream fails when the connection is lost, and dsync does not reopen it."""

    def wait_for_store(self, context: Any) -> None:
        if getattr(self.store, "away", False):
            raise LostConnection("connection reset by peer")


@broken("faults/stream-survives", "rare")
class StreamGoesOnFromNow(Remote):
    """After a lost connection, the stream resumes a second later, with whatever is new by then."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        self.lost_until = 0.0
        yield from super().stream_updates(request, context)

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        if time.monotonic() >= self.lost_until:
            yield from super().messages(sequence, entries, wanted, data_type)

    def wait_for_store(self, context: Any) -> None:
        self.lost_until = time.monotonic() + 1.0


class _Pooled(Remote):
    """A connector that keeps a connection, which each outage breaks."""

    def reach(self) -> None:
        outages = getattr(self.store, "outages", 0)
        known = self.__dict__.setdefault("connected", outages)
        if getattr(self.store, "away", False):
            self.connected = outages + 1  # it is noticed: another one is opened when the store is back
        elif known < outages:
            self.lost()
        super().reach()

    def lost(self) -> None:
        """What happens to a connection that was lost meanwhile."""


@broken("faults/unnoticed", "rare")
class FirstCallMeetsADeadConnection(_Pooled):
    """There was no call during the outage: the first one afterwards gets a dead connection from the pool, and fails for
    good."""

    def lost(self) -> None:
        self.connected = self.store.outages
        raise FailedPrecondition("This connection has been closed.")


@broken("faults/unnoticed", "rare")
class DeadConnectionStays(_Pooled):
    """A connection that was lost while nobody called stays in the pool for ever."""

    def lost(self) -> None:
        raise LostConnection("This connection has been closed.")


@broken("faults/updates-code", "rare")
class DeletesAreNotedBefore(Remote):
    """Ids are noted as deleted before the store is called: a retried DELETE has nothing left to do."""

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        gone = self.__dict__.setdefault("gone", set())
        left = []
        for change in changes:
            place = (namespace, change.position)
            deletes = change.update.type == UPDATE_TYPE_DELETE
            left += [] if deletes and place in gone else [change]
            (gone.add if deletes else gone.discard)(place)
        super().commit(namespace, data_type, left)


@broken("faults/updates-code", "rare")
class CallIsNotedBefore(Remote):
    """The last call is noted before it is applied: its retry seems to be done already."""

    def write_updates(self, request: Any) -> Any:
        call = request.SerializeToString(deterministic=True)
        known, self.last = self.__dict__.get("last"), call
        return WriteUpdatesResponse() if call == known else super().write_updates(request)

    def write_data(self, request: Any) -> Any:
        self.last = b""
        return super().write_data(request)


@broken("faults/throttled-write", "rare")
class ThrottlingIsFinal(Remote):
    """503 is an error like any other."""

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return FailedPrecondition(str(error)) if isinstance(error, Throttled) else super().translate_error(error)


@broken("faults/throttled-write", "rare")
class ThrottledWriteIsAnsweredOk(Remote):
    """Nobody checks the status of an upload, so 503 counts as a success."""

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        with suppress(Throttled):
            super().commit(namespace, data_type, changes)


@broken("faults/throttled-write", "rare")
class ThrottledDeleteIsAnsweredOk(Remote):
    """Deletes go into a separate request, whose status nobody checks."""

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        for deletes, group in groupby(changes, key=lambda change: change.update.type == UPDATE_TYPE_DELETE):
            with suppress(Throttled) if deletes else nullcontext():
                super().commit(namespace, data_type, [*group])


@broken("faults/throttled-list", "rare")
class ListingEndsWhereItIsThrottled(Remote):
    """A refused page is taken as one without documents."""

    def list_data(self, request: ListDataRequest) -> Any:
        try:
            return super().list_data(request)
        except Throttled:
            return ListDataResponse()


@broken("faults/throttled-stream", "rare")
class StreamEndsWhereItIsThrottled(Remote):
    """A stream survives a lost connection, but not a 503."""

    def wait_for_store(self, context: Any) -> None:
        if getattr(self.store, "throttles", False):
            raise Throttled("503 Slow Down")
