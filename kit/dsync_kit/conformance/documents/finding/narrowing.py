"""A schema, narrowed field by field to the values that a store keeps."""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.finding.attempts import (
    Probe,
    between,
    sample_fields,
    type_of,
    with_field,
)
from dsync_kit.conformance.documents.finding.first_document import ONLY_NULL
from dsync_kit.conformance.documents.schema.counted import counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["narrowed"]

_GREATEST = Decimal(repr(sys.float_info.max))
"""The greatest finite double."""


def narrowed(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    """The schema as more becomes known about it: which types, nulls, missing fields and long texts it keeps."""
    for name in list(schema.fields):
        for value in _types_tried(schema.fields[name], probe.data_type):
            if probe.keeps(schema, name, value):
                kind = type_of(value, probe.data_type)
                nullable = ("null",) if schema.fields[name].nullable else ()
                schema = with_field(schema, name, ValueSchema(bson_type=(kind, *nullable)))
                yield schema
                break
    for name in list(schema.fields):
        own = schema.fields[name]
        if not own.nullable and probe.keeps(schema, name, None):
            schema = with_field(schema, name, own.of_types(*own.types, "null"))
            yield schema
    for name, own in list(schema.fields.items()):
        for limits in (_limits(own, probe.data_type), _digits(own, probe.data_type)):
            for value, limit in limits:
                if probe.keeps(schema, name, value):
                    break
                schema = with_field(schema, name, schema.fields[name].model_copy(update=limit))
                yield schema
        if _doubles(own) and not probe.keeps(schema, name, _with_nan(own, probe.data_type)):
            schema = with_field(schema, name, _finite(own))
            yield schema
    yield from _limited_ids(probe, schema)


def _types_tried(own: ValueSchema, data_type: DataType) -> Iterator[Any]:
    """Values of the types that a column may have: only for one whose values were all null."""
    if own.types != ("null",) or own.description == ONLY_NULL:
        return
    yield from ("text", Int64(5), True) if data_type == DATA_TYPE_MONGO_BSON else ("text", 5, True)
    if data_type == DATA_TYPE_MONGO_BSON:
        yield from (5, 1.5, Decimal128("1.5"), DatetimeMS(86_400_000), {"a": "x"}, Binary(b"sixteen bytes id", 4))
        yield from (Binary(b"bytes", 0), ObjectId(b"dsync-kit-id"))
    else:
        yield from (1.5, {"a": "x"}, "2024-01-01T00:00:00Z")
    yield ["x"]


def _limits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Values at common limits, the widest first, each with the keywords for the field if the value is refused."""
    if "string" in own.types and not own.patterns and own.enum is None:
        lengths = (300, 255, 100, 50, 20, 10, 5, 2, 1)
        yield from (("x" * long, {"max_length": next_}) for long, next_ in pairwise(lengths))
    elif "long" in own.types:
        wide = 2**62 if data_type != DATA_TYPE_MONGO_BSON else Int64(2**62)
        yield wide, between(-(2**31), 2**31 - 1)
    elif "int" in own.types:
        yield 2**31 - 1, between(-(2**15), 2**15 - 1)
        yield 2**15 - 1, between(0, 100)
    elif "double" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        yield float("nan"), {"minimum": -_GREATEST, "maximum": _GREATEST}
    elif "decimal" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        sizes = (30, 18, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1)
        yield from ((Decimal128("9" * long), between(1 - 10**next_, 10**next_ - 1)) for long, next_ in pairwise(sizes))


def _digits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Decimals with ever fewer decimal places; none if existing documents show how many."""
    if "decimal" in own.types and own.multiple_of is None and data_type == DATA_TYPE_MONGO_BSON:
        yield Decimal128("1.123456"), {"multiple_of": Decimal("0.01")}
        yield Decimal128("1.15"), {"multiple_of": Decimal(1)}


def _doubles(own: ValueSchema) -> tuple[str, ...]:
    """The doubles directly in an object, which the store may keep as JSON, without NaN."""
    return tuple(name for name, part in (own.properties or {}).items() if part.types == ("double",))


def _with_nan(own: ValueSchema, data_type: DataType) -> Any:
    """An object of this schema whose doubles are NaN."""
    return {**counted(own, data_type)(1), **dict.fromkeys(_doubles(own), math.nan)}


def _finite(own: ValueSchema) -> ValueSchema:
    """The schema of an object whose doubles are finite."""
    limits = {"minimum": -_GREATEST, "maximum": _GREATEST}
    parts = own.properties or {}
    found = {name: parts[name].model_copy(update=limits) for name in _doubles(own)}
    return own.model_copy(update={"properties": {**parts, **found}})


def _limited_ids(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    for value, limit in _limits(schema.identifier, probe.data_type):
        if probe.taken(value) or probe.kept(schema.document(value, sample_fields(schema))):
            return
        schema = replace(schema, identifier=schema.identifier.model_copy(update=limit))
        yield schema
