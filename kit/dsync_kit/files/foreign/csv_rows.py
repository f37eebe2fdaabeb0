"""Rows of CSV and TSV files: a header, then text, or values of the types given for the columns."""

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from bson import Decimal128, Int64

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row
from dsync_kit.files.foreign.starts import Walk

__all__ = ["COLUMN_TYPES", "csv_rows", "pass_records"]

_BOOLS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}


def _int(text: str) -> Any:
    value = int(text)
    return value if -(2**31) <= value < 2**31 else Int64(value)


def _long(text: str) -> Any:
    return Int64(int(text))


def _date(text: str) -> Any:
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


COLUMN_TYPES: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "int": _int,
    "long": _long,
    "double": float,
    "decimal": Decimal128,
    "bool": lambda text: _BOOLS[text.lower()],
    "date": _date,
}
"""The types of columns, by their names in a `bsonType`; an empty cell of any but a string is null."""


def csv_rows(
    file: BinaryIO,
    *,
    delimiter: str,
    columns: Mapping[str, str],
    largest: int,
    offset: int = 0,
    line: int = 0,
    stop: int | None = None,
) -> Iterator[Row | BadRow]:
    """A row from each record. Raises FailedPrecondition for a header that names a column twice, or none.

    The file stands at its start. Only records are read that begin at `offset` or after it, and before `stop`; there
    are so many lines before `offset`, where one begins.
    """
    header = _Records(file, delimiter, largest)
    names = _header(header)
    kinds = [COLUMN_TYPES[columns.get(name, "string")] for name in names]
    if offset:
        file.seek(offset)
    records = _Records(file, delimiter, largest, offset, line) if offset else header
    while stop is None or records.offset < stop:
        line = records.line + 1
        try:
            record = records.next()
        except csv.Error as error:
            yield BadRow(line, str(error))
            continue
        except UnicodeDecodeError as error:
            raise FailedPrecondition(f"after line {line - 1}: not UTF-8: {error}") from error
        if record is None:
            return
        if record:  # a line without anything is no record
            yield _row(record, names, kinds, line)


def pass_records(delimiter: str, largest: int) -> Walk:
    """The walk over records; its numbers are those of lines."""

    def walk(file: BinaryIO, offset: int, number: int, wanted: int) -> tuple[int, int]:
        records = _Records(file, delimiter, largest, offset, number)
        while records.offset < wanted and records.skip():
            pass
        return records.offset, records.line

    return walk


class _Records:
    """The records from the place where a file stands: `offset` bytes and `line` lines are before the next one."""

    def __init__(self, file: BinaryIO, delimiter: str, largest: int, offset: int = 0, line: int = 0) -> None:
        # The library has one limit for the whole process, 128 KiB at first: it is raised.
        csv.field_size_limit(max(csv.field_size_limit(), largest))
        self.offset = offset
        self.line = line
        self._lines = _lines(file)
        self._held: bytes | None = None
        self._records = csv.reader(self._texts(), delimiter=delimiter, strict=True)

    def next(self) -> list[str] | None:
        """The next record; None at the end. Raises csv.Error for a bad one, after which the next one can be read."""
        return next(self._records, None)

    def skip(self) -> bool:
        """Pass over a record; False at the end."""
        line = next(self._lines, None)
        if line is None:
            return False
        if b'"' not in line:
            self._passed(line)
            return True
        self._held = line
        try:
            return self.next() is not None
        except (csv.Error, UnicodeDecodeError):  # whoever reads it says so
            return True

    def _texts(self) -> Iterator[str]:
        while True:
            held, self._held = self._held, None
            line = held if held is not None else next(self._lines, None)
            if line is None:
                return
            self._passed(line)
            yield line.decode("utf-8-sig" if self.line == 1 else "utf-8")

    def _passed(self, line: bytes) -> None:
        self.offset += len(line)
        self.line += 1


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, which may be a carriage return alone."""
    for line in file:
        if b"\r" in line:
            yield from line.splitlines(keepends=True)
        else:
            yield line


def _header(records: _Records) -> list[str]:
    try:
        header = records.next() or []
    except (csv.Error, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"line 1: no header can be read: {error}") from error
    if not header or len(set(header)) < len(header):
        raise FailedPrecondition(f"line 1: expected a header that names each column once, and it is {header!r:.200}")
    return header


def _row(record: list[str], header: list[str], kinds: list[Callable[[str], Any]], line: int) -> Row | BadRow:
    if len(record) != len(header):
        return BadRow(line, f"it has {len(record)} fields, and the header has {len(header)}")
    fields: dict[str, Any] = {}
    for name, kind, cell in zip(header, kinds, record, strict=True):
        try:
            fields[name] = kind(cell) if cell or kind is str else None
        except (KeyError, ValueError, ArithmeticError, OverflowError):
            return BadRow(line, f"its {name!r} is not of the column's type: {cell!r:.100}")
    return Row(line, fields=fields)
