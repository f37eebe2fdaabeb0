"""Documents in files: what a connector over an object store delegates to.

Below the prefix, each namespace has a folder with a log of numbered files. This module writes the log, and reads it
together with the files of other tools. The README of a rendered connector describes the layout.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from dsync_kit.cursors import Cursor
from dsync_kit.errors import Aborted
from dsync_kit.files.compacting.background import Background
from dsync_kit.files.compacting.compaction import Compaction
from dsync_kit.files.content.compression import Compression
from dsync_kit.files.content.lines import Line, digest_of, document_line
from dsync_kit.files.foreign.kinds import ForeignOptions, Rows
from dsync_kit.files.foreign.others import Others, is_foreign
from dsync_kit.files.foreign.planning import ForeignPlans
from dsync_kit.files.foreign.reading import ForeignFiles
from dsync_kit.files.logs.changes import Documents, Updates
from dsync_kit.files.logs.index import ChangedFile, Index
from dsync_kit.files.logs.log import Format, Listing, Log
from dsync_kit.files.logs.names import LogFile, folder_of, namespace_of
from dsync_kit.files.logs.page_indexes import PageIndexes
from dsync_kit.files.logs.writing import ConditionalWrites, Writer
from dsync_kit.files.reading.blocks import Blocks
from dsync_kit.files.reading.log_listing import PageLimits, Planned, line_text, log_page, plan_log, stored_document
from dsync_kit.files.reading.position import LinePlace, LogPartition
from dsync_kit.files.reading.snapshot import Indexes
from dsync_kit.files.reading.snapshots import Snapshots
from dsync_kit.files.stores.listed import Listable, Listed
from dsync_kit.files.stores.storage import Storage
from dsync_kit.incoming import check_id
from dsync_kit.protocol import BsonValue, DataType, Update

__all__ = ["DocumentFiles", "FilesOptions"]

T = TypeVar("T")

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
        rows = Rows(storage, self._options.foreign, self._options.max_document_bytes)
        self._foreign = ForeignFiles(storage, self._options.foreign, rows, self._limits)
        self._snapshots = Snapshots(self._indexes)
        plans = ForeignPlans(storage, rows, self._options.partition_bytes)
        self._others = Others(storage, self._foreign, plans, self._snapshots, root=root)
        self._conditions = ConditionalWrites(storage)
        self._lock = threading.Lock()
        self._logs: dict[str, tuple[Log, Writer]] = {}
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
        return self._namespaces(self._storage)

    def count(self, namespace: str) -> int:
        """How many documents there are; an estimate for large files of other tools."""
        log = self._log(namespace)

        def counted() -> int:
            listing = log.listing()
            return self._snapshots.newest(log, listing).count + self._others.count(self._others.entries(log, listing))

        return self._again(log, counted)

    def plan(self, namespace: str) -> list[Planned]:
        """Partitions that together hold each document once; at least one."""
        log = self._log(namespace)
        return self._again(log, lambda: self._planned(log))

    def plans(self, namespaces: Iterable[str] = ()) -> list[tuple[str, list[Planned]]]:
        """The plan of each namespace, by default of all; then one listing of the store serves them all."""
        wanted = list(dict.fromkeys(namespaces))
        listed = None if wanted else Listed.of(self._storage)
        names = wanted or self._namespaces(listed or self._storage)
        plan = partial(self._plan_in, listed=listed) if listed else self.plan
        if len(names) < 2:
            return [(namespace, plan(namespace)) for namespace in names]
        # The threads of `_pool` read what these ask for: waiting for each other, they would never end.
        with ThreadPoolExecutor(self._options.concurrency, "plans") as pool:
            return list(zip(names, pool.map(plan, names), strict=True))

    def page(self, namespace: str, partition: bytes, cursor: bytes, data_type: DataType) -> tuple[list[bytes], bytes]:
        """A page of a partition, from its cursor on (empty: from the start), and the next page's cursor, or none.

        Raises InvalidArgument for foreign cursors, and for documents that the type cannot hold; Aborted if files have
        changed, or were compacted so that the page cannot be found.
        """
        log = self._log(namespace)
        following: Cursor | None
        if is_foreign(partition):
            documents, following = self._again(log, lambda: self._others.page(log, partition, cursor, data_type))
        else:
            documents, following = self._again(log, lambda: self._log_page(log, partition, cursor, data_type))
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
            if missing and (entries := self._others.entries(log, listing)):
                found |= self._others.find(log, entries, missing, data_type)
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

    def _namespaces(self, listed: Listable) -> list[str]:
        found = {namespace_of(name) for name in listed.folders() if not name.startswith(("_", "."))}
        if self._root and self._others.at_top(listed):
            found.add(self._root)
        return sorted(found)

    def _plan_in(self, namespace: str, listed: Listed) -> list[Planned]:
        """The plan of a namespace whose files are known from a listing of the store."""
        try:
            return self._planned(self._log(namespace), listed)
        except FileNotFoundError:  # compacted since the listing
            return self.plan(namespace)

    def _planned(self, log: Log, listed: Listable | None = None) -> list[Planned]:
        listing = log.listing(listed)
        written = plan_log(self._snapshots.newest(log, listing), self._options.partition_bytes)
        return self._others.plan(self._others.entries(log, listing, listed)) + written

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
        """The result of `work`, which is called again if a file has gone or changed, as happens in a compaction."""
        for attempt in range(_TRIES):
            try:
                return work()
            except (FileNotFoundError, ChangedFile) as error:
                if isinstance(error, ChangedFile):
                    if attempt:
                        raise
                    self._indexes.forget(log)
                log.listing()  # this raises, too, if the store itself is missing
                self._others.forget()
                self._snapshots.forget(log)
        raise Aborted(f"the files of {log.namespace!r} change faster than they can be read: try again")

    def _log_page(
        self, log: Log, partition: bytes, cursor: bytes, data_type: DataType
    ) -> tuple[list[bytes], LinePlace | None]:
        planned = LogPartition.decode(partition)
        place = LinePlace.decode(cursor) if cursor else None
        known = log.format() if planned.head else None
        if known is None:
            return [], None
        return log_page(
            log,
            known,
            planned,
            place,
            lambda head: self._snapshots.at(log, head),
            blocks=self._blocks,
            limits=self._limits,
            data_type=data_type,
        )

    def _found(
        self, log: Log, listing: Listing, digests: Sequence[bytes], data_type: DataType
    ) -> dict[bytes, bytes | None]:
        """The newest documents with these digests, None for deleted ones; others are left out."""
        known = log.format() if listing.files else None
        if known is None or known.data_type != data_type:
            return {}
        snapshot = self._snapshots.newest(log, listing)
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

    def _current(self, log: Log, digests: Sequence[bytes], head: int) -> dict[bytes, Line]:
        """The newest lines with these digests, for partial updates."""
        known = log.format()
        if known is None or not digests:
            return {}
        return self._again(log, lambda: self._lines(log, known, digests, head))

    def _lines(self, log: Log, known: Format, digests: Sequence[bytes], head: int) -> dict[bytes, Line]:
        listing = log.listing()
        snapshot = self._snapshots.at(log, head, listing)
        found: dict[bytes, Line] = {}
        for digest in digests:
            if (place := snapshot.find(digest)) is not None:
                part, line = place
                deleted = line in part.index.deletes
                text = b"" if deleted else line_text(log, known, part, line, self._blocks)
                found[digest] = Line(digest, text, deleted)
        if listing.foreign and (missing := set(digests) - found.keys()):
            older = self._others.find(log, self._others.entries(log, listing), missing, known.data_type)
            found |= {digest: document_line(document, known.data_type) for digest, document in older.items()}
        return found
