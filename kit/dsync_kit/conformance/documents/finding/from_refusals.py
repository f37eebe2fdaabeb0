"""A first document that a store keeps, made from its refusals: with the fields that they name, of types that work."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.finding.attempts import (
    Probe,
    guesses_in,
    names_in,
    sample_fields,
    type_of,
    without_field,
)
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.documents import id_field
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["from_nothing"]

_ROUNDS = 30
"""The most documents with ids of one kind."""

_NUMBER = r"\bnumber|numeric"
_VALUES: Sequence[tuple[Any, str]] = (
    ("text", r"text|string|char"),
    (Int64(5), rf"\bint|integer|whole|long\b|serial|{_NUMBER}"),
    (5, rf"\bint|integer|whole|{_NUMBER}"),
    (True, r"bool|true"),
    (1.5, rf"double|float|real\b|{_NUMBER}"),
    (Decimal128("1.5"), rf"decimal|{_NUMBER}"),
    (DatetimeMS(86_400_000), r"date|time"),
    (None, r"\bnull"),
    ({"a": "x"}, r"object|json|document|\bmap\b"),
    (["x"], r"array|list"),
    (Binary(b"sixteen bytes id", 4), r"uuid|binary"),
    (Binary(b"bytes", 0), r"binary|bytes|blob"),
    (ObjectId(b"dsync-kit-id"), r"object ?id"),
)
"""The values that a field is tried with, in this order, each with how a refusal may call its type: such ones first."""

_VALUES_JSON: Sequence[tuple[Any, str]] = (
    ("text", r"text|string|char"),
    (5, rf"\bint|integer|whole|{_NUMBER}"),
    (True, r"bool|true"),
    (1.5, rf"double|float|decimal|real\b|{_NUMBER}"),
    ("2024-01-01T00:00:00Z", r"date|time"),
    (None, r"\bnull"),
    ({"a": "x"}, r"object|json|\bmap\b"),
    (["x"], r"array|list"),
)

_NO_FIELD = re.compile(r"unknown|unexpected|no such|no column|no field|not a (?:column|field)|does not exist", re.I)
"""What a refusal says of a field that the store does not have."""


def from_nothing(probe: Probe, kinds: Sequence[str]) -> DocumentSchema | None:
    """A schema with ids of the first kind that works; None if the store keeps none of the documents.

    At last, any words of the refusals are tried as names, with the id that got furthest.
    """
    for kind in kinds:
        if (found := _with_id(probe, kind)) is not None:
            return found
    furthest, _ = probe.furthest
    last = next((kind for kind in kinds if repr(probe.sample_id(kind)) == furthest), "")
    return _with_id(probe, last, any_words=True) if last else None


def _with_id(probe: Probe, kind: str, *, any_words: bool = False) -> DocumentSchema | None:
    """A schema with ids of one kind: alone, or with the fields that the store names, as it names them."""
    own = id_field(probe.data_type)
    identifier = probe.sample_id(kind)
    repeated: dict[str, tuple[str, ...]] = {}
    fields: dict[str, Any] = {}
    tried: dict[str, list[int]] = {}
    refusal = wrong = ""
    guessed: dict[str, list[tuple[str, ...]]] = {}
    trying: tuple[str, ...] = ()
    for _ in range(_ROUNDS):
        document = {own: identifier, **dict.fromkeys(repeated, identifier), **fields}
        answer = probe.tried(document)
        if not answer.refusal and (not answer.readable or answer.back is not None):
            probe.good = fields
            return _from_back(probe, document, answer.back, repeated)
        if trying and answer.refusal == refusal:
            for name in trying:  # the guess makes no difference
                repeated.pop(name, None)
                fields.pop(name, None)
                tried.pop(name, None)
        trying = ()
        known = {own, *repeated, *fields, *tried}
        missing = [name for name in names_in(answer.refusal) if name not in known | probe.no_fields]
        missing = missing or [name for name in probe.named if name not in known][:1]
        if not missing:
            blamed = _blamed(answer.refusal, [*fields, *repeated])
            if wrong in blamed and answer.refusal == refusal:
                # Other values make no difference: the next field may be to blame.
                blamed = [*blamed[blamed.index(wrong) + 1 :], *blamed[: blamed.index(wrong) + 1]]
            refusal, wrong = answer.refusal, next(iter(blamed), "")
            if not wrong:
                guesses = [*guesses_in(refusal), *([word] for word in probe.own_words(refusal) if any_words)]
                trying = _guess(guesses, guessed.setdefault(refusal, []), known | probe.no_fields)
            if not wrong and not trying and "id" in known:
                return None
            # A row without its key's column may have been dropped: such a column is mostly called `id`.
            missing = list(trying) or ([] if wrong else ["id"])
        for name in dict.fromkeys(missing):
            if _like_a_key(name, repeated):
                repeated[name] = ()
            else:
                fields[name], tried[name] = "text", [0]
        if not missing:
            repeated.pop(wrong, None)
            fields.pop(wrong, None)
            number = _next(refusal, tried.setdefault(wrong, []), probe.data_type)
            if number is not None:
                tried[wrong].append(number)
                fields[wrong] = _values(probe.data_type)[number][0]
    return None


def _guess(guesses: Sequence[Sequence[str]], guessed: list[tuple[str, ...]], known: Set[str]) -> tuple[str, ...]:
    """The first names of unknown fields that were not guessed before from the same refusal; empty if there are none.

    Names of types are left out: such a refusal is usually about the id.
    """
    types = re.compile("|".join(pattern for _, pattern in _VALUES), re.IGNORECASE)
    for names in guesses:
        unknown = tuple(name for name in names if name not in known)
        if unknown and unknown not in guessed and not all(map(types.search, unknown)):
            guessed.append(unknown)
            return unknown
    return ()


def _values(data_type: DataType) -> Sequence[tuple[Any, str]]:
    return _VALUES if data_type == DATA_TYPE_MONGO_BSON else _VALUES_JSON


def _blamed(refusal: str, names: Sequence[str]) -> list[str]:
    """The fields that a refusal names, in its order."""
    places = {name: found.start() for name in names if (found := re.search(rf"\b{re.escape(name)}\b", refusal))}
    return sorted(places, key=places.__getitem__)


def _next(refusal: str, tried: Sequence[int], data_type: DataType) -> int | None:
    """The number of the value to try next; None if the field is to be left out."""
    if _NO_FIELD.search(refusal):
        return None
    values = _values(data_type)
    left = [number for number in range(len(values)) if number not in tried]
    fitting = [number for number in left if re.search(values[number][1], refusal, re.IGNORECASE)]
    return next(iter(fitting or left), None)


def _like_a_key(name: str, repeated: Mapping[str, Any]) -> bool:
    return not repeated and ("id" in name.lower() or "key" in name.lower() or name.lower() in ("pk", "code", "number"))


def _from_back(
    probe: Probe, document: Mapping[str, Any], back: Mapping[str, Any] | None, repeated: Mapping[str, tuple[str, ...]]
) -> DocumentSchema:
    own = id_field(probe.data_type)
    seen = dict(document) if back is None else dict(back)
    kind = ValueSchema(bson_type=(type_of(seen[own], probe.data_type),))
    fields = {
        name: ValueSchema(bson_type=(type_of(value, probe.data_type),))
        for name, value in seen.items()
        if name != own and name not in repeated
    }
    schema = DocumentSchema(
        probe.data_type, kind, fields=fields, required=frozenset(fields), additional=False, repeats=dict(repeated)
    )
    # A value that was never written: a default, which may be replaced, or a computed value.
    unasked = [name for name, value in seen.items() if name not in document and value is not None]
    for name in unasked:
        schema = without_field(schema, name)
    for name in unasked:
        whole = replace(
            schema,
            fields={**schema.fields, name: fields[name]},
            computed={key: own for key, own in schema.computed.items() if key != name},
        )
        probe.computed = frozenset(whole.computed)
        if probe.kept(whole.document(probe.free_id(whole), sample_fields(whole))):
            schema = replace(whole, required=whole.required | {name})
    probe.computed = frozenset(schema.computed)
    return schema
