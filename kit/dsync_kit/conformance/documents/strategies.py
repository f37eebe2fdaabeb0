"""Hypothesis strategies for the data that dsync carries: hostile, but valid.

Documents are drawn as Python dicts and encoded; a strategy always gives the bytes of a valid document.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import bson
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import strategies as st

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
    "BSON_RARE",
    "BSON_SEVERAL",
    "ID_KINDS",
    "JSON_SEVERAL",
    "KNOWN_VALUES",
    "NARROWER",
    "bson_values",
    "choice",
    "document_from",
    "documents",
    "few",
    "field_names",
    "id_value",
    "ids",
    "inserts",
    "json_numbers",
    "json_values",
    "make_document",
    "many",
    "merge_key",
    "pages",
    "removals",
    "several",
    "several_field_names",
    "several_ids",
    "some",
    "texts",
    "update",
    "update_to",
    "values",
]

Draw = st.SearchStrategy[Any]

_INT32_KNOWN = [0, 1, -1, 2**31 - 1, -(2**31)]
_INT32 = st.one_of(st.sampled_from(_INT32_KNOWN), st.integers(-(2**31), 2**31 - 1))
_INT64_KNOWN = [Int64(value) for value in (0, 5, -1, 2**31, 2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))]
_INT64 = st.one_of(st.sampled_from(_INT64_KNOWN), st.integers(-(2**63), 2**63 - 1).map(Int64))
_DOUBLE_KNOWN = [0.0, -0.0, 5.0, 0.1, 1 / 3, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")]
_DOUBLE = st.one_of(st.sampled_from(_DOUBLE_KNOWN), st.floats())
_OBJECT_IDS = st.binary(min_size=12, max_size=12).map(ObjectId)
_DATES_KNOWN = [DatetimeMS(value) for value in (0, -1, 1, 2**31 * 1000, 253402300799999, -62135596800000)]
_DATES = st.one_of(st.sampled_from(_DATES_KNOWN), st.integers(-62135596800000, 253402300799999).map(DatetimeMS))
_FAR_DATES = st.sampled_from([253402300800000, -62135596800001, 2**63 - 1, -(2**63)]).map(DatetimeMS)
_DECIMALS_KNOWN = [
    Decimal128(value)
    for value in (
        *("0", "-0", "0.00", "1.10", "0.1", "1E+6144", "1E-6176", "NaN", "Infinity", "-Infinity"),
        "1234567890.123456789012345678901234",
    )
]
_DECIMALS = st.one_of(
    st.sampled_from(_DECIMALS_KNOWN),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)
    .map(str)
    .map(Decimal128),
)
_BINARIES_KNOWN = [
    *(Binary(b"abc", subtype) for subtype in (0, 2, 5, 6, 128, 255)),
    *(Binary(b"sixteen bytes id", subtype) for subtype in (3, 4)),
    Binary(b"", 0),
    Binary(b"\0\xff", 0),
]
_BINARIES = st.builds(Binary, st.binary(max_size=24), st.sampled_from([0, 0, 2, 5, 6, 128, 255]))
_UUIDS = st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from([3, 4]))

_TEXTS_KNOWN = [
    *("", "a", "5", "true", "null", "é", "日本", "𝄞", "e\u0301", " x ", "a\nb", "a\r\nb", "\t", "\x01\x7f"),
    *("'\"`;--", "$x.y", "%00", "\\", "\ufeffx", "<b>&amp;"),
    # What COPY, CSV, spreadsheets and lenient parsers read as something else.
    *("NULL", "\\N", "0", "007", "1e5", "NaN", "yes", "2020-01-02", "a,b;c", 'a"b', "a\tb", "\u2028", "{}", "=1"),
]
texts = st.one_of(
    st.sampled_from(_TEXTS_KNOWN),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)
"""Text without NUL, which some stores cannot hold: a separate rule tries that."""

_PLAIN_NAMES = ["a", "b", "name", "value", "Name", "x_1", "tags"]
_plain_names = st.sampled_from(_PLAIN_NAMES)
_NAMES_KNOWN = [
    *("a", "A", "id2", "with space", " x ", "é", "日本", "𝄞", "quote'\"", "semi;", "0", "1"),
    *("_x", "__proto__", "type", "__v"),
]
field_names = st.one_of(
    st.sampled_from(_NAMES_KNOWN),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\0.$"), min_size=1, max_size=8),
)
"""Field names without `.`, `$` and NUL, which stores may reserve."""

# Few names, so that the same one often occurs at several levels, and in several documents.
_often_names = st.one_of(*(st.sampled_from(_PLAIN_NAMES) for _ in range(4)), field_names)

BSON_COMMON: dict[str, Draw] = {
    "text": texts,
    "int32": _INT32,
    "int64": _INT64,
    "double": _DOUBLE,
    "boolean": st.booleans(),
    "null": st.none(),
    "object-id": _OBJECT_IDS,
    "date": _DATES,
    "binary": st.one_of(_BINARIES, _UUIDS),
    "decimal": _DECIMALS,
}
"""The scalar types that every store of BSON documents must hold."""

KNOWN_VALUES: dict[str, Sequence[Any]] = {
    "string": _TEXTS_KNOWN,
    "int": _INT32_KNOWN,
    "long": _INT64_KNOWN,
    "double": _DOUBLE_KNOWN,
    "date": _DATES_KNOWN,
    "decimal": _DECIMALS_KNOWN,
    "binData": _BINARIES_KNOWN,
}
"""Values that connectors often get wrong, by MongoDB's names for their types."""


@cache
def choice(*choices: Hashable) -> Draw:
    """One of these; made once, because making a strategy costs as much as drawing from it."""
    return st.sampled_from(choices)


def some(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about half of them, down to one when an example shrinks."""
    # The bits of bytes: most drawn lists of choices repeat the previous one, and most drawn numbers are small.
    return _chosen(known, 1, lambda bits: bits[0])


def few(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about a quarter of them, if each costs several calls."""
    return _chosen(known, 2, lambda bits: bits[0] & bits[1])


def many(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about three quarters of them, where each costs little."""
    return _chosen(known, 2, lambda bits: bits[0] | bits[1])


def _chosen(known: Sequence[Any], numbers: int, combine: Callable[[list[int]], int]) -> Draw:
    size = (len(known) + 7) // 8

    def chosen(data: bytes) -> list[Any]:
        bits = combine([int.from_bytes(data[start : start + size]) for start in range(0, len(data), size)])
        return [value for number, value in enumerate(known) if bits >> number & 1] or list(known[:1])

    return st.binary(min_size=numbers * size, max_size=numbers * size).map(chosen)


def several(known: Sequence[Any], drawn: Draw) -> Draw:
    """Some of the known values, and a few drawn ones: within few examples, all known values occur."""
    return st.builds(lambda chosen, more: [*chosen, *more], some(known), st.lists(drawn, max_size=3))


BSON_SEVERAL: dict[str, Draw] = {
    "text": several(_TEXTS_KNOWN, texts),
    "int32": several(_INT32_KNOWN, _INT32),
    "int64": several(_INT64_KNOWN, _INT64),
    "double": several(_DOUBLE_KNOWN, _DOUBLE),
    "boolean": several([True, False], st.booleans()),
    "null": st.lists(st.none(), min_size=1, max_size=2),
    "object-id": several([ObjectId(b"\0" * 12), ObjectId(b"\xff" * 12)], _OBJECT_IDS),
    "date": several(_DATES_KNOWN, _DATES),
    "binary": several(_BINARIES_KNOWN, st.one_of(_BINARIES, _UUIDS)),
    "decimal": several(_DECIMALS_KNOWN, _DECIMALS),
}
"""Lists of values of one type, including the boundaries."""

BSON_RARE: dict[str, Draw] = {
    "far-date": _FAR_DATES,
    "regex": st.builds(Regex, st.sampled_from(["", "a.*b", "^é"]), st.sampled_from(["", "i", "im"])),
    "code": st.sampled_from(["", "f()"]).map(Code),
    "code-with-scope": st.just(Code("f(x)", {"x": 1})),
    "timestamp": st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    "min-key": st.just(MinKey()),
    "max-key": st.just(MaxKey()),
    "nul-text": st.just("a\0b"),
}
"""Types and values that a store may refuse, but not change."""


def _nested(scalars: Draw, names: Draw, depth: int) -> Draw:
    # Levels spelled out: st.recursive draws several times slower. Two values of five are nested: one_of would take each
    # type of scalar for a choice if they were not wrapped, and names would rarely meet at two levels.
    level = scalars
    for _ in range(depth):
        flat = [st.builds(_itself, scalars) for _ in range(3)]
        level = st.one_of(*flat, st.lists(level, max_size=3), st.dictionaries(names, level, max_size=3))
    return level


def _itself(value: Any) -> Any:
    return value


_scalars = st.one_of(*BSON_COMMON.values())
bson_values = _nested(_scalars, _often_names, 2)
"""Any value of the common BSON types, nested up to two levels."""

_JSON_NUMBERS_KNOWN = [0, -1, 5, 2**31, 2**53 - 1, 2**53 + 1, 2**63 - 1, -(2**63), 0.1, 1 / 3, -2.25, 1e300, 5e-324]
json_numbers = st.one_of(
    st.sampled_from(_JSON_NUMBERS_KNOWN),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
"""Numbers of 64 bits, integer and floating."""

several_field_names = several(_NAMES_KNOWN, field_names).map(lambda names: list(dict.fromkeys(names)))
"""Lists of field names, each once."""

JSON_SEVERAL: dict[str, Draw] = {
    "numbers": several(_JSON_NUMBERS_KNOWN, json_numbers),
    "text": several(_TEXTS_KNOWN, texts),
    "literals": several(
        [
            *(True, False, None, "true", "null", "5", "5.0", "1e3", "NaN", "{}", "[]"),
            *("2024-01-01", "2024-01-01T00:00:00Z"),
        ],
        st.booleans(),
    ),
}
"""Lists of JSON values that are easily confused with others."""

json_values = _nested(st.one_of(texts, json_numbers, st.booleans(), st.none()), _often_names, 2)
"""Any JSON value, nested up to two levels."""

_small = {
    DATA_TYPE_MONGO_BSON: st.one_of(st.integers(0, 3), st.sampled_from(["", "x", "é"]), st.none()),
    DATA_TYPE_JSON_ID: st.one_of(st.integers(0, 3), st.sampled_from(["", "x", "é"]), st.none()),
}

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
        "object-id": _OBJECT_IDS,
        "int32": _INT32,
        "int64": _INT64,
        "serial": _SERIALS,
        "double": st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value != 0),
        "date": _DATES,
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


def document_from(identifier: Draw, fields: Draw, data_type: DataType) -> Draw:
    """Encoded documents of drawn ids and fields."""
    reserved = id_field(data_type)
    return st.builds(
        lambda value, drawn: make_document(
            value, {name: field for name, field in drawn.items() if name != reserved}, data_type
        ),
        identifier,
        fields,
    )


def values(data_type: DataType) -> Draw:
    """Field values of a data type."""
    return bson_values if data_type == DATA_TYPE_MONGO_BSON else json_values


@cache
def fields(data_type: DataType, *, small: bool) -> Draw:
    """The fields beside the id: of any kind, or few and small."""
    if small:
        return st.dictionaries(_plain_names, _small[data_type], max_size=2)
    return st.dictionaries(_often_names, values(data_type), max_size=4)


@cache
def documents(data_type: DataType, kinds: tuple[str, ...], *, small: bool = False) -> Draw:
    """Encoded documents, with ids of these kinds."""
    return document_from(ids(data_type, kinds), fields(data_type, small=small), data_type)


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
