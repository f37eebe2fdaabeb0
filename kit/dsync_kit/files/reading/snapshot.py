"""A log as it was at one number: which lines count, and which files hold them."""

import tempfile
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from mmap import ACCESS_READ, mmap

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.logs.index import Index, decode_pages, index_of
from dsync_kit.files.logs.log import Listing, Log
from dsync_kit.files.logs.names import LogFile, indexed_pages, visible
from dsync_kit.files.reading.blocks import Blocks
from dsync_kit.files.reading.resolve import superseded
from dsync_kit.files.stores.storage import Entry, Storage

__all__ = ["Indexes", "Part", "Snapshot", "Span"]

_IN_MEMORY = 256 << 10
_KEPT_BYTES = 32 << 20
_INDEX_BYTES = 2 << 10
"""What an index takes beside its digests."""
_FILE_BYTES = 64 << 10
"""What an index on disk counts as, so that few files are open."""


class Indexes:
    """The indexes of files. They never change, so each is kept once it has been read; large ones are kept on disk."""

    def __init__(self, storage: Storage, blocks: Blocks, pool: Executor) -> None:
        self._storage = storage
        self._blocks = blocks
        self._pool = pool
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[LogFile, Index]] = OrderedDict()
        self._size = 0

    def of_all(self, log: Log, files: Iterable[LogFile], indexes: Iterable[str]) -> list[Index]:
        """The indexes of files; `indexes` names those in the index folder. FileNotFoundError if a file has gone."""
        wanted = list(files)
        with self._lock:
            found = {file: index for file in wanted if (index := self._there(log, file)) is not None}
        missing = {file.last: file for file in wanted if file not in found and not file.merged}
        names = [name for name in indexes if any(page in missing for page in indexed_pages(name) or ())]
        for pages in self._pool.map(lambda name: self._pages(log, name), names):
            for number, index in pages.items():
                file = missing.get(number)
                if file is not None and index.size == file.size:
                    found[file] = index
                    self.keep(log, file, index)
        rest = [file for file in wanted if file not in found]
        found.update(zip(rest, self._pool.map(lambda file: self.of(log, file), rest), strict=True))
        return [found[file] for file in wanted]

    def _there(self, log: Log, file: LogFile) -> Index | None:
        kept, found = self._kept.get(log.key(file.name), (file, None))
        return found if found is not None and found.size == file.size and kept.version in ("", file.version) else None

    def _pages(self, log: Log, name: str) -> dict[int, Index]:
        try:
            return decode_pages(self._storage.read(log.index_key(name)))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}  # it is worked out from the files instead

    def of(self, log: Log, file: LogFile) -> Index:
        """The index of a file. Raises FileNotFoundError if the file has gone, FailedPrecondition if it is damaged."""
        key = log.key(file.name)
        with self._lock:
            if (found := self._there(log, file)) is not None:
                self._kept.move_to_end(key)
                return found
        index = self._read(log, file)
        self.keep(log, file, index)
        return index

    def keep(self, log: Log, file: LogFile, index: Index) -> None:
        """Keep the index of a file that was just written."""
        with self._lock:
            if (old := self._kept.pop(log.key(file.name), None)) is not None:
                self._size -= _weight(old[1])
            self._kept[log.key(file.name)] = file, index
            self._size += _weight(index)
            while self._size > _KEPT_BYTES and len(self._kept) > 1:
                self._size -= _weight(self._kept.popitem(last=False)[1][1])

    def forget(self, log: Log) -> None:
        """Forget the indexes of a log's files, since one of them has gone or changed."""
        with self._lock:
            for key in [key for key in self._kept if key.startswith(log.key(""))]:
                self._size -= _weight(self._kept.pop(key)[1])

    def _read(self, log: Log, file: LogFile) -> Index:
        if file.merged:
            try:
                index = Index.decode(self._storage.read(log.index_key(file.name)))
                if index.size == file.size:
                    return _spooled(index)
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                pass  # the writer was killed before it wrote the index, or somebody removed it
        known = log.format()
        if known is None:
            raise FailedPrecondition(f"the descriptor of {log.namespace!r} has gone: restore it")
        key = log.key(file.name)
        # A late writer may have made a page again whose number a compaction has freed: that file does not count.
        data = self._storage.read_listed(Entry(key, file.size, file.version))
        index, lines = index_of(data, file.last, known.compression, known.data_type, key)
        self._blocks.keep(key, index.blocks[0], lines)
        return _spooled(index)


def _weight(index: Index) -> int:
    """What an index takes of the memory that all may take."""
    return _INDEX_BYTES + (len(index.digests) if isinstance(index.digests, bytes) else _FILE_BYTES)


def _spooled(index: Index) -> Index:
    if len(index.digests) > _IN_MEMORY:
        with tempfile.TemporaryFile() as file:
            file.write(index.digests)
            file.flush()
            index.digests = mmap(file.fileno(), 0, access=ACCESS_READ)
    return index


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a snapshot. Its first `stop` lines count, except those in `skip`, which is sorted."""

    file: LogFile
    index: Index
    stop: int
    skip: "array[int]"

    def living(self, start: int, stop: int) -> int:
        """How many lines of a range count."""
        return stop - start - (bisect_left(self.skip, stop) - bisect_left(self.skip, start))


@dataclass(frozen=True, slots=True)
class Span:
    """A range of lines of one part."""

    part: Part
    start: int
    stop: int


class Snapshot:
    """The lines of the pages up to `until`. Raises FileNotFoundError if a file disappears meanwhile: list again."""

    def __init__(self, log: Log, listing: Listing, indexes: Indexes, until: int) -> None:
        files = visible(listing.files)
        read = indexes.of_all(log, [each.file for each in files], listing.indexes)
        found = [
            (each.file, index, index.line_from(min(each.stop, until + 1)))
            for each, index in zip(files, read, strict=True)
        ]
        dead = superseded([(index, stop) for _, index, stop in found])
        self.parts: Sequence[Part] = [
            Part(file, index, stop, _skipped(lines, index, stop))
            for (file, index, stop), lines in zip(found, dead, strict=True)
        ]
        self.head = until
        self._spans: dict[tuple[int, int], list[Span]] = {}

    @cached_property
    def count(self) -> int:
        """How many documents there are."""
        return sum(part.living(0, part.stop) for part in self.parts)

    def spans(self, after: int, until: int) -> list[Span]:
        """The lines of the pages with numbers greater than `after`, up to `until`, oldest first."""
        known = self._spans.get((after, until))
        if known is not None:
            return known
        found = []
        for part in self.parts:
            start = part.index.line_from(after + 1)
            stop = min(part.index.line_from(until + 1), part.stop)
            if start < stop:
                found.append(Span(part, start, stop))
        self._spans[after, until] = found
        return found

    def horizon(self, after: int, until: int) -> int:
        """The last page in whose favour a compaction may have dropped lines of these pages."""
        return max(
            (part.index.horizon for part in self.parts if part.file.last > after and part.file.first <= until),
            default=0,
        )

    def find(self, digest: bytes) -> tuple[Part, int] | None:
        """The newest line with this digest, a document or a delete; None if there isn't one."""
        for part in reversed(self.parts):
            line = part.index.find(digest, part.stop)
            if line is not None:
                return part, line
        return None

    def digests(self) -> Iterator[bytes]:
        """The digests of all lines."""
        for part in self.parts:
            yield from part.index.all_digests(part.stop)


def _skipped(dead: "array[int]", index: Index, stop: int) -> "array[int]":
    deletes = index.deletes[: bisect_left(index.deletes, stop)]
    if not dead or not deletes:
        return dead or deletes
    return array("I", sorted({*dead, *deletes}))
