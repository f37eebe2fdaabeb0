"""Rows of Parquet files, with pyarrow."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from bson import Decimal128, Int64

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row

__all__ = ["parquet_rows", "row_groups"]

_ROWS_AT_A_TIME = 1000


def parquet_rows(file: BinaryIO, groups: tuple[int, int] | None = None) -> Iterator[Row | BadRow]:
    """A row from each; its line is its number. Raises FailedPrecondition where it is no Parquet file.

    With `groups` only row groups are read: from the first of these numbers, counted from 0, up to the second.
    """
    opened = _opened(file)
    import pyarrow

    first, stop = groups or (0, opened.metadata.num_row_groups)
    number = sum(opened.metadata.row_group(group).num_rows for group in range(first))
    chosen = list(range(first, stop))
    try:
        for batch in opened.iter_batches(batch_size=_ROWS_AT_A_TIME, row_groups=chosen, use_threads=False):
            wide = {field.name for field in batch.schema if field.type in (pyarrow.int64(), pyarrow.uint32())}
            for values in batch.to_pylist():
                number += 1
                try:
                    fields = {name: _value(value, name in wide) for name, value in values.items()}
                    yield Row(number, fields=fields)
                except (ArithmeticError, ValueError) as error:
                    yield BadRow(number, str(error))
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, pyarrow.ArrowException) and error.errno is not None:
            raise  # the store's, not the file's
        raise FailedPrecondition(f"row {number + 1}: {str(error)[:300]}") from error


def row_groups(file: BinaryIO) -> list[tuple[int, int]]:
    """The row groups, from the file's end: the bytes of each, and the number of its rows."""
    metadata = _opened(file).metadata
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = sum(group.column(column).total_compressed_size for column in range(group.num_columns))
        found.append((size, group.num_rows))
    return found


def _opened(file: BinaryIO) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise FailedPrecondition("Parquet needs pyarrow: pip install 'dsync-kit[parquet]'") from error
    try:
        return pyarrow.parquet.ParquetFile(file)
    except pyarrow.ArrowInvalid as error:
        raise FailedPrecondition(f"not a Parquet file: {str(error)[:300]}") from error


def _value(value: Any, wide: bool = False) -> Any:
    match value:
        case bool() | None | str() | bytes() | float():
            return value
        case int():
            return Int64(value) if wide or not -(2**31) <= value < 2**31 else value
        case datetime.datetime():
            return value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        case datetime.date():
            return datetime.datetime(value.year, value.month, value.day)
        case Decimal():
            return Decimal128(value)
        case list():
            return [_value(each) for each in value]
        case dict():
            return {name: _value(each) for name, each in value.items()}
    return str(value)  # times and durations, which BSON has no form for
