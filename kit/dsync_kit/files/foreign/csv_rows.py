"""Rows of CSV and TSV files: a header, then text, or values of the types given for the columns."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from bson import Decimal128, Int64

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row

__all__ = ["COLUMN_TYPES", "csv_rows"]

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


def csv_rows(file: BinaryIO, *, delimiter: str, columns: Mapping[str, str], largest: int) -> Iterator[Row | BadRow]:
    """A row from each record. Raises FailedPrecondition for a header that names a column twice, or none."""
    # The library has one limit for the whole process, 128 KiB at first: it is raised, and the length is checked here.
    csv.field_size_limit(max(csv.field_size_limit(), largest))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(csv.reader(text, delimiter=delimiter, strict=True), columns)
    finally:
        text.detach()  # the file is its owner's to close


def _rows(records: Any, columns: Mapping[str, str]) -> Iterator[Row | BadRow]:
    try:
        header: list[str] = next(records, [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"line 1: no header can be read: {error}") from error
    if not header or len(set(header)) < len(header):
        raise FailedPrecondition(f"line 1: expected a header that names each column once, and it is {header!r:.200}")
    kinds = [COLUMN_TYPES[columns.get(name, "string")] for name in header]
    while True:
        line = records.line_num + 1
        try:
            record = next(records, None)
        except csv.Error as error:
            yield BadRow(line, str(error))
            continue
        except UnicodeDecodeError as error:
            raise FailedPrecondition(f"after line {line - 1}: not UTF-8: {error}") from error
        if record is None:
            return
        if record:  # a line without anything is no record
            yield _row(record, header, kinds, line)


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
