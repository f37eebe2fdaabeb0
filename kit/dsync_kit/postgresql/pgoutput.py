"""The messages of pgoutput, the plugin that decodes PostgreSQL's log of changes, in version 1 of its protocol.

The format has been the same since PostgreSQL 10, and is documented at
https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html. Values are the texts that PostgreSQL
shows for them, as bytes.
"""

import struct
from enum import Enum
from typing import NamedTuple

__all__ = [
    "UNCHANGED",
    "Begin",
    "Commit",
    "Delete",
    "Insert",
    "Message",
    "Relation",
    "RelationColumn",
    "Truncate",
    "Unchanged",
    "Update",
    "Value",
    "decode",
]


class Unchanged(Enum):
    """A large value (TOAST) that an update left alone: the log does not hold it."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED

Value = bytes | None | Unchanged
"""A column's value: its text, None for NULL, or UNCHANGED."""


class Begin(NamedTuple):
    """The changes of a transaction follow. `lsn` is where its commit is in the log."""

    lsn: int
    xid: int


class Commit(NamedTuple):
    """A transaction is complete: whoever goes on from `end` misses nothing, and does not see it again."""

    lsn: int
    end: int


class RelationColumn(NamedTuple):
    """A column of a table, as it was when the changes that follow were made. `key`: it is in the replica identity."""

    name: str
    type_oid: int
    modifier: int
    key: bool


class Relation(NamedTuple):
    """What a table looked like. It comes before a table's first change, and again after the table was altered."""

    oid: int
    schema: str
    name: str
    identity: str
    columns: tuple[RelationColumn, ...]


class Insert(NamedTuple):
    """A new row."""

    relation: int
    new: tuple[Value, ...]


class Update(NamedTuple):
    """A changed row. `old` is there if its key changed, or the table's replica identity is FULL.

    Where `old_is_key`, it holds only the key's columns; the others are None.
    """

    relation: int
    old: tuple[Value, ...] | None
    old_is_key: bool
    new: tuple[Value, ...]


class Delete(NamedTuple):
    """A row that is gone; of `old`, only the columns of the replica identity count."""

    relation: int
    old: tuple[Value, ...]


class Truncate(NamedTuple):
    """Tables that were emptied at once."""

    relations: tuple[int, ...]


Message = Begin | Commit | Relation | Insert | Update | Delete | Truncate

_BEGIN, _COMMIT, _RELATION = struct.Struct(">QqI"), struct.Struct(">BQQq"), struct.Struct(">I")
_INT16, _INT32, _COLUMN, _TRUNCATE = (
    struct.Struct(">H"),
    struct.Struct(">I"),
    struct.Struct(">Ii"),
    struct.Struct(">IB"),
)
_TEXT, _NULL, _UNCHANGED = ord("t"), ord("n"), ord("u")
_OLD_KEY, _OLD_ROW, _NEW = ord("K"), ord("O"), ord("N")


def decode(data: bytes) -> Message | None:
    """One message; None for one that changes no row: an origin, a type, or what applications write into the log.

    Raises ValueError for bytes that are no message of this version.
    """
    try:
        return _decode(data)
    except (IndexError, ValueError, struct.error) as error:
        raise ValueError(f"not a message of pgoutput: {data[:32]!r}: {error}") from error


def _decode(data: bytes) -> Message | None:
    match data[:1]:
        case b"I":
            _expect(data, 5, _NEW)
            return Insert(_INT32.unpack_from(data, 1)[0], _row(data, 6)[0])
        case b"U":
            return _update(data)
        case b"D":
            _expect(data, 5, _OLD_KEY, _OLD_ROW)
            return Delete(_INT32.unpack_from(data, 1)[0], _row(data, 6)[0])
        case b"B":
            lsn, _, xid = _BEGIN.unpack_from(data, 1)
            return Begin(lsn, xid)
        case b"C":
            _, lsn, end, _ = _COMMIT.unpack_from(data, 1)
            return Commit(lsn, end)
        case b"R":
            return _relation(data)
        case b"T":
            count, _ = _TRUNCATE.unpack_from(data, 1)
            return Truncate(struct.unpack_from(f">{count}I", data, 6))
        case b"O" | b"Y" | b"M":
            return None
    raise ValueError(f"an unknown message of pgoutput: {data[:32]!r}")


def _update(data: bytes) -> Update:
    (relation,) = _INT32.unpack_from(data, 1)
    _expect(data, 5, _OLD_KEY, _OLD_ROW, _NEW)
    old, at = None, 5
    if data[5] != _NEW:
        old, at = _row(data, 6)
        _expect(data, at, _NEW)
    return Update(relation, old, data[5] == _OLD_KEY, _row(data, at + 1)[0])


def _relation(data: bytes) -> Relation:
    (oid,) = _RELATION.unpack_from(data, 1)
    schema, at = _name(data, 5)
    name, at = _name(data, at)
    identity = chr(data[at])
    (count,) = _INT16.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        key = bool(data[at] & 1)
        column, at = _name(data, at + 1)
        type_oid, modifier = _COLUMN.unpack_from(data, at)
        columns.append(RelationColumn(column, type_oid, modifier, key))
        at += _COLUMN.size
    return Relation(oid, schema or "pg_catalog", name, identity, tuple(columns))


def _row(data: bytes, at: int) -> tuple[tuple[Value, ...], int]:
    """A row, and where it ends."""
    (count,) = _INT16.unpack_from(data, at)
    at += 2
    row: list[Value] = []
    for _ in range(count):
        kind = data[at]
        at += 1
        if kind == _TEXT:
            (size,) = _INT32.unpack_from(data, at)
            at += 4
            if at + size > len(data):
                raise ValueError(f"a value of {size} bytes reaches beyond its message")
            row.append(data[at : at + size])
            at += size
        elif kind == _NULL:
            row.append(None)
        elif kind == _UNCHANGED:
            row.append(UNCHANGED)
        else:
            raise ValueError(f"an unknown kind of value: {kind:#x}")
    return tuple(row), at


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A text that ends with NUL, and where the next begins."""
    end = data.index(0, at)
    return data[at:end].decode(), end + 1


def _expect(data: bytes, at: int, *kinds: int) -> None:
    if data[at] not in kinds:
        raise ValueError(f"expected one of {bytes(kinds)!r} at {at}: {data[:32]!r}")
