"""Pages of documents from files that other tools wrote."""

import logging
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO

from dsync_kit.errors import Aborted, FailedPrecondition, InvalidArgument
from dsync_kit.files.foreign.kinds import ForeignOptions, Piece, Rows, kind_of
from dsync_kit.files.foreign.rows import BadRow, Row, row_document
from dsync_kit.files.reading.log_listing import PageLimits
from dsync_kit.files.reading.position import FilePlace, FilesPartition, PiecePartition, PiecePlace
from dsync_kit.files.stores.storage import Entry, Storage
from dsync_kit.protocol import DataType

__all__ = ["ForeignFiles"]

logger = logging.getLogger(__name__)

_OPEN = 32
"""Listings that go on where their last page ended; a page of another one begins its file again."""


@dataclass(slots=True)
class _Reading:
    """A piece of a file that is being read: the rows that were passed, and those that come."""

    piece: Piece
    rows: Generator[Row | BadRow, None, None]
    file: BinaryIO
    passed: int = 0
    bad: int = 0
    before: int | None = None
    """The lines before the piece, if they were counted."""
    held: Row | BadRow | None = None

    @property
    def entry(self) -> Entry:
        """The file."""
        return self.piece.entry

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

    def __init__(self, storage: Storage, options: ForeignOptions, rows: Rows, limits: PageLimits) -> None:
        self._storage = storage
        self._options = options
        self._rows = rows
        self._limits = limits
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, _Reading] = OrderedDict()

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
            kind_of(entry.key)
        return found

    def page(
        self,
        entries: Sequence[Entry],
        partition: FilesPartition | PiecePartition,
        place: FilePlace | PiecePlace | None,
        *,
        data_type: DataType,
        within: Callable[[str], str],
        superseded: Callable[[bytes], bool],
    ) -> tuple[list[bytes], FilePlace | PiecePlace | None]:
        """One page of a partition, and where the next one begins.

        `within` gives a key as it names the rows that have no id; `superseded` says whether a log has a newer version
        of a document. Raises Aborted if a file has changed since it was begun, FailedPrecondition for a row that cannot
        be read, naming file and line, and for a piece of a file that has changed since the plan was made.
        """
        documents: list[bytes] = []
        size = 0
        for piece in _pieces(entries, partition, place):
            reading = self._reading(piece, place)
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
        return documents, None

    def _reading(self, piece: Piece, place: FilePlace | PiecePlace | None) -> _Reading:
        if place is not None and (place.key, place.file_version) != (piece.entry.key, piece.entry.version):
            raise _changed(place.key)
        if place is not None:
            with self._lock:
                kept = self._open.pop(place.encode(), None)
            if kept is not None:
                return kept
        file = self._storage.open(piece.entry.key)
        reading = _Reading(piece, self._rows.of(piece, file), file)
        while place is not None and reading.passed < place.rows:
            if reading.next() is None:
                raise _changed(place.key)
        return reading

    def _keep(self, reading: _Reading) -> FilePlace | PiecePlace:
        self._check(reading)
        place = _place(reading)
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
            raise _changed(reading.entry.key)

    def _document(self, row: Row | BadRow, reading: _Reading, wanted: DataType, place: str) -> bytes | None:
        """The document of a row; None for one that is skipped."""
        try:
            if isinstance(row, BadRow):
                raise InvalidArgument(row.reason)
            return row_document(
                row, wanted, id_field=self._options.id_field, place=lambda: f"{place}:{self._line(row, reading)}"
            )
        except InvalidArgument as error:
            if self._options.on_bad_row == "skip":
                reading.bad += 1
                return None
            raise FailedPrecondition(
                f"{reading.entry.key!r}, line {self._line(row, reading)}: {error.message}; --on-bad-row skip passes "
                "over such rows"
            ) from error

    def _line(self, row: Row | BadRow, reading: _Reading) -> int:
        """The line of a row in its file. Few rows need it, and the lines before a piece must be counted."""
        if reading.before is None:
            reading.before = self._rows.before(reading.piece)
        return reading.before + row.line


def _pieces(
    entries: Sequence[Entry], partition: FilesPartition | PiecePartition, place: FilePlace | PiecePlace | None
) -> Iterator[Piece]:
    """What a partition has to be read from a place on."""
    keys = [entry.key for entry in entries]
    if isinstance(partition, FilesPartition):
        first = bisect_left(keys, place.key if place else partition.first)
        yield from map(Piece, entries[first : bisect_right(keys, partition.last)])
        return
    at = bisect_left(keys, partition.key)
    if at == len(keys) or (keys[at], entries[at].version) != (partition.key, partition.file_version):
        raise FailedPrecondition(f"{partition.key!r} has changed since the plan was made: start again with a new plan")
    yield Piece(entries[at], partition.start, partition.stop)


def _place(reading: _Reading) -> FilePlace | PiecePlace:
    piece, entry = reading.piece, reading.entry
    if piece.stop is None:
        return FilePlace(key=entry.key, file_version=entry.version, rows=reading.passed)
    return PiecePlace(
        key=entry.key, file_version=entry.version, start=piece.start, stop=piece.stop, rows=reading.passed
    )


def _changed(key: str) -> Aborted:
    return Aborted(f"{key!r} has changed while it was listed: list the partition again")
