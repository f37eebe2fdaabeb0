"""Whether a value fits its schema, and if not, why."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import bson
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

from dsync_kit.conformance.documents.schema.value_schema import Bound, ValueSchema
from dsync_kit.documents import CODEC_OPTIONS
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["bson_types", "exact", "fits", "kind_of_value", "misfit", "reasons", "show_value"]

_INT32_END, _INT64_END = 2**31, 2**63
_DIGITS = 400
"""Digits that a calculation keeps: more than the whole part of any double."""

# bool and Int64 are subclasses of int, Code of str: subclasses come first.
_OF_CLASSES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),
    (Int64, "long"),
    (float, "double"),
    (Code, "javascript"),
    (str, "string"),
    (bytes, "binData"),
    (ObjectId, "objectId"),
    ((datetime, DatetimeMS), "date"),
    (type(None), "null"),
    (Decimal128, "decimal"),
    (Mapping, "object"),
    ((list, tuple), "array"),
    ((Regex, re.Pattern), "regex"),
    (Timestamp, "timestamp"),
    (MinKey, "minKey"),
    (MaxKey, "maxKey"),
)


def bson_types(value: Any, data_type: DataType) -> frozenset[str]:
    """The names of a value's types: one for BSON; a JSON number may have several."""
    if isinstance(value, int) and not isinstance(value, bool | Int64) and data_type == DATA_TYPE_MONGO_BSON:
        return frozenset({"int" if -_INT32_END <= value < _INT32_END else "long"})
    if isinstance(value, int | float) and not isinstance(value, bool) and data_type != DATA_TYPE_MONGO_BSON:
        whole = value == value // 1 if isinstance(value, int) or abs(value) < _INT64_END else False
        names = {"double", "decimal"}
        names |= {"int"} if whole and -_INT32_END <= value < _INT32_END else set()
        names |= {"long"} if whole and -_INT64_END <= value < _INT64_END else set()
        return frozenset(names)
    return frozenset(next(((name,) for kind, name in _OF_CLASSES if isinstance(value, kind)), ()))


def kind_of_value(value: Any, data_type: DataType) -> str:
    """The name of a value's BSON type; for a JSON number always `number`."""
    kinds = bson_types(value, data_type)
    return next(iter(kinds)) if len(kinds) == 1 else "number"


def exact(value: Any) -> Bound | None:
    """A number or date in a comparable form: None for NaN, the infinities, and other values.

    A double becomes the shortest decimal fraction that reads as it, as people write it.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(int(value))
    if isinstance(value, float | Decimal128):
        number = Decimal(repr(value)) if isinstance(value, float) else value.to_decimal()
        return number if number.is_finite() else None
    if isinstance(value, datetime):
        return DatetimeMS(value)
    return value if isinstance(value, DatetimeMS) else None


def fits(schema: ValueSchema, value: Any, data_type: DataType) -> bool:
    """Whether the schema allows the value."""
    return next(reasons(schema, value, data_type), None) is None


def misfit(schema: ValueSchema, value: Any, data_type: DataType) -> str:
    """Why the schema does not allow the value: the first reason; empty if it does."""
    return next(reasons(schema, value, data_type), "")


def reasons(schema: ValueSchema, value: Any, data_type: DataType, path: str = "") -> Iterator[str]:
    """Why the schema does not allow the value; each reason begins with the path to its subject."""
    at = f"{path}: " if path else ""
    types = bson_types(value, data_type)
    if types.isdisjoint(schema.types):
        yield f"{at}{_article(types)}, not {' or '.join(schema.types) or 'anything'}"
        return
    if schema.enum is not None and not any(_same(value, member) for member in schema.enum):
        yield f"{at}{show_value(value)} is not one of {', '.join(show_value(member) for member in schema.enum)}"
    if isinstance(value, Mapping):
        yield from _object_reasons(schema, value, data_type, path)
    elif isinstance(value, list | tuple):
        yield from _array_reasons(schema, value, data_type, path)
    elif isinstance(value, str | bytes) and "javascript" not in types:
        yield from (at + reason for reason in _length_reasons(schema, value))
    elif types & {"int", "long", "double", "decimal", "date"}:
        yield from (at + reason for reason in _range_reasons(schema, value))


def _object_reasons(schema: ValueSchema, value: Mapping[str, Any], data_type: DataType, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in schema.required:
        if name not in value:
            yield f"{prefix}{name}: missing, but required"
    for name, item in value.items():
        if (known := schema.properties.get(name)) is not None:
            yield from reasons(known, item, data_type, prefix + name)
        elif isinstance(schema.additional_properties, ValueSchema):
            yield from reasons(schema.additional_properties, item, data_type, prefix + name)
        elif not schema.additional_properties:
            yield f"{prefix}{name}: unknown field"


def _array_reasons(
    schema: ValueSchema, value: list[Any] | tuple[Any, ...], data_type: DataType, path: str
) -> Iterator[str]:
    at = f"{path}: " if path else ""
    if schema.min_items is not None and len(value) < schema.min_items:
        yield f"{at}{len(value)} items, at least {schema.min_items} expected"
    if schema.max_items is not None and len(value) > schema.max_items:
        yield f"{at}{len(value)} items, at most {schema.max_items} expected"
    if schema.unique_items and any(_same(one, other) for n, one in enumerate(value) for other in value[:n]):
        yield f"{at}an item occurs twice"
    if schema.items is not None:
        for number, item in enumerate(value):
            yield from reasons(schema.items, item, data_type, f"{path}[{number}]")


def _length_reasons(schema: ValueSchema, value: str | bytes) -> Iterator[str]:
    unit = "characters" if isinstance(value, str) else "bytes"
    if schema.min_length is not None and len(value) < schema.min_length:
        yield f"{len(value)} {unit}, at least {schema.min_length} expected"
    if schema.max_length is not None and len(value) > schema.max_length:
        yield f"{len(value)} {unit}, at most {schema.max_length} expected"
    if isinstance(value, str):
        for pattern in schema.patterns:
            if not re.search(pattern, value):
                yield f"{show_value(value)} does not match {schema.format or pattern!r}"
                return
    elif schema.format == "uuid" and (len(value) != 16 or getattr(value, "subtype", 0) != 4):
        yield "not a UUID: 16 bytes of the subtype 4 expected"
    elif schema.format == "bytes" and (subtype := getattr(value, "subtype", 0)) != 0:
        yield f"of the subtype {subtype}, not 0"


def _range_reasons(schema: ValueSchema, value: Any) -> Iterator[str]:
    if not schema.negative_zero and isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        yield "-0.0 has a sign"
    number: Any = exact(value)
    limits: tuple[tuple[str, Any, bool], ...] = (
        ("below", schema.minimum, schema.exclusive_minimum),
        ("above", schema.maximum, schema.exclusive_maximum),
    )
    for bound, limit, exclusive in limits:
        if limit is None or (number is not None and type(number) is not type(limit)):
            continue
        if number is None or (number < limit if bound == "below" else number > limit):
            yield f"{show_value(value)} is {bound if number is not None else 'not comparable to'} {show_value(limit)}"
            return
        if exclusive and number == limit:
            yield f"{show_value(value)} is the bound, which is excluded"
    if schema.multiple_of is not None:
        number = Decimal(int(number)) if isinstance(number, DatetimeMS) else number
        with localcontext(prec=_DIGITS):
            if number is None or abs(number.adjusted()) >= _DIGITS // 2 or number % schema.multiple_of != 0:
                yield f"{show_value(value)} is not a multiple of {show_value(schema.multiple_of)}"


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal as members of an `enum`: numbers regardless of type, all others with their type."""
    numbers = [number for value in (one, other) if isinstance(number := exact(value), Decimal)]
    if len(numbers) == 2:
        return numbers[0] == numbers[1]
    if isinstance(one, bool) != isinstance(other, bool) or bool(numbers):
        return False
    return bson.encode({"": one}, codec_options=_CODEC) == bson.encode({"": other}, codec_options=_CODEC)


_CODEC = CODEC_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)


def _article(types: frozenset[str]) -> str:
    return "of type " + ("number" if "double" in types and len(types) > 1 else next(iter(types), "unknown"))


def show_value(value: Any) -> str:
    """A value as people write it, without the class that holds it in Python; the middle of a long one is left out."""
    if value is None or isinstance(value, bool):
        text = json.dumps(value)
    elif isinstance(value, datetime | DatetimeMS):
        text = _iso(value)
    elif isinstance(value, Decimal | Decimal128 | int | float):
        text = str(value)
    else:
        text = repr(bytes(value) if isinstance(value, Binary) else value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 4 :]}"


_LONGEST = 60
"""The characters of a value that are shown."""


def _iso(value: datetime | DatetimeMS) -> str:
    try:
        moment = value if isinstance(value, datetime) else value.as_datetime(_NAIVE)
    except (InvalidBSON, OverflowError, ValueError):  # before the year 1, or after 9999
        return repr(value)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


_NAIVE: CodecOptions[Any] = CodecOptions(tz_aware=False)
