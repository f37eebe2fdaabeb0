"""Rows of mongodump's files: BSON documents one after another."""

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["bson_rows"]

_SIZE = Struct("<i")


def bson_rows(file: BinaryIO, largest: int) -> Iterator[Row | BadRow]:
    """A row from each document; its line is its number. Raises FailedPrecondition where the file is cut off."""
    number = 0
    while True:
        head = file.read(4)
        if not head:
            return
        number += 1
        size = _SIZE.unpack(head)[0] if len(head) == 4 else 0
        if size < 5:
            raise FailedPrecondition(f"document {number}: not BSON, or cut off")
        if size > largest:
            raise FailedPrecondition(
                f"document {number}: its length says {size} bytes, more than the {largest} of --max-document-bytes"
            )
        rest = file.read(size - 4)
        if len(rest) < size - 4:
            raise FailedPrecondition(f"document {number}: the file is cut off")
        yield Row(number, head + rest, DATA_TYPE_MONGO_BSON)
