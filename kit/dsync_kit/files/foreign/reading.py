"""Files that other tools wrote, as partitions and pages of documents."""

import logging
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import BinaryIO, Literal

from dsync_kit.errors import Aborted, FailedPrecondition, InvalidArgument
from dsync_kit.files.content.compression import BROKEN, check_available, plain_name, reader
from dsync_kit.files.foreign.bson_rows import bson_rows
from dsync_kit.files.foreign.csv_rows import csv_rows
from dsync_kit.files.foreign.json_rows import json_lines, json_objects
from dsync_kit.files.foreign.parquet_rows import parquet_count, parquet_rows
from dsync_kit.files.foreign.rows import BadRow, Row, row_document
from dsync_kit.files.reading.log_listing import PageLimits, Planned
from dsync_kit.files.reading.position import FilePlace, FilesPartition
from dsync_kit.files.stores.storage import Entry, Storage
from dsync_kit.protocol import DataType

__all__ = ["ForeignFiles", "ForeignOptions"]

logger = logging.getLogger(__name__)

_OPEN = 32
"""Listings that go on where their last page ended; a page of another one begins its file again."""
_COUNTED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOptions:
    """How the files of others are read: which field is the id, what becomes of a bad row, and what CSV holds."""

    id_field: str | None = None
    on_bad_row: Literal["fail", "skip"] = "fail"
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    ignore: Sequence[str] = ()


@dataclass(slots=True)
class _Reading:
    """A file that is being read: the rows that were passed, and those that come."""

    entry: Entry
    rows: Generator[Row | BadRow, None, None]
    file: BinaryIO
    passed: int = 0
    bad: int = 0
    held: Row | BadRow | None = None

    def next(self) -> Row | BadRow | None:
        """The next row; None at the end."""
        row, self.held = self.held, None
        row = row if row is not None else next(self.rows, None)
        if row is not None:
            self.passed += 1
        return row

    def close(self) -> None:
        """End the reading."""
        self.rows.close()
        self.file.close()

    def back(self, row: Row | BadRow) -> None:
        """Give a row back: it is the next one again."""
        self.held = row
        self.passed -= 1


class ForeignFiles:
    """The files of others in one store. `close` ends what is being read."""

    def __init__(
        self, storage: Storage, options: ForeignOptions, *, limits: PageLimits, partition_bytes: int, largest: int
    ) -> None:
        self._storage = storage
        self._options = options
        self._limits = limits
        self._partition_bytes = partition_bytes
        self._largest = largest
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, _Reading] = OrderedDict()
        self._counts: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for reading in self._open.values():
                reading.close()
            self._open.clear()

    def wanted(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that are to be read, in the order of their keys. Raises FailedPrecondition for an unknown kind."""
        found = sorted(
            (entry for entry in entries if not any(fnmatchcase(entry.key, glob) for glob in self._options.ignore)),
            key=lambda entry: entry.key,
        )
        names = {entry.key for entry in found}
        # mongodump describes each collection in a file beside it.
        found = [
            entry
            for entry in found
            if not (
                entry.key.endswith((".metadata.json", ".metadata.json.gz"))
                and any(entry.key.replace(".metadata.json", ".bson") + end in names for end in ("", ".gz", ".zst"))
            )
        ]
        for entry in found:
            self._kind(entry.key)
        return found

    def plan(self, entries: Sequence[Entry]) -> list[Planned]:
        """Partitions of about the bytes that were asked for; a large file is one by itself."""
        groups: list[list[Entry]] = []
        size = 0
        for entry in entries:
            if not groups or size + entry.size > self._partition_bytes:
                groups.append([])
                size = 0
            groups[-1].append(entry)
            size += entry.size
        return [
            Planned(FilesPartition(first=group[0].key, last=group[-1].key).encode(), self._estimate(group))
            for group in groups
        ]

    def count(self, entries: Sequence[Entry]) -> int:
        """How many rows there are: exactly for small files and Parquet, otherwise estimated from a sample."""
        return self._estimate(entries)

    def page(
        self,
        entries: Sequence[Entry],
        partition: FilesPartition,
        place: FilePlace | None,
        *,
        data_type: DataType,
        within: Callable[[str], str],
        superseded: Callable[[bytes], bool],
    ) -> tuple[list[bytes], FilePlace | None]:
        """One page of a partition, and where the next one begins.

        `within` gives a key as it names the rows that have no id; `superseded` says whether a log has a newer version
        of a document. Raises Aborted where a file has changed since it was begun, FailedPrecondition for a row that
        cannot be read, naming file and line.
        """
        keys = [entry.key for entry in entries]
        at = bisect_left(keys, place.key if place else partition.first)
        stop = bisect_right(keys, partition.last)
        documents: list[bytes] = []
        size = 0
        while at < stop:
            reading = self._reading(entries[at], place)
            place = None
            try:
                while (row := reading.next()) is not None:
                    document = self._document(row, reading, data_type, within(reading.entry.key))
                    if document is None or superseded(document):
                        continue
                    size += len(document)
                    if documents and (len(documents) == self._limits.documents or size > self._limits.size):
                        reading.back(row)
                        return documents, self._keep(reading)
                    documents.append(document)
                self._check(reading)
            except BaseException:
                reading.close()
                raise
            reading.close()
            if reading.bad:
                logger.warning("%s: %d rows were skipped that could not be read", reading.entry.key, reading.bad)
            at += 1
        return documents, None

    def _reading(self, entry: Entry, place: FilePlace | None) -> _Reading:
        if place is not None and (place.key, place.file_version) != (entry.key, entry.version):
            raise Aborted(f"{place.key!r} has changed while it was listed: list the partition again")
        if place is not None:
            with self._lock:
                kept = self._open.pop(place.encode(), None)
            if kept is not None:
                return kept
        reading = self._opened(entry)
        while place is not None and reading.passed < place.rows:
            if reading.next() is None:
                raise Aborted(f"{place.key!r} has changed while it was listed: list the partition again")
        return reading

    def _keep(self, reading: _Reading) -> FilePlace:
        self._check(reading)
        place = FilePlace(key=reading.entry.key, file_version=reading.entry.version, rows=reading.passed)
        with self._lock:
            if (other := self._open.pop(place.encode(), None)) is not None:
                other.close()
            self._open[place.encode()] = reading
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
        return place

    def _check(self, reading: _Reading) -> None:
        """What was read is of one version of the file."""
        if self._storage.stat(reading.entry.key).version != reading.entry.version:
            raise Aborted(f"{reading.entry.key!r} has changed while it was listed: list the partition again")

    def _document(self, row: Row | BadRow, reading: _Reading, wanted: DataType, place: str) -> bytes | None:
        """The document of a row; None for one that is skipped."""
        try:
            if isinstance(row, BadRow):
                raise InvalidArgument(row.reason)
            return row_document(row, wanted, id_field=self._options.id_field, place=place)
        except InvalidArgument as error:
            if self._options.on_bad_row == "skip":
                reading.bad += 1
                return None
            raise FailedPrecondition(
                f"{reading.entry.key!r}, line {row.line}: {error.message}; --on-bad-row skip passes over such rows"
            ) from error

    def _opened(self, entry: Entry) -> _Reading:
        file = self._storage.open(entry.key)
        return _Reading(entry, self._rows(entry, file), file)

    def _rows(self, entry: Entry, file: BinaryIO) -> Generator[Row | BadRow, None, None]:
        """The rows of an open file; whatever makes the rest of it unreadable names the file."""
        _, compression = plain_name(entry.key)
        kind = self._kind(entry.key)
        check_available(compression)
        with _named(entry), closing(reader(file, compression)) as plain:
            if kind in ("csv", "tsv"):
                delimiter = self._options.delimiter or ("\t" if kind == "tsv" else ",")
                columns = self._options.columns
                yield from csv_rows(plain, delimiter=delimiter, columns=columns, largest=self._largest)
            elif kind == "json":
                yield from json_objects(plain, self._largest)
            elif kind == "bson":
                yield from bson_rows(plain, self._largest)
            elif kind == "parquet":
                yield from parquet_rows(plain)
            else:
                yield from json_lines(plain, self._largest)

    def _kind(self, key: str) -> str:
        kind = _KINDS.get(plain_name(key)[0].rpartition(".")[2].lower())
        if kind is None:
            raise FailedPrecondition(
                f"{key!r} is of no kind that can be read: expected {', '.join(f'.{name}' for name in _KINDS)}, plain "
                "or with .gz or .zst; take it away, or pass over it with --ignore"
            )
        return kind

    def _estimate(self, entries: Sequence[Entry]) -> int:
        exact = total = counted = size = 0
        for entry in entries:
            if self._kind(entry.key) == "parquet":
                with self._storage.open(entry.key) as file, _named(entry):
                    exact += parquet_count(file)
            elif counted + entry.size <= _COUNTED_BYTES:
                counted += entry.size
                total += self._counted(entry)
            else:
                size += entry.size
        # What is left is taken to be like what was counted.
        return exact + total + (size * total // counted if counted else size // 200)

    def _counted(self, entry: Entry) -> int:
        place = (entry.key, entry.version)
        if place not in self._counts:
            reading = self._opened(entry)
            with closing(reading):
                self._counts[place] = sum(1 for row in reading.rows if isinstance(row, Row))
        return self._counts[place]


@contextmanager
def _named(entry: Entry) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
    except BROKEN as error:
        raise FailedPrecondition(f"{entry.key!r} cannot be decompressed: {error}") from error
    except FailedPrecondition as error:
        raise FailedPrecondition(f"{entry.key!r}, {error.message}") from error


_KINDS = {
    "jsonl": "lines",
    "ndjson": "lines",
    "ejsonl": "lines",
    "json": "json",
    "csv": "csv",
    "tsv": "tsv",
    "bson": "bson",
    "parquet": "parquet",
}
