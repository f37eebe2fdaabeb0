"""Connectors whose cursors skip updates, and whose streams end too early or never."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from dsync_kit.connector import StreamContext
from dsync_kit.errors import InvalidArgument, ResourceExhausted, Unavailable
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    GeneratePlanRequest,
    StreamLSNRequest,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
)

from .fault import CURSORS, REFERENCE, AnyPosition, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


# Where a stream continues


@broken("stream/resume", "special input")
class CursorIsTheEndOfTheLog(Reference):
    """Each message has the position of the newest change instead of its own last one."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            for update in message.updates:
                end = self.update_cursor(self.store.end)
                yield StreamUpdatesResponse(namespace=message.namespace, updates=[update], next_cursor=end)


@broken("stream/resume", "special input")
class CursorIsOneTooFar(AnyPosition):
    """The cursor is the position of the next change, but the stream continues after it."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            message.next_cursor = self.update_cursor(self.stream_start(message.next_cursor) + 1)
            yield message


class _Polled(Reference):
    """The log is read every 30 ms, and a heartbeat is sent every quarter of a second."""

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        sequence, sent = self.stream_start(request.cursor), time.monotonic()
        while not self.ended(context):
            with self.store.reading():
                entries = self.store.log[sequence:]
            yield from self.messages(sequence, entries, frozenset(request.namespaces), request.type)
            sequence += len(entries)
            time.sleep(0.03)
            if time.monotonic() > sent + 0.25:
                yield StreamUpdatesResponse(next_cursor=self.update_cursor(self.position_of_heartbeat(sequence)))
                sent = time.monotonic()

    def position_of_heartbeat(self, sequence: int) -> int:
        """A position in the log; `sequence` is up to where it was read."""
        return sequence


@broken("stream/resume-heartbeats", "rare")
class HeartbeatHasTheEndOfTheLog(_Polled):
    """A heartbeat has the position at which the log ends now, and not that up to which it was read."""

    def position_of_heartbeat(self, sequence: int) -> int:
        return int(self.store.end)


@broken("stream/id-encoding", "special input")
class IdPassesThroughTextBesideHeartbeats(_Polled):
    """Ids are decoded as UTF-8, and what is not valid is replaced; heartbeats come whatever happens."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            copy = StreamUpdatesResponse()
            copy.CopyFrom(message)
            for update in copy.updates:
                for part in update.id:
                    part.data = part.data.decode(errors="replace").encode()
            yield copy


@broken("stream/resume", "special input")
class HeartbeatRunsAhead(Reference):
    """A heartbeat with the newest position is sent before the changes that lead to it."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        yield StreamUpdatesResponse(next_cursor=self.update_cursor(sequence + len(entries)))
        yield from super().messages(sequence, entries, wanted, data_type)


@broken("stream/resume", "special input")
class CursorIsOfTheBatch(Reference):
    """A batch is sent in two messages, both with the position of its end."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            half = len(message.updates) // 2
            for updates in (message.updates[:half], message.updates[half:]):
                yield StreamUpdatesResponse(
                    namespace=message.namespace, updates=updates, next_cursor=message.next_cursor
                )


@broken("stream/resume")
class SentCursorsAreNotRead(Reference):
    """It can read the plan's cursor, but not those of messages."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.planned: set[bytes] = set()

    def updates_partitions(self, requested: Any) -> Any:
        found = super().updates_partitions(requested)
        self.planned |= {partition.cursor for partition in found}
        return found

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        if request.cursor not in self.planned:
            raise InvalidArgument("unknown cursor")
        return super().stream_updates(request, context)

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            message.next_cursor += b" "
            yield message


@broken("stream/resume-filtered", "special input")
class CursorCoversOtherNamespaces(Reference):
    """Changes are sorted by namespace, and each group has the position of the end of all."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        by_namespace = sorted(entries, key=lambda entry: entry.namespace)
        end = self.update_cursor(sequence + len(entries))
        for message in super().messages(sequence, by_namespace, wanted, data_type):
            message.next_cursor = end
            yield message


@broken("stream/resume-many", "special input")
class LargeBatchHasOneCursor(Reference):
    """A large batch is split into messages, each with the position of the batch's end."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        end = self.update_cursor(sequence + len(entries))
        for message in super().messages(sequence, entries, wanted, data_type):
            if len(message.updates) == 500:
                message.next_cursor = end
            yield message


@broken("stream/resume-elsewhere")
class CursorIsAKeyIntoMemory(Reference):
    """Positions are kept in the instance, and the cursor is their number."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.positions: list[int] = []

    def update_cursor(self, sequence: int) -> bytes:
        self.positions.append(sequence)
        return str(len(self.positions) - 1).encode()

    def stream_start(self, data: bytes) -> int:
        if not data.isdigit() or int(data) >= len(self.positions):
            raise InvalidArgument("unknown cursor")
        return self.positions[int(data)]


@broken("stream/resume-elsewhere", "rare")
class UnknownCursorBeginsNow(CursorIsAKeyIntoMemory):
    """A position that the instance does not know is taken as the newest."""

    def stream_start(self, data: bytes) -> int:
        try:
            return super().stream_start(data)
        except InvalidArgument:
            return int(self.store.end)


@broken("stream/cursor-lasts", "special input")
class PositionIsTheConnectors(Reference):
    """The connector has a single position, set by each plan: the cursor means nothing."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if request.updates:
            self.plan_position = self.store.end
        return super().generate_plan(request)

    def stream_start(self, data: bytes) -> int:
        return max(super().stream_start(data), self.plan_position)


@broken("stream/cursor-lasts", "special input")
class CursorIsUsedUp(Reference):
    """A replication slot: changes that were read once are gone."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.confirmed: dict[bytes, int] = {}

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        for message in super().stream_updates(request, context):
            self.confirmed[request.cursor] = super().stream_start(message.next_cursor)
            yield message

    def stream_start(self, data: bytes) -> int:
        return self.confirmed.get(data, super().stream_start(data))


class _Disturbed(Reference):
    """A connector whose streams end because of other calls."""

    disturbances = 0

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        before = self.disturbances
        for message in super().stream_updates(request, context):
            if self.disturbances != before:
                return
            yield message


@broken("stream/undisturbed", "special input")
class PlanEndsStreams(_Disturbed):
    """A plan recreates the replication slot."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        self.disturbances += request.updates
        return super().generate_plan(request)


@broken("stream/undisturbed", "special input")
class CancelledCountEndsStreams(_Disturbed):
    """StreamLSN and StreamUpdates share a connection, which the first cancelled one closes."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        try:
            yield from super().stream_lsn(request, context)
        finally:
            self.disturbances += 1


@broken("stream/beside-lsn", "special input")
class StreamGoesOnWhereTheCountIs(Reference):
    """A plan's position is kept once: a stream opened later begins where StreamLSN has got to."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.reached: dict[bytes, int] = {}

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Any:
        for message in super().stream_lsn(request, context):
            self.reached[request.cursor] = super().stream_start(message.next_cursor)
            yield message

    def stream_updates(self, request: Any, context: Any) -> Any:
        if request.cursor in self.reached:
            changed = type(request)()
            changed.CopyFrom(request)
            changed.cursor = self.update_cursor(self.reached[request.cursor])
            request = changed
        return super().stream_updates(request, context)


@broken("stream/beside-lsn", "special input")
class CountingTakesUpdatesAway(Reference):
    """StreamLSN reads StreamUpdates' queue."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.counted_entries: set[int] = set()

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Any:
        self.counting = True
        return super().stream_lsn(request, context)

    def counted(self, entries: Any, wanted: Any) -> int:
        self.counted_entries |= {id(entry) for entry in entries}
        return super().counted(entries, wanted)

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        if getattr(self, "counting", False):
            time.sleep(0.02)
        for message in super().messages(sequence, entries, wanted, data_type):
            gone = {bytes(entry.update.data) for entry in entries if id(entry) in self.counted_entries}
            kept = [update for update in message.updates if bytes(update.data) not in gone]
            del message.updates[:]
            message.updates.extend(kept)
            yield message


@broken("stream/parallel", "special input")
class StreamsShareOneQueue(Reference):
    """Of two streams at once, each update goes to the quicker one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.open = 0
        self.taken: set[int] = set()

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        self.open += 1
        if self.open == 1:
            self.taken.clear()
        try:
            yield from super().stream_updates(request, context)
        finally:
            self.open -= 1

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        if not super().is_wanted(entry, wanted):
            return False
        if self.open > 1 and id(entry) in self.taken:
            return False
        self.taken.add(id(entry))
        return True


# How long a stream lives


@broken("stream/backlog", "special input")
class CompactionForgetsDeletes(Reference):
    """The log is compacted after some hundred changes, and the tombstones go, too: older cursors never see them."""

    def messages(self, sequence: int, entries: Any, *rest: Any) -> Any:
        old = self.store.end - 150
        kept = [
            entry._replace(namespace="") if number < old and entry.update.type == UPDATE_TYPE_DELETE else entry
            for number, entry in enumerate(entries, sequence + 1)
        ]
        return super().messages(sequence, kept, *rest)

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return bool(entry.namespace) and super().is_wanted(entry, wanted)  # type: ignore[no-any-return]


@broken("stream/stays-open")
class StreamEndsWhenCaughtUp(Reference):
    """Existing changes are sent, then the stream ends."""

    def entries_after(self, sequence: int, context: Any) -> Any:
        if self.store.end == sequence:
            context.cancel()
        return super().entries_after(sequence, context)


@broken("stream/stays-open", "special input")
class StreamEndsWhenIdle(Reference):
    """Two seconds without changes, and the stream ends."""

    def entries_after(self, sequence: int, context: Any) -> Any:
        timer = threading.Timer(2.0, context.cancel)
        timer.start()
        try:
            return super().entries_after(sequence, context)
        finally:
            timer.cancel()


@broken("stream/stays-open", "special input")
class StreamFailsWhenIdle(Reference):
    """The backend's cursor expires when nothing comes, and nobody opens another."""

    def entries_after(self, sequence: int, context: Any) -> Any:
        timer = threading.Timer(0.4, context.cancel)
        timer.start()
        try:
            found = super().entries_after(sequence, context)
        finally:
            timer.cancel()
        if not found:
            raise Unavailable("cursor not found")
        return found


@broken("stream/cancel")
class StreamGoesOnWhenCancelled(Reference):
    """The loop does not check whether the caller is there."""

    def ended(self, context: Any) -> bool:
        return bool(self._closed)


@broken("stream/cancel", where="grpc")
class ThreadIsKeptWhenCancelled(StreamGoesOnWhenCancelled):
    """The same at an address: the server has no threads left for other calls."""


@broken("stream/cancel", "special input", where="grpc")
class ConnectionIsKeptWhenCancelled(Reference):
    """Each stream takes a connection from a pool of 20, and a cancelled one does not return it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.connections = 0

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        self.connections += 1
        if self.connections > 60:
            raise ResourceExhausted("the pool has no more connections")
        yield from super().stream_updates(request, context)


@broken("limits/slow-reader", "special input")
class FullQueueDrops(Reference):
    """A bounded queue between the log and the caller: when it is full, changes are dropped."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        waiting: queue.Queue[Any] = queue.Queue(8)

        def fill() -> None:
            for message in super(FullQueueDrops, self).stream_updates(request, context):
                try:
                    waiting.put_nowait(message)
                except queue.Full:
                    continue

        threading.Thread(target=fill, daemon=True).start()
        while not context.cancelled:
            try:
                yield waiting.get(timeout=0.02)
            except queue.Empty:
                continue


@broken("limits/slow-reader", "special input")
class SlowReaderIsCutOff(Reference):
    """It hangs up on a caller that lags behind."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            if sum(len(entry.update.data) for entry in entries) > 1_500_000:
                raise ResourceExhausted("the reader is too slow")
            yield message


@broken("identity/other-cursor", "special input")
class CursorOfOtherDataIsTaken(Reference):
    """A cursor is a number, whatever its data: if the other data is further ahead, nothing comes for a long time."""

    def stream_start(self, data: bytes) -> int:
        return int(CURSORS.UpdatesCursor.decode(data).sequence)


@broken("stream/resume-filtered", "special input")
class CursorGoesByTheOrderOfNamespaces(Reference):
    """A position for each namespace, in the order in which the request names them: resumed in another, they are
    exchanged."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        order, _, cursor = request.cursor.rpartition(b"|")
        names = "\n".join(request.namespaces).encode()
        if order and order != names and len(request.namespaces) > 1:
            cursor = self.update_cursor(self.store.end)  # the second position, taken for the first namespace's
        inner = StreamUpdatesRequest(namespaces=request.namespaces, type=request.type, cursor=cursor)
        for message in super().stream_updates(inner, context):
            message.next_cursor = names + b"|" + message.next_cursor
            yield message
