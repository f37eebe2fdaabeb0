"""The schema that a store's refusals tell: a few documents are written, varied field by field, and read back.

Nothing here calls a connector: `attempt` writes one document and says what became of it. What is found out is what the
store has shown to keep; what it was not asked, within the calls that there are, is not in the schema.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.finding.inference import inferred, value_schema
from dsync_kit.conformance.documents.identifiers import sample_id
from dsync_kit.conformance.documents.schema.counted import counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.documents.strategies import ID_KINDS
from dsync_kit.documents import decode, encode, id_field, same_document
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

__all__ = ["MOST_CALLS", "Answer", "Finding", "probed"]

MOST_CALLS = 40
"""Documents that are written, at most, to find out what a store holds."""


@dataclass(frozen=True)
class Answer:
    """What became of a document: `refusal` is the message where it was refused, `back` what is read under its id.

    `back` is None where nothing is there, and where nobody can read it (`readable` is False).
    """

    refusal: str = ""
    back: Mapping[str, Any] | None = None
    readable: bool = True


@dataclass(frozen=True)
class Finding:
    """A schema, or None where no document was taken; what is worth a note in the report; and how many were written.

    `suggested` is what existing documents suggest, where one like them was refused.
    """

    schema: DocumentSchema | None
    notes: tuple[str, ...]
    calls: int
    suggested: DocumentSchema | None = None


Attempt = Callable[[Mapping[str, Any]], Answer]


class _OutOfCallsError(Exception):
    pass


@dataclass
class _Probe:
    """Counts what is written, and keeps the last refusal for the report."""

    attempt: Attempt
    data_type: DataType
    left: int
    number: int = 0
    refusal: str = ""
    refusal_of_like: str = ""
    """Of a document like those that are there; empty where it was acknowledged, and is not listed as it was written."""
    named: dict[str, None] = field(default_factory=dict)
    no_fields: frozenset[str] = frozenset()
    taken: Callable[[Any], bool] = lambda _: False

    def kept(self, document: Mapping[str, Any]) -> bool:
        """Whether a document is taken, and is there as it was written."""
        answer = self.tried(document)
        if answer.refusal:
            return False
        return not answer.readable or (answer.back is not None and self.same(document, answer.back))

    def tried(self, document: Mapping[str, Any]) -> Answer:
        """What becomes of a document. Raises where no more are to be written."""
        if self.left <= 0:
            raise _OutOfCallsError
        self.left -= 1
        self.number += 1
        answer = self.attempt(document)
        if answer.refusal:
            self.refusal = answer.refusal
            # What it says of a field that was sent is another thing: that it has none of this name.
            others = self.no_fields | document.keys()
            self.named |= dict.fromkeys(name for name in _names(answer.refusal) if name not in others)
        return answer

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two documents are the same, field order aside."""
        return same_document(encode(dict(one), self.data_type), encode(dict(other), self.data_type), self.data_type)


def probed(
    attempt: Attempt,
    data_type: DataType,
    *,
    documents: Sequence[bytes] = (),
    namespace: str = "",
    kinds: Sequence[str] = (),
    taken: Callable[[Any], bool] = lambda _: False,
    calls: int = MOST_CALLS,
) -> Finding:
    """What a store holds, by what it takes of at most `calls` documents.

    It begins with what the existing `documents` suggest. Without any, ids of the `kinds` are tried, and the fields that
    messages name, or that come back unasked; the parts of the namespace are no fields. Ids that are `taken` are not
    written to.
    """
    probe = _Probe(attempt, data_type, calls, no_fields=frozenset(re.split(r"\W+", namespace)), taken=taken)
    notes: list[str] = []
    schema: DocumentSchema | None = None
    try:
        if (free := _anything(probe, kinds)) is not None:
            return Finding(free, (), probe.number)
        schema = _as_they_are(probe, documents, notes) if documents else None
        schema = schema or _from_nothing(probe, kinds or tuple(ID_KINDS[data_type]))
        for narrower in _narrowed(probe, schema) if schema is not None else ():
            schema = narrower
    except _OutOfCallsError:
        notes.append(f"not everything was tried: the limit is {calls} documents")
    if schema is None:
        if not documents:
            notes.append(f"it accepted none of the tried documents: {probe.refusal or 'they were not there'}")
            return Finding(None, tuple(notes), probe.number)
        refusal = probe.refusal_of_like or "they are acknowledged, and not listed as they were written"
        note = f"it does not keep documents like those that are there: {refusal}"
        suggested = inferred(documents, data_type) if probe.refusal_of_like else None
        return Finding(None, (note,), probe.number, suggested)
    origin = f"found out by writing {probe.number} documents"
    if documents:
        origin = f"inferred from {len(documents)} documents that are there, and {origin}"
    return Finding(replace(schema, origin=origin), tuple(notes), probe.number)


# Whether it takes anything

# Names that no table has.
_PLAIN: dict[str, Any] = {"kit_a": 5, "kit_b": "text"}
_RICH: dict[DataType, dict[str, Any]] = {
    DATA_TYPE_MONGO_BSON: {**_PLAIN, "kit_c": [1.5, None, {"d": Int64(5)}], "kit_d": Decimal128("1.5")},
}
_RICH_JSON: dict[str, Any] = {**_PLAIN, "kit_c": [1.5, None, {"d": True}]}
_COMMON_KINDS = {DATA_TYPE_MONGO_BSON: ("name", "object-id", "int64"), DATA_TYPE_JSON_ID: ("name", "serial")}


def _anything(probe: _Probe, kinds: Sequence[str]) -> DocumentSchema | None:
    """A schema that says nothing, for a store that keeps a document of any fields."""
    rich = _RICH.get(probe.data_type, _RICH_JSON)
    for kind in kinds or _COMMON_KINDS[probe.data_type]:
        answer = probe.tried(document := {id_field(probe.data_type): sample_id(kind), **rich})
        # A store of anything may refuse some values, or change them: fields of any names are what tells.
        if answer.refusal:
            free = probe.kept({id_field(probe.data_type): sample_id(kind), **_PLAIN})
        else:
            free = not answer.readable or (answer.back is not None and answer.back.keys() == document.keys())
        if free:
            return DocumentSchema(probe.data_type, ValueSchema(), origin="it takes documents of any fields")
    return None


# A first document that it keeps


def _as_they_are(probe: _Probe, documents: Sequence[bytes], notes: list[str]) -> DocumentSchema | None:
    """What existing documents suggest, as far as the store takes such documents from others, too."""
    guess = inferred(documents, probe.data_type)
    probe.refusal = ""
    if probe.kept(guess.document(_identifier(probe, guess), _fields(guess))):
        return guess
    probe.refusal_of_like = probe.refusal
    identifiers = [decode(document, probe.data_type)[guess.id_field] for document in documents]
    near = replace(guess, identifier=_next_to(guess.identifier, identifiers))
    if near != guess and probe.kept(near.document(_identifier(probe, near), _fields(near))):
        return near
    seen = [decode(document, probe.data_type) for document in documents]
    least = {name: None if own.nullable else _seen(seen, name)[0] for name, own in guess.fields.items()}
    if not probe.kept(guess.document(_identifier(probe, guess), least)):
        return None
    for name, own in guess.fields.items():
        only: ValueSchema | None = None
        if own.types != ("null",) and not _keeps(probe, guess, name, _fields(guess)[name], least):
            values = _seen(seen, name)
            if _keeps(probe, guess, name, values[0], least):
                only = own.model_copy(update={"enum": [*values, *([None] if own.nullable else [])]})
                notes.append(f"{name}: only existing values are accepted ({probe.refusal})")
            else:
                only = ValueSchema(bson_type=("null",), description=_TRIED)
                notes.append(f"{name}: only null is kept ({probe.refusal})")
        guess = guess if only is None else _with(guess, name, only)
    return guess


def _next_to(own: ValueSchema, values: Sequence[Any]) -> ValueSchema:
    """The schema of an id, with numbers that come next to those that are there: a key may have few of them."""
    if parts := own.properties:
        near = {name: _next_to(part, [value[name] for value in values]) for name, part in parts.items()}
        return own.model_copy(update={"properties": near})
    if not {"int", "long"} & set(own.types):
        return own
    greatest = max(int(value) for value in values)
    return own.model_copy(update=_between(greatest + 1, greatest + _NEXT))


_NEXT = 10_000


def _seen(documents: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Some of the values that a field has, null aside."""
    found = {repr(document[name]): document[name] for document in documents if document.get(name) is not None}
    return list(found.values())[:_MOST_SEEN]


_MOST_SEEN = 20
_TRIED = "only null is kept"


def _from_nothing(probe: _Probe, kinds: Sequence[str]) -> DocumentSchema | None:
    for kind in kinds:
        if (found := _with_id(probe, kind)) is not None:
            return found
    return None


def _with_id(probe: _Probe, kind: str) -> DocumentSchema | None:
    """A schema with ids of one kind: alone, or with the fields that the store names, one after another."""
    own = id_field(probe.data_type)
    identifier = sample_id(kind)
    repeated: dict[str, tuple[str, ...]] = {}
    fields: dict[str, Any] = {}
    for _ in range(8):
        document = {own: identifier, **dict.fromkeys(repeated, identifier), **fields}
        answer = probe.tried(document)
        if not answer.refusal and (not answer.readable or answer.back is not None):
            return _from_back(probe, document, answer.back, repeated)
        missing = [name for name in probe.named if name not in document]
        if not missing:
            # A row without its key's column may have been dropped: `id` is what such a column is called most often.
            missing = ["id"] if "id" not in document else []
        if missing:
            name = missing[0]
            if _like_a_key(name, repeated):
                repeated[name] = ()
            else:
                fields[name] = "text"
            continue
        retyped = next((name for name in fields if name in answer.refusal and fields[name] == "text"), None)
        if retyped is None:
            return None
        fields[retyped] = Int64(5) if probe.data_type == DATA_TYPE_MONGO_BSON else 5
    return None


def _like_a_key(name: str, repeated: Mapping[str, Any]) -> bool:
    return not repeated and ("id" in name.lower() or "key" in name.lower() or name.lower() in ("pk", "code", "number"))


def _from_back(
    probe: _Probe, document: Mapping[str, Any], back: Mapping[str, Any] | None, repeated: Mapping[str, tuple[str, ...]]
) -> DocumentSchema:
    own = id_field(probe.data_type)
    seen = dict(document) if back is None else dict(back)
    kind = ValueSchema(bson_type=(_type_of(seen[own], probe.data_type),))
    fields = {
        name: ValueSchema(bson_type=(_type_of(value, probe.data_type),))
        for name, value in seen.items()
        if name != own and name not in repeated
    }
    return DocumentSchema(
        probe.data_type, kind, fields=fields, required=frozenset(fields), additional=False, repeats=dict(repeated)
    )


def _names(message: str) -> Iterator[str]:
    """What a message quotes, or calls a column or field: names that a document may lack."""
    for pattern in _NAMING:
        for name in re.findall(pattern, message, re.IGNORECASE):
            if name.lower() not in _COMMON:
                yield name


_NAMING = (
    r'(?:column|field|property|attribute|key)s?:? +["\'`]?([A-Za-z_][\w$]*)["\'`]?',
    r'["\'`]([A-Za-z_]\w*)["\'`]',
    r"([A-Za-z_]\w*) (?:is|was) (?:missing|required|NOT NULL)",
)
_COMMON = frozenset(
    {
        *("of", "in", "is", "for", "not", "with", "and", "or", "the", "a", "an", "does", "was", "has", "have", "be"),
        *("at", "to", "from", "by", "on", "as", "that", "this", "must", "cannot", "null", "missing", "required"),
        *("value", "values", "type", "name", "names", "constraint", "violates", "relation", "table", "found"),
        *("unknown", "error", "int", "string"),
    }
)


# Each field, one after another


def _narrowed(probe: _Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    """The schema as more and more is known of it: which types, null, absence and long texts it keeps."""
    for name in list(schema.fields):
        for value in _types_tried(schema.fields[name], probe.data_type):
            if _keeps(probe, schema, name, value):
                kind = _type_of(value, probe.data_type)
                nullable = ("null",) if schema.fields[name].nullable else ()
                schema = _with(schema, name, ValueSchema(bson_type=(kind, *nullable)))
                yield schema
                break
    for name in list(schema.fields):
        own = schema.fields[name]
        if not own.nullable and _keeps(probe, schema, name, None):
            schema = _with(schema, name, own.of_types(*own.types, "null"))
            yield schema
    for name, own in list(schema.fields.items()):
        for limits in (_limits(own, probe.data_type), _digits(own, probe.data_type)):
            for value, limit in limits:
                if _keeps(probe, schema, name, value):
                    break
                schema = _with(schema, name, schema.fields[name].model_copy(update=limit))
                yield schema
        if _doubles(own) and not _keeps(probe, schema, name, _with_nan(own, probe.data_type)):
            schema = _with(schema, name, _finite(own))
            yield schema
    yield from _limited_ids(probe, schema)


def _types_tried(own: ValueSchema, data_type: DataType) -> Iterator[Any]:
    """Values of the types that a column of unknown type may have: only for one that was null."""
    if own.types != ("null",) or own.description == _TRIED:
        return
    yield from ("text", Int64(5), True) if data_type == DATA_TYPE_MONGO_BSON else ("text", 5, True)
    if data_type == DATA_TYPE_MONGO_BSON:
        yield from (5, 1.5, Decimal128("1.5"), DatetimeMS(86_400_000), {"a": "x"}, Binary(b"sixteen bytes id", 4))
        yield from (Binary(b"bytes", 0), ObjectId(b"dsync-kit-id"))
    else:
        yield from (1.5, {"a": "x"}, "2024-01-01T00:00:00Z")
    yield ["x"]


def _limits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Values at what is often a limit, the widest first, each with what is said of the field where it is refused."""
    if "string" in own.types and not own.patterns and own.enum is None:
        lengths = (300, 255, 100, 50, 20, 10, 5, 2, 1)
        yield from (("x" * long, {"max_length": next_}) for long, next_ in pairwise(lengths))
    elif "long" in own.types:
        wide = 2**62 if data_type != DATA_TYPE_MONGO_BSON else Int64(2**62)
        yield wide, _between(-(2**31), 2**31 - 1)
    elif "int" in own.types:
        yield 2**31 - 1, _between(-(2**15), 2**15 - 1)
        yield 2**15 - 1, _between(0, 100)
    elif "double" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        yield float("nan"), {"minimum": -_GREATEST, "maximum": _GREATEST}
    elif "decimal" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        sizes = (30, 18, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1)
        yield from ((Decimal128("9" * long), _between(1 - 10**next_, 10**next_ - 1)) for long, next_ in pairwise(sizes))


def _digits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Decimals with ever fewer digits behind the point; none where existing documents have shown how many."""
    if "decimal" in own.types and own.multiple_of is None and data_type == DATA_TYPE_MONGO_BSON:
        yield Decimal128("1.123456"), {"multiple_of": Decimal("0.01")}
        yield Decimal128("1.15"), {"multiple_of": Decimal(1)}


def _doubles(own: ValueSchema) -> tuple[str, ...]:
    """The doubles directly in an object, which may be JSON to the store: that has no NaN."""
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


def _between(least: int, most: int) -> dict[str, Any]:
    return {"minimum": Decimal(least), "maximum": Decimal(most)}


_GREATEST = Decimal(repr(sys.float_info.max))


def _limited_ids(probe: _Probe, schema: DocumentSchema) -> Iterator[DocumentSchema]:
    for value, limit in _limits(schema.identifier, probe.data_type):
        if probe.taken(value) or probe.kept(schema.document(value, _fields(schema))):
            return
        schema = replace(schema, identifier=schema.identifier.model_copy(update=limit))
        yield schema


def _keeps(
    probe: _Probe, schema: DocumentSchema, name: str, value: Any, others: Mapping[str, Any] | None = None
) -> bool:
    """Whether a document is kept whose field has this value; the others are as given, or as the schema says."""
    fields = {**(_fields(schema) if others is None else others), name: value}
    return probe.kept(schema.document(_identifier(probe, schema), fields))


def _identifier(probe: _Probe, schema: DocumentSchema) -> Any:
    make = counted(schema.identifier, probe.data_type, prefix="probe")
    return next((value for number in range(_IDS) if not probe.taken(value := make(probe.number + 1 + number))), make(0))


_IDS = 10_000
"""Ids that are looked at for one that nothing has yet."""


def _fields(schema: DocumentSchema) -> dict[str, Any]:
    """A value for each field of the schema."""
    made = {name: counted(own, schema.data_type) for name, own in schema.fields.items()}
    return {name: part(1) for name, part in made.items() if part.size}


def _with(schema: DocumentSchema, name: str, own: ValueSchema) -> DocumentSchema:
    return replace(schema, fields={**schema.fields, name: own})


def _type_of(value: Any, data_type: DataType) -> str:
    return value_schema([value], data_type).types[0]
