"""Compares the contents of both ends, whatever order they list in, on disk instead of in memory."""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Self

from bson import json_util

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import StreamContext
from dsync_kit.documents import canonical, decode_id, id_key, id_of, id_parts
from dsync_kit.errors import ConnectorError, FinalError, NotFound
from dsync_kit.flow.events import Compared, Difference, Listener
from dsync_kit.flow.listing import pages
from dsync_kit.flow.retries import Stopped, repeated
from dsync_kit.flow.route import Route
from dsync_kit.flow.workers import Workers
from dsync_kit.incoming import key_of
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    Partition,
    StreamUpdatesRequest,
    Update,
    UpdatesPartition,
)

__all__ = ["Comparison", "shown_id"]

_SCHEMA = """
CREATE TABLE documents (
    namespace TEXT, id BLOB, source BLOB, destination BLOB, PRIMARY KEY (namespace, id)
) WITHOUT ROWID
"""
_INSERT = (
    "INSERT INTO documents (namespace, id, {side}) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET {side} = excluded.{side}"
)
_COUNT = """
SELECT namespace, count(source), count(destination), sum(source IS NOT destination) FROM documents GROUP BY namespace
"""
_DIFFERENT = """
SELECT namespace, id, source IS NULL, destination IS NULL FROM documents WHERE source IS NOT destination LIMIT ?
"""
_REOPENED = 100
"""How often a stream is opened at most to reach the position up to which updates were written."""


class Comparison:
    """The documents of both ends as hashes, by namespace (the destination's name) and id.

    The state of the source is its listing and, if it was streamed, then the updates of its stream up to the last one
    that was written. dsync relies on that, too.
    """

    def __init__(
        self, source: ConnectorApi, destination: ConnectorApi, route: Route, *, listers: int, stop: StreamContext
    ) -> None:
        self._source = source
        self._destination = destination
        self._route = route
        self._listers = listers
        self._stop = stop
        self._lock = threading.Lock()
        # A database without a name is a temporary file: only its cache is in memory.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute("PRAGMA temp_store = FILE")
        self._database.execute(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def run(
        self,
        partitions: Sequence[Partition],
        updates: Sequence[tuple[UpdatesPartition, bytes | None]],
        listener: Listener,
        *,
        shown: int,
    ) -> tuple[int, list[Difference]]:
        """The number of documents that differ, and the first `shown` of them.

        `updates` are the updates partitions, each with the last cursor up to which everything was written. Raises
        ConnectorError if an end cannot be listed, Stopped if the run is being stopped.
        """
        self._all(partitions, self._read_source)
        for streamed, written in updates:
            self._replay(streamed, written)
        self._all(self._destination_partitions(self._names(partitions)), self._read_destination)
        return self._differences(listener, shown)

    def _all(self, partitions: Iterable[Partition], read: Callable[[Partition], None]) -> None:
        with Workers(self._listers, "comparer") as workers:
            reading: list[Future[None]] = [workers.submit(self._read, partition, read) for partition in partitions]
            failed = [error for done in reading if (error := done.exception()) is not None]
        if failed:
            raise failed[0]

    def _read(self, partition: Partition, read: Callable[[Partition], None]) -> None:
        # If it is read again from the start, its documents overwrite themselves.
        repeated(lambda: read(partition), wait=self._stop.wait)

    def _read_source(self, partition: Partition) -> None:
        for page in self._pages(self._source, partition, self._route.types.read):
            for namespace, documents in self._route.shaped(partition.namespace, page):
                self._put("source", namespace, documents)

    def _read_destination(self, partition: Partition) -> None:
        for page in self._pages(self._destination, partition, self._route.types.written):
            self._put("destination", partition.namespace, page)

    def _pages(self, api: ConnectorApi, partition: Partition, data_type: DataType) -> Iterator[list[bytes]]:
        for page in pages(api, partition, data_type):
            if self._stop.cancelled:
                raise Stopped
            yield list(page.data)

    def _names(self, partitions: Sequence[Partition]) -> list[str]:
        """The destination's namespaces: those of the partitions, and those of the documents."""
        with self._lock:
            found = [name for (name,) in self._database.execute("SELECT DISTINCT namespace FROM documents")]
        names = [self._route.names.destination(partition.namespace) for partition in partitions]
        return list(dict.fromkeys([*names, *found]))

    def _destination_partitions(self, names: Iterable[str]) -> list[Partition]:
        """Plans one namespace at a time: that is always allowed."""
        found: list[Partition] = []
        for name in names:
            try:
                plan = self._destination.generate_plan(GeneratePlanRequest(namespaces=[name], initial_sync=True))
            except NotFound:
                continue  # a namespace that was never written to may be unknown: it is empty
            found.extend(plan.partitions)
        return found

    def _replay(self, partition: UpdatesPartition, written: bytes | None) -> None:
        """Apply the stream's updates up to the cursor `written`, or to the end if that is None.

        A stream that ends after some time may end before that: it is reopened at its last cursor.
        """
        cursor = partition.cursor
        for _ in range(_REOPENED):
            reached, last = self._replay_from(cursor, partition.namespaces, written)
            if reached or written is None or last in (b"", cursor):
                return
            cursor = last

    def _replay_from(self, cursor: bytes, namespaces: Sequence[str], written: bytes | None) -> tuple[bool, bytes]:
        """Whether the stream has reached the cursor `written`, and its last cursor."""
        request = StreamUpdatesRequest(namespaces=namespaces, type=self._route.types.read, cursor=cursor)
        stream = self._source.stream_updates(request)
        self._stop.add_callback(stream.cancel)
        reached, last = False, b""
        try:
            for message in stream:
                if reached and message.next_cursor not in (b"", written):
                    break  # a live source may have newer documents
                last = message.next_cursor or last
                reached = reached or last == written
                for namespace, updates in self._route.shaped_updates(message.namespace, message.updates):
                    self._apply(namespace, updates)
        except ConnectorError:
            if not self._stop.cancelled:
                raise
        finally:
            stream.cancel()
        if self._stop.cancelled:
            raise Stopped
        return reached, last

    def _apply(self, namespace: str, updates: Sequence[Update]) -> None:
        rows = []
        for update in updates:
            if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
                raise FinalError("the source's updates are partial: what they lead to cannot be compared")
            deleted = update.type == UPDATE_TYPE_DELETE
            rows.append((namespace, self._key(update.id), None if deleted else self._hash(update.data)))
        self._execute("source", rows)

    def _put(self, side: str, namespace: str, documents: Sequence[bytes]) -> None:
        written = self._route.types.written
        rows = [(namespace, self._key(id_of(data, written)), self._hash(data)) for data in documents]
        self._execute(side, rows)

    def _execute(self, side: str, rows: Sequence[tuple[str, bytes, bytes | None]]) -> None:
        with self._lock:
            self._database.executemany(_INSERT.format(side=side), rows)

    def _key(self, parts: Sequence[BsonValue]) -> bytes:
        return key_of(parts[0], self._route.types.written) if len(parts) == 1 else id_key(parts)

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(canonical(data, self._route.types.written), digest_size=16).digest()

    def _differences(self, listener: Listener, shown: int) -> tuple[int, list[Difference]]:
        counted = self._database.execute(_COUNT).fetchall()
        for row in counted:
            listener(Compared(*row))
        found = self._database.execute(_DIFFERENT, (shown,)).fetchall()
        differences = [
            Difference(namespace, shown_id(key), "unexpected" if no_source else "missing" if no_copy else "different")
            for namespace, key, no_source, no_copy in found
        ]
        return sum(row[3] for row in counted), differences


def shown_id(key: bytes) -> str:
    """The id that a key of `id_key` stands for, as Extended JSON."""
    values = [decode_id(part) for part in id_parts(key)]
    return json_util.dumps(values[0] if len(values) == 1 else values, json_options=json_util.RELAXED_JSON_OPTIONS)
