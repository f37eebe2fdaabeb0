"""Reads the updates of every updates partition, and writes them in parallel; those of one id stay in order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from queue import Empty, Queue

from bson.decimal128 import Decimal128

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import CallContext
from dsync_kit.documents import decode_id, id_key
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.events import Failure, Listener, LsnSeen
from dsync_kit.flow.retries import Stopped
from dsync_kit.flow.route import Route
from dsync_kit.flow.state import State
from dsync_kit.flow.workers import Workers
from dsync_kit.protocol import BsonValue, StreamLSNRequest, StreamUpdatesRequest, Update, UpdatesPartition

__all__ = ["LsnReaders", "Updating", "lane_of"]

_CALL_UPDATES = 1000
"""The most updates in one WriteUpdates, unless a single message of the stream has more."""

_LANE_MESSAGES = 64
"""The most messages that wait for each writer: a slow sink slows the stream down."""

_NUMBERS = frozenset({0x01, 0x10, 0x12, 0x13})
_DOCUMENT = 0x03


def lane_of(parts: Sequence[BsonValue], lanes: int) -> int:
    """Which of `lanes` writers gets the updates of an id.

    Numbers are compared by value, since int32 5 and double 5.0 may be the same id to a store.
    """
    return hash(tuple(map(_place, parts))) % lanes


def _place(part: BsonValue) -> object:
    if part.type in _NUMBERS:
        value = decode_id(part)
        number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
        return 0 if number.is_nan() else number  # each NaN may have another hash
    return id_key([part]) if part.type == _DOCUMENT else part.data


class _Message:
    """A message of a stream: how many of its parts are still to be written, and the cursor after it."""

    __slots__ = ("cursor", "parts", "position")

    def __init__(self, position: "_Position", cursor: bytes, parts: int) -> None:
        self.position = position
        self.cursor = cursor
        self.parts = parts


class _Position:
    """The progress of an updates partition: a cursor is saved when everything before it has been written."""

    def __init__(self, keep: Callable[[bytes], object]) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._open: deque[_Message] = deque()

    def begin(self, cursor: bytes, parts: int) -> _Message:
        """Note that a message has been read; without parts there is nothing to write."""
        message = _Message(self, cursor, parts)
        with self._lock:
            self._open.append(message)
            self._advance()
        return message

    def written(self, message: _Message) -> None:
        """Note that a part of a message has been written."""
        with self._lock:
            message.parts -= 1
            self._advance()

    def _advance(self) -> None:
        newest = b""
        while self._open and not self._open[0].parts:
            newest = self._open.popleft().cursor or newest
        if newest:
            self._keep(newest)


@dataclass(frozen=True, slots=True)
class _Part:
    message: _Message
    namespace: str
    updates: Sequence[Update]


class Updating:
    """Streams updates until every stream has ended or `stop` is cancelled. Whatever has been read is still written."""

    def __init__(self, source: ConnectorApi, route: Route, state: State, *, writers: int, stop: CallContext) -> None:
        self._source = source
        self._route = route
        self._state = state
        self._stop = stop
        self._ending = CallContext()
        self._halted = threading.Event()  # after a failed write, later updates must not be written
        self._failures: list[Failure] = []
        self._broke: list[Exception] = []
        self._lanes: list[Queue[_Part | None]] = [Queue(_LANE_MESSAGES) for _ in range(writers)]

    def run(self, partitions: Iterable[tuple[int, UpdatesPartition]]) -> list[Failure]:
        """Write the updates of all partitions, each from its saved position; returns the failures.

        An exception that is not the status of a call, such as StateError, ends everything and is raised.
        """
        numbered = list(partitions)
        self._stop.add_callback(self._ending.cancel)
        with (
            Workers(len(self._lanes), "updates-writer") as writers,
            Workers(len(numbered), "updates-reader") as readers,
        ):
            writing = [writers.submit(self._write_lane, lane) for lane in self._lanes]
            reading = [readers.submit(self._read, number, partition) for number, partition in numbered]
            for done in reading:
                done.result()
            for lane in self._lanes:
                lane.put(None)
            for done in writing:
                done.result()
        if self._broke:
            raise self._broke[0]
        return self._failures

    def _read(self, number: int, partition: UpdatesPartition) -> None:
        try:
            self._read_stream(number, partition)
        except Stopped:  # stopped before a transform was called again
            return
        except ConnectorError as error:
            if not self._ending.cancelled:
                self._fail(f"the stream of updates partition {number}", error)
        except Exception as error:
            self._break(error)

    def _read_stream(self, number: int, partition: UpdatesPartition) -> None:
        position = _Position(lambda cursor: self._state.advance(number, cursor))
        cursor = self._state.cursor(number)
        request = StreamUpdatesRequest(
            namespaces=partition.namespaces,
            type=self._route.types.read,
            cursor=partition.cursor if cursor is None else cursor,
        )
        stream = self._source.stream_updates(request)
        self._ending.add_callback(stream.cancel)
        for message in stream:
            if self._ending.cancelled:
                return
            self._dispatch(position, message.namespace, message.updates, message.next_cursor)

    def _dispatch(self, position: _Position, namespace: str, updates: Sequence[Update], cursor: bytes) -> None:
        """Give each writer its part of a message."""
        shares: list[tuple[int, str, Sequence[Update]]] = []
        if updates:
            for destination, shaped in self._route.shaped_updates(namespace, updates):
                shares += [(lane, destination, share) for lane, share in self._shares(shaped).items()]
        message = position.begin(cursor, len(shares))
        for lane, destination, share in shares:
            self._lanes[lane].put(_Part(message, destination, share))

    def _shares(self, updates: Sequence[Update]) -> Mapping[int, Sequence[Update]]:
        count = len(self._lanes)
        if count == 1:
            return {0: updates} if updates else {}
        shares: dict[int, list[Update]] = {}
        for update in updates:
            shares.setdefault(lane_of(update.id, count), []).append(update)
        return shares

    def _write_lane(self, lane: "Queue[_Part | None]") -> None:
        parts: list[_Part] = []
        more = True
        while more:
            parts, more = _available(lane)
            if self._halted.is_set():
                continue  # keep emptying it: a reader may be waiting for room
            try:
                self._write(parts)
            except Stopped:
                self._halted.set()
            except ConnectorError as error:
                self._halted.set()
                self._fail("WriteUpdates", error)
            except Exception as error:
                self._break(error)

    def _write(self, parts: Sequence[_Part]) -> None:
        by_namespace: dict[str, list[Update]] = {}
        for part in parts:
            by_namespace.setdefault(part.namespace, []).extend(part.updates)
        for namespace, updates in by_namespace.items():
            self._route.write_updates(namespace, updates)
        for part in parts:
            part.message.position.written(part.message)

    def _fail(self, what: str, error: ConnectorError) -> None:
        self._failures.append(Failure(what, str(error)))
        self._ending.cancel()

    def _break(self, error: Exception) -> None:
        """End everything, but let the lanes be emptied: a reader waiting for room would wait for ever."""
        self._halted.set()
        self._broke.append(error)
        self._ending.cancel()


def _available(lane: "Queue[_Part | None]") -> tuple[list[_Part], bool]:
    """The parts that wait in a lane, at least one, and whether more will come."""
    parts: list[_Part] = []
    updates = 0
    part = lane.get()
    while part is not None:
        parts.append(part)
        updates += len(part.updates)
        if updates >= _CALL_UPDATES:
            return parts, True
        try:
            part = lane.get_nowait()
        except Empty:
            return parts, True
    return parts, False


class LsnReaders:
    """Reads StreamLSN of every updates partition. It is only for progress: no failure matters."""

    def __init__(
        self, source: ConnectorApi, partitions: Sequence[tuple[int, UpdatesPartition]], listener: Listener
    ) -> None:
        self._source = source
        self._listener = listener
        self._ending = CallContext()
        self._workers = Workers(len(partitions), "lsn-reader")
        for number, partition in partitions:
            self._workers.submit(self._read, number, partition)

    def close(self) -> None:
        """End the streams; does not wait for them."""
        self._ending.cancel()
        self._workers.close()

    def _read(self, number: int, partition: UpdatesPartition) -> None:
        request = StreamLSNRequest(namespaces=partition.namespaces, cursor=partition.cursor)
        stream = self._source.stream_lsn(request)
        self._ending.add_callback(stream.cancel)
        for message in stream:
            self._listener(LsnSeen(number, message.lsn))
