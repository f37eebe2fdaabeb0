"""A schema, narrowed field by field to the values that a store keeps."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.finding.attempts import (
    Probe,
    between,
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
    schema = _with_unique(probe, schema)
    yield schema
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
        for value, limit in _DATES if "date" in own.types and own.enum is None else ():
            if probe.refuses(schema, name, value):
                schema = with_field(schema, name, schema.fields[name].model_copy(update=limit))
                yield schema
        if "double" in own.types and probe.refuses(schema, name, -0.0):
            schema = with_field(schema, name, schema.fields[name].model_copy(update={"negative_zero": False}))
            yield schema
        if "double" in own.types and probe.data_type != DATA_TYPE_MONGO_BSON and _refuses_zeros(probe, schema, name):
            schema = with_field(schema, name, schema.fields[name].model_copy(update={"trailing_zero": False}))
            yield schema
        for value, limit in _least(schema.fields[name]):
            if not probe.refuses(schema, name, value):
                break
            schema = with_field(schema, name, schema.fields[name].model_copy(update=limit))
            yield schema
        if _doubles(own) and not probe.keeps(schema, name, _with_nan(own, probe.data_type)):
            schema = with_field(schema, name, _finite(own))
            yield schema
        if "object" in own.types and own.enum is None and own.additional_properties is False:
            schema = with_field(schema, name, _with_members(probe, schema, name))
            yield schema
        if _any_binary(own) and probe.refuses(schema, name, Binary(counted(own, probe.data_type)(1), _ANOTHER)):
            schema = with_field(schema, name, schema.fields[name].model_copy(update=_PLAIN_BYTES))
            yield schema
    for formed in _formed(probe, schema):
        schema = formed
        yield schema
    yield from _limited_ids(probe, schema)


def _with_unique(probe: Probe, schema: DocumentSchema) -> DocumentSchema:
    """The schema with the fields of which no two documents share a value: a second document with it is refused."""
    fields = probe.others(schema)
    if not (probe.refusal_of(schema, fields) or probe.refusal_of(schema, fields)):
        return schema
    made = {name: counted(schema.fields[name], probe.data_type) for name, value in fields.items() if value is not None}
    others = {name: part(_UNLIKE) for name, part in made.items() if part.size > _UNLIKE}
    for name in others:
        if not probe.refusal_of(schema, {**fields, name: others[name]}):
            return _marked(schema, name)
    return schema if probe.refusal_of(schema, {**fields, **others}) else _marked(schema, *others)


_UNLIKE = 900
"""A value that comes after so many others, and is none of the samples."""


def _marked(schema: DocumentSchema, *names: str) -> DocumentSchema:
    for name in names:
        schema = with_field(schema, name, schema.fields[name].model_copy(update={"unique": True}))
    return schema


def _least(own: ValueSchema) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The first numbers that a column may be too narrow for, each with the keywords for the field if it is refused."""
    if own.enum is not None or (own.minimum is not None and own.minimum >= 0):
        return
    for number in (-1, 0):
        value = _of_type(own, number)
        if value is not None:
            yield value, {"minimum": Decimal(number + 1)}


def _of_type(own: ValueSchema, number: int) -> Any:
    """A whole number as a value of a field; None if the field has no numbers."""
    if "decimal" in own.types:
        places = own.multiple_of.as_tuple().exponent if isinstance(own.multiple_of, Decimal) else 0
        return Decimal128(Decimal(number).quantize(Decimal(1).scaleb(min(0, int(places)))))
    of_types = (("long", Int64(number)), ("int", number), ("double", float(number) if own.trailing_zero else number))
    return next((value for kind, value in of_types if kind in own.types), None)


def _refuses_zeros(probe: Probe, schema: DocumentSchema, name: str) -> bool:
    """Whether a JSON number is refused as 5.0, but not as 5."""
    return probe.refuses(schema, name, 5.0) and not probe.refuses(schema, name, 5)


_DATES: Sequence[tuple[Any, dict[str, Any]]] = (
    (DatetimeMS(-62_135_596_800_000), {"minimum": DatetimeMS(-30_610_224_000_000)}),
    (DatetimeMS(-30_610_224_000_000), {"minimum": DatetimeMS(1000)}),
    (DatetimeMS(253_402_300_799_999), {"maximum": DatetimeMS(9_223_372_036_000)}),
    (DatetimeMS(9_223_372_036_000), {"maximum": DatetimeMS(2_147_483_647_000)}),
)
"""The first and the last date of the years 1, 1000, 9999 and 2262, each with the keywords for a field that refuses it:
then it has dates from the year 1000 or 1970, and until 2262 or 2038."""
_ANOTHER = 128
"""The subtype of user-defined binary values: a column of bytes has no place for it."""
_PLAIN_BYTES = {"format": "bytes"}


def _any_binary(own: ValueSchema) -> bool:
    return own.types[:1] == ("binData",) and own.format is None


_PRINTED = r"[^\s=+@'\x00-\x1f\x7f-]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?"
"""A text without control characters, without white space around it, and unlike a formula."""


def _folds_case(probe: Probe, schema: DocumentSchema) -> bool:
    """Whether an id is refused because it differs from another one only in its case."""
    value = probe.free_id(schema)
    if value == value.upper() or probe.refusal_with_id(schema, value):
        return False
    return bool(probe.refusal_with_id(schema, value.upper()))


_FORMS: Sequence[tuple[str, dict[str, Any]]] = (
    ("= \u00e9\U0001d11e\n' ", {"pattern": f"^{_PRINTED}$"}),
    ("\u00e9 '\U0001d11e", {"pattern": r"^[A-Za-z0-9_]([ -~]*[!-~])?$"}),
    ("a 'b'", {"pattern": "^[A-Za-z0-9]+$"}),
)
"""Texts, the most unusual first, each with the keywords for a field that does not keep it."""
_FORMS_OF_IDS = (
    *((text.replace("\n", ""), limit) for text, limit in _FORMS),
    ("ab", {"pattern": "^[A-Z0-9]+$"}),
)
"""The same for ids, which are drawn without control characters; in some stores they are in upper case."""
_FORM_LENGTH = max(len(text) for text, _ in _FORMS)


def _formed(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    """The schema as more becomes known about its texts: whether they may be empty, and which characters they have.

    Only a refusal says so. A text that is acknowledged, but comes back as another, is for the rules to judge.
    """
    names = [name for name, own in schema.fields.items() if own.types[:1] == ("string",) and _any_text(own)]
    for name in _refused(probe, schema, [name for name in names if not schema.fields[name].min_length], ""):
        schema = with_field(schema, name, schema.fields[name].model_copy(update={"min_length": 1}))
        yield schema
    for text, limit in _FORMS:
        names = _refused(probe, schema, names, text)
        for name in names:
            schema = with_field(schema, name, schema.fields[name].model_copy(update=limit))
            yield schema


def _any_text(own: ValueSchema) -> bool:
    short = own.max_length is not None and own.max_length < _FORM_LENGTH
    return not (own.patterns or own.enum or short)


def _refused(probe: Probe, schema: DocumentSchema, names: Sequence[str], text: str) -> list[str]:
    """The fields that refuse a text: tried all at once, then one by one."""
    if not names:
        return []
    together = {**probe.others(schema), **dict.fromkeys(names, text)}
    if not probe.tried(schema.document(probe.free_id(schema), together)).refusal:
        return []
    return [name for name in names if probe.refuses(schema, name, text)]


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


_INTEGERS = (2**31 - 1, 2**15 - 1, 1000, 100, 10, 5, 3, 1)


def _limits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Values at common limits, the widest first, each with the keywords for the field if the value is refused."""
    if own.enum is not None:
        return
    if "string" in own.types and not own.patterns:
        lengths = (300, 255, 100, 50, 20, 10, 5, 2, 1)
        least = own.min_length or 0
        yield from (
            ("x" * long, {"max_length": max(next_, least)}) for long, next_ in pairwise(lengths) if long > least
        )
    elif "long" in own.types:
        of_type = int if data_type != DATA_TYPE_MONGO_BSON else Int64
        yield from ((of_type(large), between(-next_, next_)) for large, next_ in pairwise((2**62, *_INTEGERS)))
    elif "int" in own.types:
        yield from ((large, between(-next_, next_)) for large, next_ in pairwise(_INTEGERS))
    elif "double" in own.types:
        if data_type == DATA_TYPE_MONGO_BSON:
            yield float("nan"), {"minimum": -_GREATEST, "maximum": _GREATEST}
        yield from ((large, between(-int(next_), int(next_))) for large, next_ in pairwise((1e300, 1e6, 1e3, 1e2)))
    elif "decimal" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        sizes = (30, 18, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1)
        # A column with two decimal places returns 99 as 99.00, which is another spelling, but no lack of room.
        places = own.multiple_of.as_tuple().exponent if isinstance(own.multiple_of, Decimal) else 0
        rest = "." + "9" * -places if isinstance(places, int) and places < 0 else ""
        limits = ((long, between(1 - 10**next_, 10**next_ - 1)) for long, next_ in pairwise(sizes))
        yield from ((Decimal128("9" * long + rest), limit) for long, limit in limits)


def _digits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Numbers with ever fewer decimal places; none if existing documents show how many."""
    if own.enum is not None:
        return
    if "decimal" in own.types and own.multiple_of is None and data_type == DATA_TYPE_MONGO_BSON:
        yield Decimal128("1.123456"), {"multiple_of": Decimal("0.01")}
        yield Decimal128("1.15"), {"multiple_of": Decimal(1)}
    elif "double" in own.types and own.multiple_of is None:
        yield 1 / 3, {"multiple_of": Decimal("0.01")}
        yield 0.37, {"multiple_of": Decimal("0.5")}
        yield 0.5, {"multiple_of": Decimal(1)}


def _doubles(own: ValueSchema) -> tuple[str, ...]:
    """The doubles directly in an object, which the store may keep as JSON, without NaN."""
    return tuple(name for name, part in (own.properties or {}).items() if part.types == ("double",))


def _with_nan(own: ValueSchema, data_type: DataType) -> Any:
    """An object of this schema whose doubles are NaN."""
    return {**counted(own, data_type)(1), **dict.fromkeys(_doubles(own), math.nan)}


def _with_members(probe: Probe, schema: DocumentSchema, name: str) -> ValueSchema:
    """The schema of an object, which may have further members if the store keeps one, as a column of JSON does.

    Of these, all types count that it does not refuse: if it changes some, the rules shall see it.
    """
    own = schema.fields[name]
    whole = counted(own, probe.data_type)(1)
    if not probe.keeps(schema, name, {**whole, "kit_a": "text"}):
        return own
    kept = [value for value in _members(probe.data_type) if not probe.refuses(schema, name, {**whole, "kit_a": value})]
    kinds = dict.fromkeys(("string", *(type_of(value, probe.data_type) for value in kept)))
    return own.model_copy(update={"additional_properties": ValueSchema(bson_type=tuple(kinds))})


def _members(data_type: DataType) -> Sequence[Any]:
    if data_type == DATA_TYPE_MONGO_BSON:
        return (5, Int64(2**53 + 1), 1.5, True, None)
    return (5, 1.5, True, None)


def _finite(own: ValueSchema) -> ValueSchema:
    """The schema of an object whose doubles are finite."""
    limits = {"minimum": -_GREATEST, "maximum": _GREATEST}
    parts = own.properties or {}
    found = {name: parts[name].model_copy(update=limits) for name in _doubles(own)}
    return own.model_copy(update={"properties": {**parts, **found}})


def _limited_part(probe: Probe, schema: DocumentSchema, name: str) -> DocumentSchema:
    """The schema as more becomes known about a part of its ids: whether it may be empty, or negative."""
    parts = schema.identifier.properties or {}
    own = parts[name]
    empty = ("", {"min_length": 1})
    for value, limit in [empty] if own.types == ("string",) and _any_text(own) and not own.min_length else _least(own):
        whole = {**probe.free_id(schema), name: value}
        if whole in probe.taken or not probe.refusal_with_id(schema, whole):
            break
        own = own.model_copy(update=limit)
    return replace(schema, identifier=schema.identifier.model_copy(update={"properties": {**parts, name: own}}))


def _limited_ids(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    if _any_binary(schema.identifier):
        value = probe.free_id(schema)
        if probe.refusal_with_id(schema, Binary(value, _ANOTHER)):
            uuid = Binary(f"uuid{probe.number:012}".encode(), 4)
            uuids = probe.refusal_with_id(schema, Binary(value, 0)) and not probe.refusal_with_id(schema, uuid)
            form = {"format": "uuid"} if uuids else _PLAIN_BYTES
            yield replace(schema, identifier=schema.identifier.model_copy(update=form))
        return
    for value, limit in _limits(schema.identifier, probe.data_type):
        if value in probe.taken or probe.kept(schema.document(value, probe.others(schema))):
            break
        schema = replace(schema, identifier=schema.identifier.model_copy(update=limit))
        yield schema
    for value, limit in _least(schema.identifier):
        if value in probe.taken or not probe.refusal_with_id(schema, value):
            break
        schema = replace(schema, identifier=schema.identifier.model_copy(update=limit))
        yield schema
    for name in schema.identifier.properties or {}:
        yield (schema := _limited_part(probe, schema, name))
    if schema.identifier.types == ("string",) and _any_text(schema.identifier) and _folds_case(probe, schema):
        yield replace(schema, identifier=schema.identifier.model_copy(update={"pattern": "^[a-z0-9]+$"}))
        return
    for text, limit in _FORMS_OF_IDS if "string" in schema.identifier.types and _any_text(schema.identifier) else ():
        if not probe.refusal_with_id(schema, text):
            return
        schema = replace(schema, identifier=schema.identifier.model_copy(update=limit))
        yield schema
