"""The kinds of files that other tools write, and the rows of a file or of a piece of it."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.content.compression import BROKEN, check_available, plain_name, reader
from dsync_kit.files.foreign.bson_rows import bson_rows, pass_documents
from dsync_kit.files.foreign.csv_rows import csv_rows, pass_records
from dsync_kit.files.foreign.json_rows import json_lines, json_objects, pass_line
from dsync_kit.files.foreign.parquet_rows import parquet_rows
from dsync_kit.files.foreign.rows import BadRow, Row
from dsync_kit.files.foreign.starts import Starts, Walk, count_lines
from dsync_kit.files.stores.storage import Entry, Storage

__all__ = ["ForeignOptions", "Kind", "Piece", "Rows", "kind_of", "named"]

Kind = Literal["lines", "json", "csv", "tsv", "bson", "parquet"]

_KINDS: dict[str, Kind] = {
    "jsonl": "lines",
    "ndjson": "lines",
    "ejsonl": "lines",
    "json": "json",
    "csv": "csv",
    "tsv": "tsv",
    "bson": "bson",
    "parquet": "parquet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOptions:
    """How the files of others are read: which field is the id, what becomes of a bad row, and what CSV holds."""

    id_field: str | None = None
    on_bad_row: Literal["fail", "skip"] = "fail"
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    ignore: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or its rows that begin at `start` or after it, and before `stop`: bytes, or numbers of row groups."""

    entry: Entry
    start: int = 0
    stop: int | None = None


def kind_of(key: str) -> Kind:
    """The kind of a file. Raises FailedPrecondition for an unknown one."""
    kind = _KINDS.get(plain_name(key)[0].rpartition(".")[2].lower())
    if kind is None:
        raise FailedPrecondition(
            f"{key!r} is of no kind that can be read: expected {', '.join(f'.{name}' for name in _KINDS)}, plain "
            "or with .gz or .zst; take it away, or pass over it with --ignore"
        )
    return kind


class Rows:
    """Reads the rows of files of one store. A row or document of more than `largest` bytes is a bad row."""

    def __init__(self, storage: Storage, options: ForeignOptions, largest: int) -> None:
        self._storage = storage
        self._options = options
        self._largest = largest
        self._starts = Starts(storage)

    def of(self, piece: Piece, file: BinaryIO) -> Generator[Row | BadRow, None, None]:
        """The rows of a piece of an open file. Raises FailedPrecondition, naming it, if the rest cannot be read."""
        kind = kind_of(piece.entry.key)
        _, compression = plain_name(piece.entry.key)
        check_available(compression)
        with named(piece.entry), closing(reader(file, compression)) as plain:
            offset, number = self._start(piece, kind)
            if kind in ("csv", "tsv"):
                yield from csv_rows(
                    plain,
                    delimiter=self._delimiter(kind),
                    columns=self._options.columns,
                    largest=self._largest,
                    offset=offset,
                    line=number,
                    stop=piece.stop,
                )
            elif kind == "json":
                yield from json_objects(plain, self._largest)
            elif kind == "bson":
                yield from bson_rows(plain, self._largest, offset=offset, number=number, stop=piece.stop)
            elif kind == "parquet":
                yield from parquet_rows(plain, None if piece.stop is None else (piece.start, piece.stop))
            else:
                yield from json_lines(plain, self._largest, offset=offset, stop=piece.stop)

    def before(self, piece: Piece) -> int:
        """How many lines are before the rows of a piece, unless the rows' own numbers count them."""
        if not piece.start or kind_of(piece.entry.key) != "lines":
            return 0
        with self._storage.open(piece.entry.key) as file:
            offset = pass_line(file, piece.start)
        return self._starts.at(piece.entry, offset, count_lines)[1]

    def density(self, entry: Entry, size: int) -> float:
        """About how many rows a plain file of rows has in a byte, from its first `size` bytes."""
        size = min(size, entry.size)
        kind = kind_of(entry.key)
        with named(entry):
            offset, number = self._starts.at(entry, size, self._walk(kind) or count_lines)
        return max(number, 1) / max(offset, 1)

    def _start(self, piece: Piece, kind: Kind) -> tuple[int, int]:
        """The offset of a piece's first row, and how many rows are before it as far as that is known."""
        if not piece.start or kind == "parquet":
            return 0, 0
        if (walk := self._walk(kind)) is not None:
            return self._starts.at(piece.entry, piece.start, walk)
        with self._storage.open(piece.entry.key) as file:
            return pass_line(file, piece.start), 0

    def _walk(self, kind: Kind) -> Walk | None:
        if kind == "bson":
            return pass_documents
        return pass_records(self._delimiter(kind), self._largest) if kind in ("csv", "tsv") else None

    def _delimiter(self, kind: Kind) -> str:
        return self._options.delimiter or ("\t" if kind == "tsv" else ",")


@contextmanager
def named(entry: Entry) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
    except BROKEN as error:
        raise FailedPrecondition(f"{entry.key!r} cannot be decompressed: {error}") from error
    except FailedPrecondition as error:
        raise FailedPrecondition(f"{entry.key!r}, {error.message}") from error
