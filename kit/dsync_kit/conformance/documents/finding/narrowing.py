"""A schema, narrowed field by field to the values that a store keeps."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.finding.attempts import (
    Probe,
    type_of,
    with_field,
)
from dsync_kit.conformance.documents.finding.like_existing import ONLY_NULL
from dsync_kit.conformance.documents.finding.values import GREATEST, Tries, class_of_texts, narrowed_value
from dsync_kit.conformance.documents.schema.counted import counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["narrowed"]


def narrowed(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    """The schema as more becomes known about it: which types, nulls, missing fields and long texts it keeps."""
    # Ids first: every further document needs one. Before, a unique column may be in the way, and they in its way.
    yield (schema := _with_unique(probe, schema))
    wide = schema
    for narrower_ids in _limited_ids(probe, schema):
        yield (schema := narrower_ids)
    if schema != wide and _refuses_all(probe, schema) and not _refuses_all(probe, wide):
        yield (schema := wide)  # what the refusals seemed to say about ids was wrong
    if not any(own.unique for own in schema.fields.values()):
        yield (schema := _with_unique(probe, schema))
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
        tries = Tries(partial(probe.keeps, schema, name), partial(probe.refuses, schema, name))
        for narrower in narrowed_value(own, tries, probe.data_type):
            schema = with_field(schema, name, narrower)
            yield schema
        if "array" in own.types and own.enum is None and own.items is not None:
            for items in narrowed_value(own.items, tries.within(lambda value: [value]), probe.data_type):
                schema = with_field(schema, name, own.model_copy(update={"items": items}))
                yield schema
        if own.enum is None and _doubles(own) and not probe.keeps(schema, name, _with_nan(own, probe.data_type)):
            schema = with_field(schema, name, _finite(own))
            yield schema
        if "object" in own.types and own.enum is None and own.additional_properties is False:
            schema = with_field(schema, name, _with_members(probe, schema, name))
            yield schema
        if _any_binary(own) and probe.refuses(schema, name, Binary(counted(own, probe.data_type)(1), _ANOTHER)):
            schema = with_field(schema, name, schema.fields[name].model_copy(update=_PLAIN_BYTES))
            yield schema
    yield from _formed(probe, schema)


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


def _refuses_all(probe: Probe, schema: DocumentSchema) -> bool:
    """Whether even a document like one that was kept is refused, with each of two ids of the schema."""
    return all(probe.refusal_of(schema, probe.others(schema)) for _ in range(2))


_UNLIKE = 900
"""A value that comes after so many others, and is none of the samples."""


def _marked(schema: DocumentSchema, *names: str) -> DocumentSchema:
    for name in names:
        schema = with_field(schema, name, schema.fields[name].model_copy(update={"unique": True}))
    return schema


_ANOTHER = 128
"""The subtype of user-defined binary values: a column of bytes has no place for it."""
_PLAIN_BYTES = {"format": "bytes"}


def _any_binary(own: ValueSchema) -> bool:
    return own.types[:1] == ("binData",) and own.format is None


def _folds_case(probe: Probe, schema: DocumentSchema) -> bool:
    """Whether an id is refused because it differs from another one only in its case."""
    value = probe.free_id(schema)
    if value == value.upper() or probe.refusal_with_id(schema, value):
        return False
    return bool(probe.refusal_with_id(schema, value.upper()))


_FORMS: Sequence[tuple[str, tuple[str, str, str]]] = (
    # No control characters, no white space around it, and unlike a formula.
    ("= \u00e9\U0001d11e\n' ", (r"[^\x00-\x1f\x7f]", r"[^\s=+@'\x00-\x1f\x7f-]", r"[^\s\x00-\x1f\x7f]")),
    ("\u00e9 '\U0001d11e", ("[ -~]", "[A-Za-z0-9_]", "[!-~]")),
    ("a 'b'", ("[A-Za-z0-9]", "", "")),
    # A code, or a name as in a programming language.
    ("00", ("[A-Za-z0-9]", "[A-Za-z]", "")),
)
"""Texts, the most unusual first, each with the characters of a text that is not like it: in the middle, and at the
ends."""
_LOWER_FORMS: Sequence[tuple[str, tuple[str, str, str]]] = (("00", ("[a-z0-9]", "[a-z]", "")),)


def _formed(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    """The schema as more becomes known about its texts: whether they may be empty, and which characters they have.

    Only a refusal says so. A text that is acknowledged, but comes back as another, is for the rules to judge.
    """
    names = [name for name, own in schema.fields.items() if own.types[:1] == ("string",) and _any_text(own)]
    empty = {name: "" for name in names if not schema.fields[name].min_length}
    for name in _refused(probe, schema, empty):
        schema = with_field(schema, name, schema.fields[name].model_copy(update={"min_length": 1}))
        yield schema
    for text, characters in _FORMS:
        names = _refused(probe, schema, {name: _sized(text, schema.fields[name]) for name in names})
        for name in names:
            plain = schema.fields[name].model_copy(update={"pattern": None})
            schema = with_field(schema, name, class_of_texts(plain, *characters))
            yield schema


def _any_text(own: ValueSchema) -> bool:
    return not (own.patterns or own.enum)


def _sized(text: str, own: ValueSchema) -> str:
    """The text, cut or filled up to the lengths that the schema allows."""
    return text[: own.max_length].ljust(own.min_length or 0, "a")


def _refused(probe: Probe, schema: DocumentSchema, texts: Mapping[str, str]) -> list[str]:
    """The fields that refuse their text: tried all at once, then one by one."""
    if not texts:
        return []
    together = {**probe.others(schema), **texts}
    if not probe.tried(schema.document(probe.free_id(schema), together)).refusal:
        return []
    return [name for name, text in texts.items() if probe.refuses(schema, name, text)]


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
    limits = {"minimum": -GREATEST, "maximum": GREATEST}
    parts = own.properties or {}
    found = {name: parts[name].model_copy(update=limits) for name in _doubles(own)}
    return own.model_copy(update={"properties": {**parts, **found}})


def _limited_ids(probe: Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    if _any_binary(schema.identifier):
        value = probe.free_id(schema)
        if probe.refusal_with_id(schema, Binary(value, _ANOTHER)):
            uuid = Binary(f"uuid{probe.number:012}".encode(), 4)
            uuids = probe.refusal_with_id(schema, Binary(value, 0)) and not probe.refusal_with_id(schema, uuid)
            form = {"format": "uuid"} if uuids else _PLAIN_BYTES
            yield replace(schema, identifier=schema.identifier.model_copy(update=form))
        return
    tries = _tries_of_ids(probe, schema)
    for narrower in narrowed_value(schema.identifier, tries, probe.data_type):
        schema = replace(schema, identifier=narrower)
        yield schema
    for name, part in (schema.identifier.properties or {}).items():
        whole = probe.free_id(schema)
        for narrower in _narrowed_part(part, tries.within(lambda value: {**whole, name: value}), probe.data_type):  # noqa: B023 - used at once
            parts = {**schema.identifier.properties, name: narrower}
            schema = replace(schema, identifier=schema.identifier.model_copy(update={"properties": parts}))
            yield schema
    forms = _FORMS
    if schema.identifier.types == ("string",) and _any_text(schema.identifier) and _folds_case(probe, schema):
        yield replace(schema, identifier=class_of_texts(schema.identifier, "[a-z0-9]"))
        forms = _LOWER_FORMS
    plain = schema.identifier
    # Ids are drawn without control characters.
    for text, characters in forms if "string" in plain.types and _any_text(plain) else ():
        if not tries.refuses(_sized(text.replace("\n", ""), plain)):
            return
        yield replace(schema, identifier=class_of_texts(plain, *characters))


def _tries_of_ids(probe: Probe, schema: DocumentSchema) -> Tries:
    """An id that is taken is kept."""
    return Tries(
        lambda value: value in probe.taken or probe.kept(schema.document(value, probe.others(schema))),
        lambda value: value not in probe.taken and bool(probe.refusal_with_id(schema, value)),
    )


def _narrowed_part(own: ValueSchema, tries: Tries, data_type: DataType) -> Iterator[ValueSchema]:
    """The schema of a part of ids, as more becomes known about it."""
    narrower = own
    for narrower in narrowed_value(own, tries, data_type):
        yield narrower
    if own.types == ("string",) and _any_text(own) and not own.min_length and tries.refuses(""):
        yield narrower.model_copy(update={"min_length": 1})
