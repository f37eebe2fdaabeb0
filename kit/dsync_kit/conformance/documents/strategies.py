"""Hypothesis strategies for ids, documents and pages, hostile but valid; documents and updates of Python values.

A document is drawn as a Python dict, and encoded: a strategy always gives the bytes of a valid document.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

import bson
from bson import Binary, Decimal128, Int64
from hypothesis import strategies as st

from dsync_kit.conformance.documents.field_values import DATES, INT32, INT64, OBJECT_IDS, fields
from dsync_kit.documents import encode, encode_id, id_field, id_of
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    BsonValue,
    DataType,
    Update,
    UpdateType,
)

__all__ = [
    "ID_KINDS",
    "NARROWER",
    "id_value",
    "ids",
    "inserts",
    "make_document",
    "merge_key",
    "pages",
    "removals",
    "several_ids",
    "update",
    "update_to",
]

Draw = st.SearchStrategy[Any]

_id_texts = st.one_of(
    st.sampled_from(
        ["a", "A", "5", "b", "é", "e\u0301", "日本", "𝄞", "a b", "a.b", "a/b", "../x", "%2F", "x:y", "a'b", "_"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)

_id_names = st.text("abcABC012-_", min_size=1, max_size=8)
"""Texts that every store with text ids accepts; some refuse all others, if ids become names of files or columns."""

_SERIALS = st.integers(1, 2**31 - 1)

ID_KINDS: dict[DataType, dict[str, Draw]] = {
    DATA_TYPE_MONGO_BSON: {
        "string": _id_texts,
        "name": _id_names,
        "object-id": OBJECT_IDS,
        "int32": INT32,
        "int64": INT64,
        "serial": _SERIALS,
        "double": st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value != 0),
        "date": DATES,
        "uuid": st.uuids(version=4).map(Binary.from_uuid),
        "binary": st.builds(Binary, st.binary(min_size=1, max_size=12), st.sampled_from([0, 5, 128])),
        "decimal": st.sampled_from(["1.10", "-3", "1E+10", "0.001"]).map(Decimal128),
        "boolean": st.booleans(),
        "document": st.builds(lambda a, b: {"a": a, "b": b}, st.sampled_from(["x", "y"]), st.sampled_from(["", "z"])),
    },
    DATA_TYPE_JSON_ID: {
        "string": _id_texts,
        "name": _id_names,
        "integer": st.one_of(st.sampled_from([0, 5, -1, 2**53 + 1]), st.integers(-(2**53), 2**53)),
        "serial": _SERIALS,
        "uuid-text": st.uuids(version=4).map(str),
    },
}
"""Strategies for ids by the name of their kind, the most common kind first."""

NARROWER: dict[str, frozenset[str]] = {
    "name": frozenset({"string"}),
    "uuid-text": frozenset({"string"}),
    "serial": frozenset({"integer", "int32", "int64"}),
}
"""Kinds that say nothing new about a store that accepts one of these others."""

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# Strategies for each example are cached: making one costs more than drawing from it.


@cache
def ids(data_type: DataType, kinds: tuple[str, ...]) -> Draw:
    """Ids of these kinds, as Python values."""
    return st.one_of(*(ID_KINDS[data_type][kind] for kind in kinds))


@cache
def several_ids(identifiers: Draw, *, min_size: int, max_size: int) -> Draw:
    """Lists of ids, no two of which a store may take for the same."""
    return st.lists(identifiers, min_size=min_size, max_size=max_size, unique_by=merge_key)


_SMALL, _LARGE = 1e-100, 1e100


def merge_key(value: Any) -> Any:
    """Equal for two ids that a store may take for the same, or refuse beside each other: equal numbers, whatever their
    type; a double and the decimal that is written like it, 1.1 and 1.10; doubles of one sign that are very large or
    very small, which some stores keep as short decimals."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        if value and not _SMALL <= abs(value) <= _LARGE:
            return ("extreme", value > 0)
        return Decimal(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(int(value))
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return bson.encode({"": value})


def id_value(value: Any, data_type: DataType) -> list[BsonValue]:
    """A Python value as an update's id."""
    if data_type == DATA_TYPE_JSON_ID and isinstance(value, int) and not isinstance(value, bool):
        value = Int64(value)
    return [encode_id(value, id_field(data_type))]


def make_document(identifier: Any, fields: dict[str, Any], data_type: DataType) -> bytes:
    """An encoded document with this id and these fields."""
    document = {id_field(data_type): identifier, **fields}
    if data_type == DATA_TYPE_JSON_ID:
        return _JSON.encode(document).encode()
    return encode(document, data_type)


@cache
def pages(data_type: DataType, identifiers: Draw, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> Draw:
    """Lists of encoded documents with these ids, no two of which a store may take for the same."""
    pairs = st.tuples(identifiers, fields(data_type, small=small))
    unique = st.lists(pairs, min_size=min_size, max_size=max_size, unique_by=lambda pair: merge_key(pair[0]))
    reserved = id_field(data_type)
    return unique.map(
        lambda drawn: [
            make_document(value, {name: field for name, field in content.items() if name != reserved}, data_type)
            for value, content in drawn
        ]
    )


def update(kind: UpdateType, identifier: Any, document: bytes, data_type: DataType) -> Update:
    """An update as dsync sends it: a DELETE carries no data."""
    data = b"" if kind == UPDATE_TYPE_DELETE else document
    return Update(id=id_value(identifier, data_type), type=kind, data=data)


def update_to(kind: UpdateType, document: bytes, data_type: DataType) -> Update:
    """The same for the document's id."""
    return Update(id=id_of(document, data_type), type=kind, data=b"" if kind == UPDATE_TYPE_DELETE else document)


def removals(documents: Iterable[bytes], data_type: DataType) -> list[Update]:
    """A DELETE of each document."""
    return [update_to(UPDATE_TYPE_DELETE, document, data_type) for document in documents]


def inserts(documents: Iterable[bytes], data_type: DataType) -> list[Update]:
    """An INSERT of each document."""
    return [update_to(UPDATE_TYPE_INSERT, document, data_type) for document in documents]
