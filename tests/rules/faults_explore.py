"""Connectors that break only when operations are mixed, modelled on reports about other projects' connectors.

Each reason ends with the report. docs/detection-history.md says which of them were found at first contact.
"""

import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dsync_kit.errors import FailedPrecondition
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    ListDataResponse,
    StreamUpdatesResponse,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesResponse,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class _OneByOne(Reference):
    """A connector that makes its messages entry by entry."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for number, entry in enumerate(entries, sequence):
            for message in super().messages(number, [entry], wanted, data_type):
                yield from self.sent(message)

    def sent(self, message: Any) -> Iterator[Any]:
        yield message


# Streams and their cursors


@broken("explore/in-order", "rare")
class PositionsFollowTheOrderOfNames(Reference):
    """A cursor has a position for each namespace, in the order of the request that made it (apache/flink-cdc#3141)."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        names = list(request.namespaces)
        if not names:
            yield from super().stream_updates(request, context)
            return
        positions = dict(zip(names, self.positions(request.cursor, len(names)), strict=True))
        sequence = min(positions.values())
        context.add_callback(self.store.notify)
        while not self.ended(context):
            entries = self.entries_after(sequence, context)
            for name in names:
                for number, entry in enumerate(entries, sequence + 1):
                    if entry.namespace == name and number > positions[name]:
                        positions[name] = number
                        yield StreamUpdatesResponse(
                            namespace=name,
                            updates=[self.streamed(entry, request.type)],
                            next_cursor=json.dumps({"at": list(positions.values())}).encode(),
                        )
            sequence += len(entries)

    def positions(self, cursor: bytes, count: int) -> list[int]:
        if cursor.startswith(b'{"at"'):
            found: list[int] = json.loads(cursor)["at"]
            return found
        return [self.stream_start(cursor)] * count


@broken("stream/resume-filtered", "special input")
class OneNamespacesCursorConfirmsTheOthers(Reference):
    """A batch is sent by namespace, and each message confirms all of it
    (yugabyte/debezium-connector-yugabytedb#413)."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        updates: dict[str, list[Update]] = {}
        for message in super().messages(sequence, entries, wanted, data_type):
            updates.setdefault(message.namespace, []).extend(message.updates)
        cursor = self.update_cursor(sequence + len(entries))
        for name, sent in updates.items():
            yield StreamUpdatesResponse(namespace=name, updates=sent, next_cursor=cursor)


@broken("stream/resume", "special input")
class UpdatesAreDeletedAndInserted(_OneByOne):
    """An UPDATE is a DELETE and an INSERT, both with the cursor after it (debezium/debezium#7945)."""

    def sent(self, message: Any) -> Iterator[Any]:
        for update in message.updates:
            if update.type == UPDATE_TYPE_UPDATE:
                yield StreamUpdatesResponse(
                    namespace=message.namespace,
                    updates=[Update(id=update.id, type=UPDATE_TYPE_DELETE)],
                    next_cursor=message.next_cursor,
                )
        yield message


@broken("explore/in-order", "rare")
class FirstOfAnotherNamespaceIsFiltered(_OneByOne):
    """What follows a resume has the position of what was sent, and is dropped as sent already
    (apache/flink-cdc#4323)."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        cursor, _, sent = request.cursor.partition(b"\n")
        fresh = type(request)()
        fresh.CopyFrom(request)
        fresh.cursor = cursor
        for message in super().stream_updates(fresh, context):
            if not (sent and message.namespace.encode() != sent):
                message.next_cursor += b"\n" + message.namespace.encode()
                yield message
            sent = b""


@broken("explore/in-order", "rare")
class SecondReaderTakesTheBatch(Reference):
    """A stream that is opened takes over what another one has not sent yet (dotnet/orleans#9107)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.readers: list[list[int]] = []

    def opened(self) -> None:
        for reader in self.readers:
            reader[0] = self.store.end

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        self.opened()
        mine = [0]
        self.readers.append(mine)
        try:
            for message in super().stream_updates(request, context):
                if REFERENCE.UpdatesCursor.decode(message.next_cursor).sequence > mine[0]:
                    yield message
        finally:
            self.readers = [other for other in self.readers if other is not mine]


@broken("explore/in-order", "rare")
class PlanMovesTheStreams(SecondReaderTakesTheBatch):
    """Another plan takes a new position, and open streams continue from there
    (jhc-systems/debezium-connector-ibmi#57)."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        self.planning = False
        yield from super().stream_updates(request, context)

    def opened(self) -> None:
        if self.planning:
            super().opened()

    def generate_plan(self, request: Any) -> Any:
        if request.updates:
            self.planning = True
            self.opened()
        return super().generate_plan(request)


@broken("stream/namespaces", "rare")
class BurstIsJudgedByItsLast(Reference):
    """A burst of writes is skipped unless the last one belongs to a requested namespace (kurrent-io/KurrentDB#891)."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        if entries and self.is_wanted(entries[-1], wanted):
            yield from super().messages(sequence, entries, wanted, data_type)


@broken("explore/at-once", "rare")
class NumberedBeforeTheCommit(Reference):
    """A stream reads on from the highest number, and a write that commits late has a lower one
    (juicedata/juicefs#7521)."""

    local = threading.local()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if not hasattr(self.store, "tickets"):
            self.store.tickets, self.store.numbers = itertools.count(1), []

    def write_data(self, request: Any) -> Any:
        self.number()
        return super().write_data(request)

    def write_updates(self, request: Any) -> Any:
        self.number()
        return super().write_updates(request)

    def number(self) -> None:
        self.local.ticket = next(self.store.tickets)
        time.sleep(0.002 * (self.local.ticket % 2))

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        super().commit(namespace, data_type, changes)
        self.store.numbers += [self.local.ticket] * len(changes)

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        highest = max(self.store.numbers[max(0, sequence - 50) : sequence], default=0)
        for number, entry in enumerate(entries, sequence):
            if self.store.numbers[number] >= highest:
                yield from super().messages(number, [entry], wanted, data_type)


@broken("explore/in-order", "rare")
class LogOfAnEmptiedNamespaceIsCut(Reference):
    """A namespace that was emptied starts over: its earlier entries in the log are gone (estuary/connectors#3188)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if not hasattr(self.store, "cuts"):
            self.store.cuts = {}

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        super().commit(namespace, data_type, changes)
        if not self.store.count(namespace):
            self.store.cuts[namespace] = self.store.end

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        cuts = dict(self.store.cuts)
        for message in super().stream_updates(request, context):
            if REFERENCE.UpdatesCursor.decode(message.next_cursor).sequence > cuts.get(message.namespace, 0):
                yield message


@broken("stream/resume-elsewhere", "special input")
class ResumeFiltersByItsStart(Reference):
    """An instance drops updates that are older than itself, even after a resume (apache/flink-cdc#4297)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.began = self.store.end

    def stream_start(self, data: bytes) -> int:
        return max(int(super().stream_start(data)), self.began)


@broken("explore/in-order", "rare")
class SlowReaderLosesTheMiddle(Reference):
    """Each reader has a buffer of twelve: what does not fit is dropped where others read too
    (bluesky-social/indigo#417)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open = 0

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        self.open += 1
        try:
            yield from super().stream_updates(request, context)
        finally:
            self.open -= 1

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        lost = max(0, len(entries) - 12) if self.open > 1 else 0
        yield from super().messages(sequence + lost, entries[lost:], wanted, data_type)


# Writes


@broken("updates/order-across-calls", "special input")
class EmptiedNamespaceIsMissing(Reference):
    """A namespace without documents is taken for a missing one: its updates are dropped
    (Altinity/clickhouse-sink-connector#1285)."""

    def write_updates(self, request: Any) -> Any:
        if request.namespace in self.store.namespaces() and not self.store.count(request.namespace):
            return WriteUpdatesResponse()
        return super().write_updates(request)


@broken("explore/elsewhere", "rare")
class VersionsOfEachInstance(Reference):
    """Each instance counts versions by itself: one instance's delete outlives another's later insert
    (Altinity/clickhouse-sink-connector#1346)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.version = 0
        if not hasattr(self.store, "graves"):
            self.store.graves = {}

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        self.version += 1
        kept = []
        for change in changes:
            key = namespace, change.position
            if change.update.type == UPDATE_TYPE_DELETE:
                self.store.graves[key] = self.version
            elif self.store.graves.get(key, 0) > self.version:
                continue
            kept.append(change)
        super().commit(namespace, data_type, kept)


@broken("explore/at-once", "rare")
class RejectedItemsAreRetriedLast(Reference):
    """While another write is under way, the first item of a bulk is rejected, and sent again after the others
    (fluent/fluent-bit-docs#2691)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.writing = 0

    def write_updates(self, request: Any) -> Any:
        self.writing += 1
        try:
            time.sleep(0.001)
            if self.writing > 1:
                first, *rest = request.updates or [None]
                request = type(request)(
                    namespace=request.namespace, type=request.type, updates=[*rest, *filter(None, [first])]
                )
            return super().write_updates(request)
        finally:
            self.writing -= 1


@broken("explore/at-once", "rare")
class BufferClearedByAnother(Reference):
    """Writers of a namespace share a buffer: one clears what another has just added
    (apache/doris-flink-connector#177)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.buffers: dict[Any, list[bytes]] = defaultdict(list)

    def write_data(self, request: Any) -> Any:
        for document in request.data:
            self.document_id(document, request.type)
        buffer = self.buffers[request.namespace, request.type]
        buffer.extend(request.data)
        time.sleep(0.001)
        batch = list(buffer)
        super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=batch))
        buffer.clear()
        return WriteDataResponse()


@broken("explore/at-once", "rare")
class LocksInTwoOrders(Reference):
    """A write locks data and statistics, a count statistics and data: the deadlock is found, and final
    (apache/flink#9108, confluentinc/kafka-connect-jdbc#1076)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.data, self.statistics = threading.Lock(), threading.Lock()

    @contextmanager
    def both(self, first: Any, second: Any) -> Iterator[None]:
        with first:
            time.sleep(0.001)
            if not second.acquire(timeout=0.2):
                raise FailedPrecondition("deadlock detected")
            try:
                yield
            finally:
                second.release()

    def write_data(self, request: Any) -> Any:
        with self.both(self.data, self.statistics):
            return super().write_data(request)

    def get_namespace_metadata(self, request: Any) -> Any:
        with self.both(self.statistics, self.data):
            return super().get_namespace_metadata(request)


@broken("updates/concurrent", "rare")
class ConflictIsSwallowed(Reference):
    """An update whose namespace changed meanwhile is dropped, and answered OK (apache/hudi#4211)."""

    def write_updates(self, request: Any) -> Any:
        before = self.last(request.namespace)
        time.sleep(0.001)
        if self.last(request.namespace) != before:
            return WriteUpdatesResponse()
        return super().write_updates(request)

    def last(self, namespace: str) -> int:
        with self.store.reading():
            return sum(entry.namespace == namespace for entry in self.store.log[-200:])


@broken("explore/in-order", "rare")
class RefusedComesWithTheNext(Reference):
    """Documents before the bad one of a refused page stay in the buffer, and are written with the next page
    (datastax/kafka-sink#39)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.buffers: dict[Any, list[bytes]] = defaultdict(list)

    def write_data(self, request: Any) -> Any:
        buffer = self.buffers[request.namespace, request.type]
        for document in request.data:
            self.document_id(document, request.type)
            buffer.append(document)
        self.buffers.pop((request.namespace, request.type))
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=buffer))


@broken("write/after-delete", "special input")
class ReloadedIsLoadedAlready(Reference):
    """A document that was loaded once is not loaded again, although it was deleted meanwhile
    (airbytehq/airbyte#86347)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if not hasattr(self.store, "loaded"):
            self.store.loaded = {}

    def write_data(self, request: Any) -> Any:
        fresh = []
        for document in request.data:
            key = request.namespace, self.position(self.document_id(document, request.type), request.type)
            if self.store.loaded.get(key) != document:
                fresh.append(document)
            self.store.loaded[key] = document
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=fresh))


# Reads


@broken("explore/in-order", "rare")
class CursorIsTheNextDocument(Reference):
    """A page's cursor is the next document: if that is deleted, the listing ends
    (dolthub/doltlite#1177)."""

    def list_data(self, request: Any) -> Any:
        fresh = type(request)()
        fresh.CopyFrom(request)
        fresh.cursor, _, following = request.cursor.partition(b"\n")
        if following:
            with self.store.reading():
                if self.found(request.partition.namespace, request.type, bytes.fromhex(following.decode())) is None:
                    return ListDataResponse()
        answer = super().list_data(fresh)
        if answer.next_cursor:
            fresh.cursor = answer.next_cursor
            coming = super().list_data(fresh).data
            if coming:
                position = self.position(self.document_id(coming[0], request.type), request.type)
                answer.next_cursor += b"\n" + position.hex().encode()
        return answer


@broken("explore/lookups", "rare")
class LookupsAreCached(Reference):
    """A lookup is cached until its id is updated; pages don't clear the cache
    (confluentinc/schema-registry#1045)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.known: dict[Any, Any] = {}
        self.looking_up = threading.local()

    def get_by_ids(self, request: Any) -> Any:
        self.looking_up.now = True
        try:
            return super().get_by_ids(request)
        finally:
            self.looking_up.now = False

    def found(self, namespace: str, data_type: Any, position: bytes) -> Any:
        if not getattr(self.looking_up, "now", False):
            return super().found(namespace, data_type, position)
        key = namespace, data_type, position
        if key not in self.known:
            self.known[key] = super().found(namespace, data_type, position)
        return self.known[key]

    def write_updates(self, request: Any) -> Any:
        answer = super().write_updates(request)
        self.known.clear()
        return answer


@broken("list/retryable-cursor", "special input")
class PageOfAnotherInstanceIsTheLast(Reference):
    """Only the instance that began a listing knows the remaining chunks: another one ends it
    (debezium/debezium#6884)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.given: set[bytes] = set()

    def list_data(self, request: Any) -> Any:
        if request.cursor and request.cursor not in self.given:
            return ListDataResponse()
        answer = super().list_data(request)
        self.given.add(answer.next_cursor)
        return answer


@broken("explore/in-order", "rare")
class CountIsKeptFromThePlan(Reference):
    """A count is cached with the plan until a page is written; updates don't change it
    (apache/spark#40343)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counts: dict[str, int] = {}

    def generate_plan(self, request: Any) -> Any:
        answer = super().generate_plan(request)
        self.counts |= {name: self.store.count(name) for name in request.namespaces}
        return answer

    def count(self, namespace: str) -> int:
        return self.counts[namespace] if namespace in self.counts else int(super().count(namespace))

    def write_data(self, request: Any) -> Any:
        self.counts.pop(request.namespace, None)
        return super().write_data(request)


@broken("explore/elsewhere", "rare")
class FirstPagesAreCached(Reference):
    """A first page is cached until this instance writes to the namespace: writes by others are not listed
    (influxdata/influxdb_iox#4663)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.first: dict[Any, Any] = {}

    def list_data(self, request: Any) -> Any:
        key = request.partition.namespace, request.partition.cursor, request.type
        if request.cursor:
            return super().list_data(request)
        if key not in self.first:
            self.first[key] = super().list_data(request)
        return self.first[key]

    def commit(self, namespace: str, data_type: Any, changes: Any) -> None:
        super().commit(namespace, data_type, changes)
        self.first = {key: page for key, page in self.first.items() if key[0] != namespace}
