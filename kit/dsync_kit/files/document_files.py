"""Documents in files: what a connector over an object store delegates to.

Below the prefix, each namespace has a folder with a log of numbered files. This module writes the log, and reads it
together with the files of other tools. The README of a rendered connector describes the layout.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from dsync_kit.conversion import convert
from dsync_kit.documents import id_of
from dsync_kit.errors import Aborted, InvalidArgument
from dsync_kit.files.compacting.background import Background
from dsync_kit.files.compacting.compaction import Compaction
from dsync_kit.files.content.compression import Compression
from dsync_kit.files.content.lines import Line, digest_of, document_line
from dsync_kit.files.foreign.reading import ForeignFiles, ForeignOptions
from dsync_kit.files.logs.changes import Documents, Updates
from dsync_kit.files.logs.index import Index
from dsync_kit.files.logs.log import Format, Listing, Log
from dsync_kit.files.logs.names import LogFile, folder_of, namespace_of, visible
from dsync_kit.files.logs.page_indexes import PageIndexes
from dsync_kit.files.logs.writing import ConditionalWrites, Writer
from dsync_kit.files.reading.blocks import Blocks
from dsync_kit.files.reading.log_listing import PageLimits, Planned, line_text, log_page, plan_log, stored_document
from dsync_kit.files.reading.mentioned import Mentioned
from dsync_kit.files.reading.position import FilePlace, FilesPartition, LinePlace, LogPartition
from dsync_kit.files.reading.snapshot import Indexes, Snapshot
from dsync_kit.files.stores.storage import Entry, Storage
from dsync_kit.incoming import check_id
from dsync_kit.protocol import BsonValue, DataType, Update

__all__ = ["DocumentFiles", "FilesOptions"]

T = TypeVar("T")

_SNAPSHOTS = 16
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOptions:
    """Options for writing and reading files. Sizes are in bytes."""

    compression: Compression = "none"
    """For new namespaces; others keep what they have."""
    page_size: int = 1000
    """The most documents on a page."""
    page_bytes: int = 8 << 20
    """The largest size of a page; a larger document gets its own page."""
    partition_bytes: int = 64 << 20
    file_bytes: int = 128 << 20
    """The largest size of a file that compaction makes."""
    max_document_bytes: int = 64 << 20
    concurrency: int = 16
    """Concurrent requests for reading."""
    foreign: ForeignOptions = field(default_factory=ForeignOptions)


class DocumentFiles:
    """The documents in one store. Safe to call from several threads; several processes may write at once.

    `root` is the namespace of the files outside any folder. Besides what each method says, all raise the store's own
    exceptions, InvalidArgument for an empty namespace, and FailedPrecondition for damaged files and for files in the
    old layout.
    """

    def __init__(self, storage: Storage, options: FilesOptions | None = None, *, root: str = "") -> None:
        self._storage = storage
        self._options = options or FilesOptions()
        self._root = root
        self._limits = PageLimits(self._options.page_size, self._options.page_bytes)
        self._pool = ThreadPoolExecutor(self._options.concurrency, "files")
        self._blocks = Blocks(storage, self._pool)
        self._indexes = Indexes(storage, self._blocks, self._pool)
        self._foreign = ForeignFiles(
            storage,
            self._options.foreign,
            limits=self._limits,
            partition_bytes=self._options.partition_bytes,
            largest=self._options.max_document_bytes,
        )
        self._conditions = ConditionalWrites(storage)
        self._lock = threading.Lock()
        self._logs: dict[str, tuple[Log, Writer]] = {}
        self._snapshots: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._listings: OrderedDict[tuple[str, int, str, str], tuple[list[Entry], Callable[[bytes], bool]]] = (
            OrderedDict()
        )
        self._mentioned: tuple[Snapshot, Mentioned] | None = None
        self._background = Background(self._compact)
        self._page_indexes = PageIndexes(storage, self._background.soon)
        self._compaction = Compaction(
            storage,
            self._indexes,
            file_bytes=self._options.file_bytes,
            stopping=lambda: self._background.closed,
        )

    def close(self) -> None:
        """End the threads, and close the files. Calling it again does nothing."""
        self._page_indexes.flush()
        self._background.close()
        self._pool.shutdown(cancel_futures=True)
        self._foreign.close()

    def settle(self) -> None:
        """Wait until all due compactions are done."""
        self._background.settle()

    def namespaces(self) -> list[str]:
        """The namespaces with a folder, and the one of the files outside any folder."""
        found = {namespace_of(name) for name in self._storage.folders() if not name.startswith(("_", "."))}
        if self._root and self._foreign.wanted(self._top()):
            found.add(self._root)
        return sorted(found)

    def count(self, namespace: str) -> int:
        """How many documents there are; an estimate for large files of other tools."""
        log = self._log(namespace)

        def counted() -> int:
            listing = log.listing()
            return self._newest(log, listing).count + self._foreign.count(self._others(log, listing))

        return self._again(log, counted)

    def plan(self, namespace: str) -> list[Planned]:
        """Partitions that together hold each document once; at least one."""
        log = self._log(namespace)

        def planned() -> list[Planned]:
            listing = log.listing()
            written = plan_log(self._newest(log, listing), self._options.partition_bytes)
            return self._foreign.plan(self._others(log, listing)) + written

        return self._again(log, planned)

    def page(self, namespace: str, partition: bytes, cursor: bytes, data_type: DataType) -> tuple[list[bytes], bytes]:
        """A page of a partition, from its cursor on (empty: from the start), and the next page's cursor, or none.

        Raises InvalidArgument for foreign cursors, and for documents that the type cannot hold; Aborted if files have
        changed, or were compacted so that the page cannot be found.
        """
        log = self._log(namespace)
        kind = _kind_of(partition)
        if isinstance(kind, FilesPartition):
            at = FilePlace.decode(cursor) if cursor else None
            found, next_place = self._again(log, lambda: self._foreign_page(log, kind, at, data_type))
            return found, next_place.encode() if next_place else b""
        place = LinePlace.decode(cursor) if cursor else None
        documents, following = self._again(log, lambda: self._log_page(log, kind, place, data_type))
        return documents, following.encode() if following else b""

    def find(self, namespace: str, ids: Sequence[Sequence[BsonValue]], data_type: DataType) -> list[bytes | None]:
        """The documents with these ids, None for each missing one; files of other tools are read from the start.

        Raises InvalidArgument for an id that is malformed.
        """
        log = self._log(namespace)
        digests = [digest_of(check_id(parts, data_type), data_type) for parts in ids]

        def looked_up() -> dict[bytes, bytes | None]:
            listing = log.listing()
            found = self._found(log, listing, digests, data_type)
            missing = {digest for digest in digests if digest not in found}
            if missing and (entries := self._others(log, listing)):
                found |= self._found_elsewhere(log, entries, missing, data_type)
            return found

        found = self._again(log, looked_up)
        return [found.get(digest) for digest in digests]

    def write(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """Write a page, overwriting by id; it is durable when this returns.

        Raises InvalidArgument for a document that is malformed, before anything is written.
        """
        _, writer = self._opened(namespace)
        page = Documents(documents, data_type, self._options.max_document_bytes)
        if documents:
            writer.write(page, data_type)

    def update(self, namespace: str, updates: Sequence[Update], data_type: DataType) -> None:
        """Apply updates in their order, partial ones too; all is durable when this returns.

        Raises InvalidArgument for an update that is malformed, before anything is written.
        """
        _, writer = self._opened(namespace)
        change = Updates(updates, data_type, self._options.max_document_bytes)
        if updates:
            writer.write(change, data_type)

    def _log(self, namespace: str) -> Log:
        return self._opened(namespace)[0]

    def _opened(self, namespace: str) -> tuple[Log, Writer]:
        folder_of(namespace)
        with self._lock:
            if namespace not in self._logs:
                log = Log(self._storage, namespace)
                writer = Writer(
                    self._storage,
                    log,
                    conditions=self._conditions,
                    compression=self._options.compression,
                    find=self._current,
                    written=self._page_written,
                )
                self._logs[namespace] = log, writer
            return self._logs[namespace]

    def _page_written(self, log: Log, file: LogFile, index: Index) -> None:
        self._indexes.keep(log, file, index)
        self._page_indexes.written(log, file, index)
        self._background.written(log, file.size)

    def _compact(self, log: Log) -> None:
        self._compaction.run(log)

    def _again(self, log: Log, work: Callable[[], T]) -> T:
        """The result of `work`, which is called again if a file has gone, as happens in a compaction."""
        for _ in range(_TRIES):
            try:
                return work()
            except FileNotFoundError:
                log.listing()  # this raises, too, if the store itself is missing
                with self._lock:
                    self._listings.clear()
                    for place in [place for place in self._snapshots if place[0] == log.namespace]:
                        del self._snapshots[place]
        raise Aborted(f"the files of {log.namespace!r} change faster than they can be read: try again")

    def _newest(self, log: Log, listing: Listing) -> Snapshot:
        """The log as a listing shows it."""
        head = max((file.last for file in listing.files), default=0)
        return self._snapshot_at(log, head, listing)

    def _snapshot_at(self, log: Log, head: int, listing: Listing | None = None) -> Snapshot:
        """The log as it was at a number; with `listing`, of files that are there now."""
        with self._lock:
            kept = self._snapshots.get((log.namespace, head))
        # A page below the newest may have come since.
        if kept is not None and (
            listing is None or [part.file for part in kept.parts] == [each.file for each in visible(listing.files)]
        ):
            return kept
        snapshot = Snapshot(log, listing or log.listing(), self._indexes, head)
        with self._lock:
            self._snapshots[log.namespace, head] = snapshot
            while len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return snapshot

    def _log_page(
        self, log: Log, partition: LogPartition, place: LinePlace | None, data_type: DataType
    ) -> tuple[list[bytes], LinePlace | None]:
        known = log.format() if partition.head else None
        if known is None:
            return [], None
        return log_page(
            log,
            known,
            partition,
            place,
            lambda head: self._snapshot_at(log, head),
            blocks=self._blocks,
            limits=self._limits,
            data_type=data_type,
        )

    def _foreign_page(
        self, log: Log, partition: FilesPartition, place: FilePlace | None, data_type: DataType
    ) -> tuple[list[bytes], FilePlace | None]:
        key = (log.namespace, data_type, partition.first, partition.last)
        with self._lock:
            looked_at = self._listings.get(key) if place is not None else None
        if looked_at is None:
            listing = log.listing()
            looked_at = self._others(log, listing), self._superseded(log, listing, data_type)
            with self._lock:
                self._listings[key] = looked_at
                while len(self._listings) > _SNAPSHOTS:
                    self._listings.popitem(last=False)
        entries, superseded = looked_at
        return self._foreign.page(
            entries,
            partition,
            place,
            data_type=data_type,
            within=lambda name: self._within(log, name),
            superseded=superseded,
        )

    def _superseded(self, log: Log, listing: Listing, data_type: DataType) -> Callable[[bytes], bool]:
        known = log.format()
        if known is None or not listing.files:
            return _never
        snapshot = self._newest(log, listing)
        with self._lock:
            if self._mentioned is None or self._mentioned[0] is not snapshot:
                self._mentioned = snapshot, Mentioned(snapshot)
            mentioned = self._mentioned[1]
        written: Format = known

        def is_superseded(document: bytes) -> bool:
            try:
                there = convert(document, data_type, written.data_type)
                return digest_of(id_of(there, written.data_type)[0], written.data_type) in mentioned
            except InvalidArgument:  # no such document could have been written
                return False

        return is_superseded

    def _others(self, log: Log, listing: Listing) -> list[Entry]:
        """The files of other tools in a namespace: in its folder, in a folder of its plain name, or in none."""
        found = list(listing.foreign)
        plain = log.namespace
        if plain != log.folder and "/" not in plain and not plain.startswith(("_", ".")) and plain.isprintable():
            found += [entry for entry in self._storage.entries(plain) if not _hidden(entry.key)]
        if plain == self._root:
            found += self._top()
        return self._foreign.wanted(found)

    def _top(self) -> list[Entry]:
        return [entry for entry in self._storage.top() if not _hidden(entry.key)]

    def _within(self, log: Log, key: str) -> str:
        for folder in (log.folder, log.namespace):
            if key.startswith(f"{folder}/"):
                return key[len(folder) + 1 :]
        return key

    def _found(
        self, log: Log, listing: Listing, digests: Sequence[bytes], data_type: DataType
    ) -> dict[bytes, bytes | None]:
        """The newest documents with these digests, None for deleted ones; others are left out."""
        known = log.format() if listing.files else None
        if known is None or known.data_type != data_type:
            return {}
        snapshot = self._newest(log, listing)
        found: dict[bytes, bytes | None] = {}
        for digest in digests:
            if (place := snapshot.find(digest)) is not None:
                part, line = place
                if line in part.index.deletes:
                    found[digest] = None
                else:
                    text = line_text(log, known, part, line, self._blocks)
                    found[digest] = stored_document(text, known.data_type, data_type, log.key, part.file.name, line)
        return found

    def _found_elsewhere(
        self, log: Log, entries: Sequence[Entry], wanted: set[bytes], data_type: DataType
    ) -> dict[bytes, bytes | None]:
        found: dict[bytes, bytes | None] = {}
        partition, place = FilesPartition(first=entries[0].key, last=entries[-1].key), None
        while True:
            documents, place = self._foreign_page(log, partition, place, data_type)
            for document in documents:
                digest = digest_of(id_of(document, data_type)[0], data_type)
                if digest in wanted:
                    found[digest] = document
            if place is None:
                return found

    def _current(self, log: Log, digests: Sequence[bytes], head: int) -> dict[bytes, Line]:
        """The newest lines with these digests, for partial updates."""
        known = log.format()
        if known is None or not digests:
            return {}
        return self._again(log, lambda: self._lines(log, known, digests, head))

    def _lines(self, log: Log, known: Format, digests: Sequence[bytes], head: int) -> dict[bytes, Line]:
        listing = log.listing()
        snapshot = self._snapshot_at(log, head, listing)
        found: dict[bytes, Line] = {}
        for digest in digests:
            if (place := snapshot.find(digest)) is not None:
                part, line = place
                deleted = line in part.index.deletes
                text = b"" if deleted else line_text(log, known, part, line, self._blocks)
                found[digest] = Line(digest, text, deleted)
        if listing.foreign and (missing := set(digests) - found.keys()):
            for digest, document in self._found_elsewhere(
                log, self._others(log, listing), missing, known.data_type
            ).items():
                if document is not None:
                    found[digest] = document_line(document, known.data_type)
        return found


def _kind_of(partition: bytes) -> LogPartition | FilesPartition:
    if partition.startswith(b'["FilesPartition"'):
        return FilesPartition.decode(partition)
    return LogPartition.decode(partition)


def _never(_: bytes) -> bool:
    return False


def _hidden(key: str) -> bool:
    return any(part.startswith(("_", ".")) for part in key.split("/"))
