"""Rows as documents, column by column.

An interpreter that takes each value of each row in turn is far slower than PostgreSQL. Here a column costs a few calls
of functions in C, however many rows it has.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from operator import add
from typing import NamedTuple

import orjson

from dsync_kit.postgresql.forms import Form, lengths
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Columns", "Field", "Object", "columns_of", "encoded"]

Column = Sequence[bytes | None]
"""The texts of a column's values; None is NULL."""

Columns = Sequence[Column]
"""Rows, column by column."""


class Field(NamedTuple):
    """A field of a document: what stands in a column, given by its number."""

    name: str
    form: Form
    column: int


class Object(NamedTuple):
    """A field of a document that is an object."""

    name: str
    fields: Sequence[Field]


def encoded(fields: Sequence[Field | Object], columns: Columns, data_type: DataType) -> list[bytes]:
    """A document with these fields for each row.

    Raises ValueError or ArithmeticError for a value that documents of this type cannot hold.
    """
    return (_bson if data_type == DATA_TYPE_MONGO_BSON else _json)(fields, columns)


def columns_of(data: bytes, count: int) -> Columns:
    """Rows of `count` columns, from the lines that COPY gives in its text format."""
    # Tabs and line breaks within the values are escaped.
    texts = data.replace(b"\n", b"\t").split(b"\t")
    columns = [texts[place:-1:count] for place in range(count)]
    if b"\\" not in data:
        return columns
    return [[_unescaped(text) if b"\\" in text else text for text in column] for column in columns]


_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _unescaped(text: bytes) -> bytes | None:
    return None if text == b"\\N" else re.sub(rb"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


_BSON_NULL, _BSON_OBJECT = b"\x0a", b"\x03"


def _bson(fields: Sequence[Field | Object], columns: Columns) -> list[bytes]:
    pieces = chain.from_iterable(_bson_pieces(field, columns) for field in fields)
    bodies = list(map(b"".join, zip(*pieces, repeat(b"\0"), strict=False)))
    return list(map(add, lengths(bodies, 4), bodies))


def _bson_pieces(field: Field | Object, columns: Columns) -> Sequence[Iterable[bytes]]:
    """What the documents hold for a field, in pieces that are joined."""
    name = field.name.encode() + b"\0"
    if isinstance(field, Object):
        return repeat(_BSON_OBJECT + name), _bson(field.fields, columns)
    kind, column = field.form.kind, columns[field.column]
    if kind and (texts := _without_null(column)) is not None:
        return repeat(bytes([kind]) + name), *field.form.pieces(texts)

    def elements(texts: Sequence[bytes]) -> Iterable[bytes]:
        payloads = field.form.payloads(texts)
        if kind:
            return map((bytes([kind]) + name).__add__, payloads)
        return (payload[:1] + name + payload[1:] for payload in payloads)

    return (_converted(column, elements, _BSON_NULL + name),)


def _json(fields: Sequence[Field | Object], columns: Columns) -> list[bytes]:
    pieces = chain.from_iterable(_json_pieces(field, columns, first=field is fields[0]) for field in fields)
    return list(map(b"".join, zip(*pieces, repeat(b"}"), strict=False)))


def _json_pieces(field: Field | Object, columns: Columns, *, first: bool) -> Sequence[Iterable[bytes]]:
    head = repeat((b"{" if first else b",") + orjson.dumps(field.name) + b":")
    if isinstance(field, Object):
        return head, _json(field.fields, columns)
    return head, _converted(columns[field.column], field.form.json, b"null")


def _converted(column: Column, convert: Callable[[Sequence[bytes]], Iterable[bytes]], null: bytes) -> Iterable[bytes]:
    """What a conversion makes of the texts of a column, and `null` for NULL."""
    if (texts := _without_null(column)) is not None:
        return convert(texts)
    found = iter(convert([text for text in column if text is not None]))
    return [null if text is None else next(found) for text in column]


def _without_null(column: Column) -> Sequence[bytes] | None:
    """The column, unless a value of it is NULL."""
    # Most columns have neither NULL nor an empty text, which all() finds out several times faster.
    return column if all(column) or None not in column else None  # type: ignore[return-value]
