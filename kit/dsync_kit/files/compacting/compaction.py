"""Compaction: merges runs of small files, and drops overwritten lines. It can be killed at any moment.

A merged file exists as a whole before the first file that it replaces is removed, and from then on it alone is read.
Its lines keep the numbers of their pages, so the cursors of a plan stay valid.
"""

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence

from dsync_kit.files.compacting.merging import to_merge
from dsync_kit.files.content.compression import Compression
from dsync_kit.files.content.lines import DIGEST
from dsync_kit.files.logs.index import BLOCK_BYTES, Index, IndexBuilder, build_block, check_block, read_block
from dsync_kit.files.logs.log import Format, Listing, Log
from dsync_kit.files.logs.names import LogFile, VisibleFile, indexed_pages, log_file, merged_name, visible
from dsync_kit.files.reading.resolve import superseded
from dsync_kit.files.reading.snapshot import Indexes
from dsync_kit.files.stores.storage import Storage

__all__ = ["Compaction"]

_LARGEST_SHARE = 2
"""A large file is rewritten when one in this many of its lines is superseded."""


class Compaction:
    """Compacts the logs of one store. It calls `stopping` between steps to learn whether it should end."""

    def __init__(self, storage: Storage, indexes: Indexes, *, file_bytes: int, stopping: Callable[[], bool]) -> None:
        self._storage = storage
        self._indexes = indexes
        self._file_bytes = file_bytes
        self._stopping = stopping
        self._cleaned: dict[str, int] = {}

    def run(self, log: Log) -> None:
        """Merge the files that are due, and remove those that nobody reads any more.

        If another process compacts the same log, a file may disappear; then this compaction gives up.
        """
        try:
            listing = log.listing()
            self._remove_leftovers(log, listing)
            known = log.format()
            if known is None:
                return
            files = [each.file for each in _before(listing)]
            for run in to_merge(files, self._file_bytes):
                if self._stopping():
                    return
                self._merge(log, known, run, listing, horizon=None)
            self._clean(log, known)
        except FileNotFoundError:
            return

    def _clean(self, log: Log, known: Format) -> None:
        """Rewrite files of which half the lines are superseded. This reads all indexes, so it is done rarely."""
        listing = log.listing()
        files = _before(listing)
        indexes = self._indexes.of_all(log, [each.file for each in files], listing.indexes)
        lines = sum(map(len, indexes))
        head = max((each.file.last for each in files), default=0)
        since = self._cleaned.setdefault(log.folder, 0)
        added = sum(len(index) for each, index in zip(files, indexes, strict=True) if each.file.last > since)
        if added * 4 < lines or len(files) < 2:
            return
        self._cleaned[log.folder] = head
        stops = [index.line_from(each.stop) for each, index in zip(files, indexes, strict=True)]
        for each, index, dead in zip(files, indexes, superseded(list(zip(indexes, stops, strict=True))), strict=True):
            if self._stopping():
                return
            if each.file.size > self._file_bytes // 8 and len(dead) * _LARGEST_SHARE >= len(index):
                self._merge(log, known, [each.file], listing, horizon=head)

    def _merge(self, log: Log, known: Format, run: Sequence[LogFile], listing: Listing, *, horizon: int | None) -> None:
        """Write one file for the run, then remove the run. With a horizon, newer files count as well, up to it."""
        chosen = set(run)
        files = [
            each for each in _before(listing) if each.file in chosen or (horizon and each.file.first > run[-1].last)
        ]
        indexes = self._indexes.of_all(log, [each.file for each in files], listing.indexes)
        stops = [index.line_from(each.stop) for each, index in zip(files, indexes, strict=True)]
        dead = superseded(list(zip(indexes, stops, strict=True)))
        # Keep deletes as long as there may be older documents that they delete.
        forget = run[0].first == 1 and not listing.foreign
        generation = run[0].generation + 1 if len(run) == 1 else 0
        merged = merged_name(run[0].first, run[-1].last, generation, known.suffix)
        with tempfile.TemporaryFile() as spool:
            builder = IndexBuilder()
            writer = _Writer(builder, spool.write, known.compression)
            highest = 0
            for each, index, stop, gone in zip(files, indexes, stops, dead, strict=True):
                if each.file not in chosen:
                    continue
                highest = max(highest, index.horizon, (horizon or run[-1].last) if gone else 0)
                skip = array("I", sorted({*gone, *index.deletes})) if forget else gone
                self._copy(log, each.file, index, stop, skip, writer, known)
                if self._stopping():
                    return
            writer.end()
            index = builder.build(highest)
            file = LogFile(merged, run[0].first, run[-1].last, index.size)
            self._storage.replace(log.index_key(file.name), index.encode())
            self._storage.upload(log.key(merged), spool)
        self._remove(log, run)

    def _copy(
        self,
        log: Log,
        file: LogFile,
        index: Index,
        stop: int,
        skip: "array[int]",
        writer: "_Writer",
        known: Format,
    ) -> None:
        """Append the lines of a file that count; whole blocks are copied as they are."""
        key = log.key(file.name)
        for block, end in zip(index.blocks, (*index.block_lines[1:], len(index)), strict=False):
            if block.line >= stop:
                break
            data = self._storage.read(key, block.offset, block.size)
            whole = end <= stop and bisect_left(skip, block.line) == bisect_left(skip, end)
            if whole and block.size >= BLOCK_BYTES // 4:
                check_block(data, block, key)
                writer.whole(data, index, block.line, end)
                continue
            lines = read_block(data, block, known.compression, key).texts
            for line in range(block.line, min(end, stop)):
                at = bisect_left(skip, line)
                if at == len(skip) or skip[at] != line:
                    writer.line(lines[line - block.line], index, line)

    def _remove_leftovers(self, log: Log, listing: Listing) -> None:
        """Remove what a killed compaction left: files that a merged one replaces, and indexes without a file."""
        seen = {each.file for each in visible(listing.files)}
        merged = [file for file in seen if file.merged]
        left = [file for file in listing.files if file not in seen]
        self._remove(log, left)
        there = {file.name for file in listing.files}
        for name in listing.indexes:
            pages = indexed_pages(name)
            file = log_file(name, 0) if pages is None else LogFile(name, pages[0], pages[-1], 0)
            # The index of an equally long run may belong to a file that is being written.
            if (
                name not in there
                and file is not None
                and any(_within(file, other, same=pages is not None) for other in merged)
            ):
                self._storage.delete(log.index_key(name))

    def _remove(self, log: Log, files: Sequence[LogFile]) -> None:
        # Oldest first: whatever remains in between still has the deletes that older documents need.
        for file in sorted(files, key=lambda each: each.last):
            self._storage.delete(log.key(file.name))
            if file.merged:
                self._storage.delete(log.index_key(file.name))


class _Writer:
    """Writes lines as blocks, and their index."""

    def __init__(self, builder: IndexBuilder, write: Callable[[bytes], object], compression: Compression) -> None:
        self._builder = builder
        self._write = write
        self._compression = compression
        self._texts: list[bytes] = []
        self._first = 0
        self._size = 0

    def line(self, text: bytes, index: Index, line: int) -> None:
        """Append one line of another file."""
        if self._size + len(text) > BLOCK_BYTES:
            self.end()
        if not self._texts:
            self._first = self._builder.lines
        self._texts.append(text)
        self._size += len(text) + 1
        self._note(index, line, line + 1)

    def whole(self, data: bytes, index: Index, start: int, stop: int) -> None:
        """Append a block of another file, with the lines from `start` up to `stop`."""
        self.end()
        self._builder.block(data, self._builder.lines)
        self._write(data)
        self._note(index, start, stop)

    def end(self) -> None:
        """End the block."""
        if self._texts:
            data = build_block(self._texts, self._compression)
            self._builder.block(data, self._first)
            self._write(data)
            self._texts, self._size = [], 0

    def _note(self, index: Index, start: int, stop: int) -> None:
        for number, first, last in index.pages_between(start, stop):
            self._builder.page(number)
            deletes = index.deletes[bisect_left(index.deletes, first) : bisect_left(index.deletes, last)]
            self._builder.lines_of(index.digests[first * DIGEST : last * DIGEST], (each - first for each in deletes))


def _within(file: LogFile, other: LogFile, *, same: bool) -> bool:
    """Whether the pages of one file are among those of another; `same`: they may be the same ones."""
    inside = other.first <= file.first and file.last <= other.last
    return inside and (same or (file.first, file.last) != (other.first, other.last))


def _before(listing: Listing) -> list[VisibleFile]:
    """The files that are read, up to the first page that is missing: it may still come."""
    first = min(listing.holes, default=None)
    return [each for each in visible(listing.files) if first is None or each.file.last < first]
