"""Rows of mongodump's files: BSON documents one after another."""

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["bson_rows", "pass_documents"]

_SIZE = Struct("<i")


def bson_rows(
    file: BinaryIO, largest: int, *, offset: int = 0, number: int = 0, stop: int | None = None
) -> Iterator[Row | BadRow]:
    """A row from each document; its line is its number. Raises FailedPrecondition where the file is cut off.

    Only documents that begin at `offset` or after it, and before `stop`, are read; `number` of them are before.
    """
    if offset:
        file.seek(offset)
    while stop is None or offset < stop:
        head = file.read(4)
        if not head:
            return
        number += 1
        size = _size(head, number)
        if size > largest:
            raise FailedPrecondition(
                f"document {number}: its length says {size} bytes, more than the {largest} of --max-document-bytes"
            )
        rest = file.read(size - 4)
        if len(rest) < size - 4:
            raise FailedPrecondition(f"document {number}: the file is cut off")
        offset += size
        yield Row(number, head + rest, DATA_TYPE_MONGO_BSON)


def pass_documents(file: BinaryIO, offset: int, number: int, wanted: int) -> tuple[int, int]:
    """The walk over documents, which reads their lengths. Raises FailedPrecondition where there is no document."""
    while offset < wanted and (head := file.read(4)):
        number += 1
        offset += _size(head, number)
        file.seek(offset)
    return offset, number


def _size(head: bytes, number: int) -> int:
    size: int = _SIZE.unpack(head)[0] if len(head) == 4 else 0
    if size < 5:
        raise FailedPrecondition(f"document {number}: not BSON, or cut off")
    return size
