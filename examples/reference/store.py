"""The data: documents in the order of their positions, and the log of everything that was ever written."""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple
from uuid import uuid4

from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType, Update, WriteUpdatesRequest

from .identity import position_of
from .journal import Journal


class Change(NamedTuple):
    """A whole document to write, or one to delete, and its place."""

    position: bytes
    update: Update


class Entry(NamedTuple):
    """One line of the log."""

    namespace: str
    data_type: DataType
    update: Update


class Stored(NamedTuple):
    """A document as it was received, and the sequence number of the write that created it."""

    data: bytes
    created: int


class Collection:
    """The documents of one namespace and one type."""

    def __init__(self) -> None:
        self.documents: dict[bytes, Stored] = {}
        self._positions: list[bytes] = []
        self._unsorted: list[bytes] = []

    def put(self, position: bytes, data: bytes, sequence: int) -> None:
        """Write a document; an overwritten one keeps its creation."""
        known = self.documents.get(position)
        if known is None:
            self._unsorted.append(position)
        self.documents[position] = Stored(data, sequence if known is None else known.created)

    def remove(self, position: bytes) -> None:
        """Delete a document, if there is one."""
        if self.documents.pop(position, None) is not None:
            positions = self._sorted()
            del positions[bisect_left(positions, position)]

    def between(self, start: bytes, after: bytes, end: bytes | None) -> Iterator[tuple[bytes, Stored]]:
        """The documents from `start`, after `after`, and before `end`, with their positions, in order."""
        positions = self._sorted()
        first = max(bisect_left(positions, start), bisect_right(positions, after))
        last = len(positions) if end is None else bisect_left(positions, end)
        for index in range(first, last):
            yield positions[index], self.documents[positions[index]]

    def _sorted(self) -> list[bytes]:
        if self._unsorted:
            # Sorting what is nearly sorted costs little more than a copy: cheaper than inserting one by one.
            self._positions += self._unsorted
            self._positions.sort()
            self._unsorted = []
        return self._positions


class Store:
    """Collections and log, shared by any number of connectors; `changed` is its lock, notified of each write."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.id = uuid4().hex if journal is None else journal.id
        self.changed = threading.Condition()
        self.log: list[Entry] = []
        self._namespaces: dict[str, dict[DataType, Collection]] = {}
        self._journal = journal

    @property
    def end(self) -> int:
        """The sequence number of the last write, counted from 1; 0 for none."""
        return len(self.log)

    @property
    def shared(self) -> bool:
        """Whether other stores may write to the same data, so that nobody notifies `changed`."""
        return self._journal is not None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Block changes while the data is read."""
        with self.changed:
            self._catch_up()
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Block other changes from what a write depends on to its `commit`."""
        with self.changed, self._journal.lock() if self._journal is not None else nullcontext():
            self._catch_up()
            yield

    def collection(self, namespace: str, data_type: DataType) -> Collection:
        """A namespace's documents of one type; an empty collection if there are none."""
        return self._namespaces.get(namespace, {}).get(data_type) or Collection()

    def data_types(self, namespace: str) -> list[DataType]:
        """The types of a namespace's documents, now or earlier."""
        return list(self._namespaces.get(namespace, {}))

    def namespaces(self) -> list[str]:
        """Every namespace that was written to, in order."""
        return sorted(self._namespaces)

    def count(self, namespace: str) -> int:
        """How many documents a namespace has, of all types."""
        return sum(len(collection.documents) for collection in self._namespaces.get(namespace, {}).values())

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Change]) -> None:
        """Apply all changes, or none; durable on return if the store is. Call it within `writing`."""
        if not changes:
            return
        if self._journal is not None:
            record = WriteUpdatesRequest(namespace=namespace, type=data_type, updates=[c.update for c in changes])
            self._journal.append(record.SerializeToString())
        self._apply(namespace, data_type, changes)

    def close(self) -> None:
        """Release the folder; a store in memory keeps its data."""
        with self.changed:
            if self._journal is not None:
                self._journal.close()
            self.changed.notify_all()

    def notify(self) -> None:
        """Wake everybody who waits for a write."""
        with self.changed:
            self.changed.notify_all()

    def _catch_up(self) -> None:
        if self._journal is None:
            return
        for data in self._journal.read_new():
            record = WriteUpdatesRequest.FromString(data)
            changes = [Change(position_of(update.id[0], record.type), update) for update in record.updates]
            self._apply(record.namespace, record.type, changes)

    def _apply(self, namespace: str, data_type: DataType, changes: Sequence[Change]) -> None:
        collections = self._namespaces.setdefault(namespace, {})
        collection = collections.setdefault(data_type, Collection())
        others = [other for other in collections.values() if other is not collection]
        for position, update in changes:
            self.log.append(Entry(namespace, data_type, update))
            for other in others:  # an id is that of one document, whatever its type
                other.remove(position)
            if update.type == UPDATE_TYPE_DELETE:
                collection.remove(position)
            else:
                collection.put(position, update.data, len(self.log))
        self.changed.notify_all()
