"""The values and the fields of documents: hostile, but valid."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import strategies as st

from dsync_kit.conformance.documents.choosing import several
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
)

__all__ = [
    "BSON_RARE",
    "BSON_SEVERAL",
    "DATES",
    "INT32",
    "INT64",
    "JSON_SEVERAL",
    "KNOWN_VALUES",
    "OBJECT_IDS",
    "bson_values",
    "field_names",
    "fields",
    "json_numbers",
    "json_values",
    "several_field_names",
    "texts",
    "values",
]

Draw = st.SearchStrategy[Any]

_INT32_KNOWN = [0, 1, -1, 2**31 - 1, -(2**31)]
INT32 = st.one_of(st.sampled_from(_INT32_KNOWN), st.integers(-(2**31), 2**31 - 1))
_INT64_KNOWN = [Int64(value) for value in (0, 5, -1, 2**31, 2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))]
INT64 = st.one_of(st.sampled_from(_INT64_KNOWN), st.integers(-(2**63), 2**63 - 1).map(Int64))
_DOUBLE_KNOWN = [0.0, -0.0, 5.0, 0.1, 1 / 3, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")]
_DOUBLE = st.one_of(st.sampled_from(_DOUBLE_KNOWN), st.floats())
OBJECT_IDS = st.binary(min_size=12, max_size=12).map(ObjectId)
_CLOCKS_CHANGE = [
    DatetimeMS(datetime.fromisoformat(f"{time}:00Z"))
    for time in (
        *("2023-03-12T02:30", "2023-03-26T02:30", "2023-10-29T00:30", "2023-10-29T01:30", "2023-11-05T06:30"),
        *("2023-11-05T09:30", "2024-02-29T12:00", "1850-06-01T12:00"),
    )
]
"""Times that local clocks skip, or show twice, in Europe and America; a leap day; and one before there were zones."""

_DATES_KNOWN = [
    *(DatetimeMS(value) for value in (0, -1, 1, 2**31 * 1000, 253402300799999, -62135596800000)),
    *_CLOCKS_CHANGE,
]
DATES = st.one_of(st.sampled_from(_DATES_KNOWN), st.integers(-62135596800000, 253402300799999).map(DatetimeMS))
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
    *("", "a", "5", "true", "null", "é", "日本", "𝄞", "e\u0301", " x ", "a\nb", "a\r\nb", "a\rb", "\t", "\x01\x7f"),
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
    "int32": INT32,
    "int64": INT64,
    "double": _DOUBLE,
    "boolean": st.booleans(),
    "null": st.none(),
    "object-id": OBJECT_IDS,
    "date": DATES,
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


BSON_SEVERAL: dict[str, Draw] = {
    "text": several(_TEXTS_KNOWN, texts),
    "int32": several(_INT32_KNOWN, INT32),
    "int64": several(_INT64_KNOWN, INT64),
    "double": several(_DOUBLE_KNOWN, _DOUBLE),
    "boolean": several([True, False], st.booleans()),
    "null": st.lists(st.none(), min_size=1, max_size=2),
    "object-id": several([ObjectId(b"\0" * 12), ObjectId(b"\xff" * 12)], OBJECT_IDS),
    "date": several(_DATES_KNOWN, DATES),
    "binary": several(_BINARIES_KNOWN, st.one_of(_BINARIES, _UUIDS)),
    "decimal": several(_DECIMALS_KNOWN, _DECIMALS),
}
"""Lists of values of one type, including the boundaries."""

BSON_RARE: dict[str, Draw] = {
    "far-date": _FAR_DATES,
    "regex": st.sampled_from(["", "a.*b", "^é"]).map(Regex),
    "regex-with-flags": st.builds(Regex, st.sampled_from(["", "a.*b", "^é"]), st.sampled_from(["i", "im"])),
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


def values(data_type: DataType) -> Draw:
    """Field values of a data type."""
    return bson_values if data_type == DATA_TYPE_MONGO_BSON else json_values


@cache
def fields(data_type: DataType, *, small: bool) -> Draw:
    """The fields beside the id: of any kind, or few and small."""
    if small:
        return st.dictionaries(_plain_names, _small[data_type], max_size=2)
    return st.dictionaries(_often_names, values(data_type), max_size=4)
