"""A first document that a store keeps, like existing ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bson import DatetimeMS

from dsync_kit.conformance.documents.finding.attempts import (
    Probe,
    between,
    sample_fields,
    with_field,
    without_field,
)
from dsync_kit.conformance.documents.finding.inference import forms_of, inferred
from dsync_kit.conformance.documents.schema.counted import Counted, counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.fitting import exact
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.documents import decode, id_field
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["ONLY_NULL", "like_existing"]

_DOUBLES = (("double",), ("double", "null"))
_HALVES = (12345.5, -0.5)
"""Doubles that even a column of half the size keeps."""

ONLY_NULL = "only null is kept"
"""The description of a field for which this was found."""

_LOST = "documents like the existing ones are acknowledged, but not listed"
_CHANGED = "others are acknowledged, but listed as something else"
_IGNORED = "written values are not listed"
_ALWAYS_CHANGED = "even the value of an existing document, written again, is listed as another one"
_EXACT = 2**53
_LENGTHS = (30, 20, 12, 8, 5)
"""How long ids are tried to be, if the longest texts are refused."""
_NEXT = 10_000
"""How many ids beyond the greatest are tried."""
_MOST_SEEN = 20
"""How many values of a field become an enumeration at most."""
_FEW = 6
"""How many of them are tried if the second one needs other fields."""


def like_existing(probe: Probe, documents: Sequence[bytes], notes: list[str]) -> DocumentSchema | None:
    """The schema that existing documents suggest, as far as the store accepts new documents like them."""
    guess = inferred(documents, probe.data_type)
    probe.refusal = ""
    if probe.kept(guess.document(probe.free_id(guess), sample_fields(guess))):
        return guess
    probe.refusal_of_like = probe.refusal
    if (rest := _without_computed(probe, guess)) is not guess:
        notes += _computed_in(rest, probe)
        guess = rest
        if probe.kept(guess.document(probe.free_id(guess), sample_fields(guess))):
            return guess
    identifiers = [decode(document, probe.data_type)[guess.id_field] for document in documents]
    near = replace(guess, identifier=_next_to(guess.identifier, identifiers))
    if near != guess:
        if probe.kept(near.document(probe.free_id(near), sample_fields(near))):
            return _with_wider_ids(probe, near, _longer(near.identifier), sample_fields(near))
        # A refusal of a large id may have hidden which fields are computed.
        if not near.computed and (rest := _without_computed(probe, near)) is not near:
            notes += _computed_in(rest, probe)
            if probe.kept(rest.document(probe.free_id(rest), sample_fields(rest))):
                wider = (guess.identifier, *_longer(rest.identifier))
                return _with_wider_ids(probe, rest, wider, sample_fields(rest))
            guess = rest
    seen = [decode(document, probe.data_type) for document in documents]
    identifier = guess.identifier
    for own in [identifier] if near.identifier == identifier else [near.identifier, identifier]:
        guess, least = _least(probe, replace(guess, identifier=own), seen)
        document = guess.document(probe.free_id(guess), {**least, **probe.unique(guess)})
        answer = probe.tried(document)
        if answer.lost and (apart := _not_shared(probe, guess, least, seen)) is not None:
            guess, least = apart
            guess = _with_wider_ids(probe, guess, (identifier, *_longer(own)), least)
            return _limited_to_kept(probe, guess, least, seen, notes)
        if probe.comes_back(document, answer):
            guess = _with_wider_ids(probe, guess, (identifier, *_longer(own)), least)
            break
        if _changes(probe, guess, least, answer.back or {}):
            notes += [f"{name}: {_ALWAYS_CHANGED}" for name in sorted(probe.changed)]
            guess = _with_wider_ids(probe, guess, (identifier, *_longer(own)), least)
            return _limited_to_kept(probe, guess, least, seen, notes)
    if answer.lost and not probe.refusal_of_like:
        probe.loses = True  # the rules report it
        notes.append(_LOST)
    elif not probe.comes_back(document, answer):
        return None
    return _limited_to_kept(probe, guess, least, seen, notes)


def _with_wider_ids(
    probe: Probe, schema: DocumentSchema, wider: Iterable[ValueSchema], fields: Mapping[str, Any]
) -> DocumentSchema:
    """The schema, with the first of the `wider` ids that the store keeps: others made it refuse the first documents."""
    for identifier in wider:
        wide = replace(schema, identifier=identifier)
        if wide == schema or probe.kept(wide.document(probe.free_id(wide), {**fields, **probe.unique(wide)})):
            return wide
    return schema


def _longer(identifier: ValueSchema) -> list[ValueSchema]:
    """The schema of ids that are texts like the existing ones, with longer texts of any form, the longest first."""
    parts = identifier.properties or {}
    wider: list[ValueSchema] = []
    for length in _LENGTHS:
        if parts:
            longer = {name: _of_length(part, length) for name, part in parts.items()}
            wider.append(identifier.model_copy(update={"properties": longer}))
        else:
            wider.append(_of_length(identifier, length))
    return [one for one in wider if one != identifier]


def _of_length(own: ValueSchema, length: int) -> ValueSchema:
    """The schema of texts of at most this length; the schema itself if its texts are longer, or have a known format."""
    if own.types != ("string",) or own.format is not None or len(counted(own, DATA_TYPE_MONGO_BSON)(0)) > length:
        return own
    return own.model_copy(update={"pattern": None, "min_length": None, "max_length": length})


def _changes(probe: Probe, guess: DocumentSchema, fields: Mapping[str, Any], back: Mapping[str, Any]) -> bool:
    """Whether nothing is wrong with a document but that some fields came `back` with other values.

    They are noted as `Probe.changed`. Where some fields are computed, a field that seems to be changed may be, too.
    """
    if guess.computed:
        return False
    changed = [
        name for name in fields if back.get(name) is not None and _differs(probe, name, back[name], fields[name])
    ]
    for name in changed:
        rest = guess.document(probe.free_id(guess), {key: value for key, value in fields.items() if key != name})
        if (probe.tried(rest).back or {}).get(name) is not None:
            return False
    probe.changed = frozenset(changed)
    if changed and probe.kept(guess.document(probe.free_id(guess), fields)):
        return True
    probe.changed = frozenset()
    return False


def _limited_to_kept(
    probe: Probe, guess: DocumentSchema, least: Mapping[str, Any], seen: Sequence[Mapping[str, Any]], notes: list[str]
) -> DocumentSchema:
    """The schema, with each field limited to values that the store keeps beside those of a document that it keeps."""
    for name, own in guess.fields.items():
        probe.refusal = ""
        if own.types != ("null",) and not probe.keeps(guess, name, _another(guess, name, least.get(name)), least):
            only, note = _only(probe, guess, name, least, _seen(seen, name))
            notes.append(f"{name}: {note}")
            guess = _never(guess, name) if only is None else with_field(guess, name, only)
    return guess


def _least(
    probe: Probe, guess: DocumentSchema, seen: Sequence[Mapping[str, Any]]
) -> tuple[DocumentSchema, Mapping[str, Any]]:
    """The least fields of a document like the existing ones: null, or an existing value, for each required field.

    If such documents are refused, it has all fields. A refusal may name a field of which no two documents share a
    value: the schema that is returned says so, and the field has another value.
    """
    for names in (guess.required, guess.fields.keys()):
        found = guess
        least: Mapping[str, Any] = {
            name: None if guess.fields[name].nullable else _seen(seen, name)[0] for name in names
        }
        for _ in least:
            refusal = probe.refusal_of(found, {**least, **probe.unique(found)})
            shared = [name for name in _named(least, refusal) if not found.fields[name].unique]
            if not shared:
                break
            found, least = _unlike(probe, found, shared[0], least, _seen(seen, shared[0]))
        if not refusal:
            return found, least
    return guess, least


def _not_shared(
    probe: Probe, guess: DocumentSchema, least: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]
) -> tuple[DocumentSchema, Mapping[str, Any]] | None:
    """The schema and the fields of a document that is kept once a field has a value that no other document has.

    Without, the store has overwritten the document with the same value: the rules report it. None if it is not so.
    """
    for name, value in least.items():
        if value is not None and not guess.fields[name].unique:
            found, fields = _unlike(probe, guess, name, least, _seen(seen, name))
            if probe.kept(found.document(probe.free_id(found), {**fields, **probe.unique(found)})):
                return found, fields
    return None


def _unlike(
    probe: Probe, guess: DocumentSchema, name: str, least: Mapping[str, Any], values: Sequence[Any]
) -> tuple[DocumentSchema, Mapping[str, Any]]:
    """The schema with a field of which no two documents share a value, and the fields with a new one.

    The new value is like the existing `values` if the store refuses others, and has no complaint about another field.
    """
    for form in ({}, *forms_of(values)):
        found = with_field(guess, name, guess.fields[name].model_copy(update={"unique": True, **form}))
        fields = {**least, **probe.unique(found)}
        refusal = probe.refusal_of(found, fields)
        if not refusal or any(other != name for other in _named(least, refusal)):
            break
    return found, fields


def _never(schema: DocumentSchema, name: str) -> DocumentSchema:
    """The schema without a field that a document need not have."""
    fields = {key: own for key, own in schema.fields.items() if key != name}
    return replace(schema, fields=fields, required=schema.required - {name})


def _only(
    probe: Probe, guess: DocumentSchema, name: str, others: Mapping[str, Any], values: Sequence[Any]
) -> tuple[ValueSchema | None, str]:
    """The schema of a field of which the store does not keep all values of the type, and a note on those it keeps.

    `values` are existing ones; the `others` are the fields of a document that it keeps. None if it keeps no value.
    """
    own = guess.fields[name]
    if own.types in _DOUBLES and all(probe.keeps(guess, name, value, others) for value in _HALVES):
        few_digits = own.model_copy(update={**between(-(10**6), 10**6), "multiple_of": Decimal("0.5")})
        return few_digits, f"numbers of few digits are kept ({_CHANGED})"
    if not probe.keeps(guess, name, values[0], others):
        reason = probe.refusal or _CHANGED
        if (unique := _unshared(probe, guess, name, others, values)) is not None:
            return unique, f"no two documents share a value ({reason})"
        if not probe.keeps(guess, name, None, others):
            return None, f"no value is kept ({reason})"
        return ValueSchema(bson_type=("null",), description=ONLY_NULL), f"only null is kept ({reason})"
    for form in forms_of(values):
        formed = own.model_copy(update=form)
        made = counted(formed, probe.data_type)
        if made.size > _MOST_SEEN and all(
            probe.keeps(guess, name, made(number), others) for number in _others(formed, made)
        ):
            return formed, f"only values of the same form as existing ones are kept ({probe.refusal or _CHANGED})"
    # Another existing value may need other values of the other fields: one is computed from the other.
    if all(probe.keeps(guess, name, value, others) for value in values[1:2]):
        alone = list(values)
    else:
        alone = [values[0], *(value for value in values[2:_FEW] if probe.keeps(guess, name, value, others))]
    listed = [*alone, *([None] if own.nullable else [])]
    which = "existing values are" if len(alone) > 1 else f"{alone[0]!r} is"
    return own.model_copy(update={"enum": listed}), f"only {which} kept ({probe.refusal or _CHANGED})"


def _others(own: ValueSchema, made: Counted) -> tuple[int, int]:
    """The numbers of two values that are hardly among the existing ones: most series of codes begin with 1.

    Of dates, close ones: far ones may be out of range.
    """
    return (made.size * 3 // 8, made.size * 5 // 8) if "string" in own.types and own.format is None else (1, 2)


def _unshared(
    probe: Probe, guess: DocumentSchema, name: str, others: Mapping[str, Any], values: Sequence[Any]
) -> ValueSchema | None:
    """The schema of a field that keeps values like the existing ones, but none of these; None if it keeps neither."""
    for form in forms_of(values):
        own = guess.fields[name].model_copy(update={"unique": True, **form})
        found = with_field(guess, name, own)
        value = probe.unique(found).get(name)
        if value is not None and probe.keeps(found, name, value, others):
            return own
    return None


def _computed_in(schema: DocumentSchema, probe: Probe) -> list[str]:
    """A note on each field that the store computes."""
    return [f"{name}: the store computes it ({probe.refusal_of_like or _IGNORED})" for name in schema.computed]


def _without_computed(probe: Probe, guess: DocumentSchema) -> DocumentSchema:
    """The schema without the fields that the store computes, and has even if they were not written.

    The store either refuses such a field, or ignores its value. Returns the schema itself if there is none.
    """
    identifier, fields = probe.free_id(guess), sample_fields(guess)
    given: Mapping[str, Any] = {}
    if probe.refusal_of_like:
        left = _named(fields, probe.refusal_of_like)
    else:
        given = probe.tried(guess.document(identifier, fields)).back or {}
        left = [name for name in fields if name in given and _differs(probe, name, given[name], fields[name])]
    rest, tried, confirmed = guess, set[str](), False
    while left:
        name = left.pop(0)
        tried.add(name)
        less = without_field(rest, name)
        answer = probe.tried(less.document(identifier, sample_fields(less)))
        back = answer.back or {}
        if others := [other for other in _named(less.fields, answer.refusal) if other not in tried]:
            # Without the others in the way, it will be seen that the store computes this one.
            rest, left = less, list(dict.fromkeys([*others, *left]))
        elif not answer.refusal and all(
            # A column without a value also has NULL; a default can be replaced by another value.
            back.get(key) is not None and (key not in given or not _differs(probe, key, back[key], given[key]))
            for key in less.computed
        ):
            rest, confirmed = less, True
    if not confirmed:
        return guess
    probe.computed = frozenset(rest.computed)
    return rest


def _named(fields: Iterable[str], refusal: str) -> list[str]:
    """The fields that a refusal names."""
    return [name for name in fields if re.search(rf"\b{re.escape(name)}\b", refusal)]


def _differs(probe: Probe, name: str, one: Any, other: Any) -> bool:
    return not probe.same({id_field(probe.data_type): "a", name: one}, {id_field(probe.data_type): "a", name: other})


def _next_to(own: ValueSchema, values: Sequence[Any]) -> ValueSchema:
    """The schema of an id, with values like the existing ones: close numbers, or texts of the same form or length."""
    if parts := own.properties:
        near = {name: _next_to(part, [value[name] for value in values]) for name, part in parts.items()}
        return own.model_copy(update={"properties": near})
    if own.types == ("string",) and not own.patterns:
        forms = {re.sub(r"\d+", lambda digits: f"[0-9]{{{len(digits[0])}}}", re.escape(value)) for value in values}
        if len(forms) == 1:
            return own.model_copy(update={"pattern": f"^{forms.pop()}$"})
        return own.model_copy(update={"max_length": max(map(len, values))})
    if own.types == ("date",):
        own = own.model_copy(update=next(forms_of(values), {}))
    if {"int", "long", "date"}.isdisjoint(own.types):
        return own
    step = int(own.multiple_of) if isinstance(own.multiple_of, Decimal) else 1
    greatest = max(int(number) for value in values if (number := exact(value)) is not None)
    least, most = greatest + step, greatest + _NEXT * step
    if "date" in own.types:
        return own.model_copy(update={"minimum": DatetimeMS(least), "maximum": DatetimeMS(most)})
    return own.model_copy(update=between(least, most))


def _another(schema: DocumentSchema, name: str, value: Any) -> Any:
    """A value of a field that differs from the given one, if the field has two."""
    made = counted(schema.fields[name], schema.data_type)
    return next((other for other in map(made, (1, 2)) if other != value), value)


def _seen(documents: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Some of the values that a field has, null aside."""
    found = {repr(document[name]): document[name] for document in documents if document.get(name) is not None}
    # JSON integers beyond 64 bits are read as doubles, and would be written as such.
    plain = sorted(found.values(), key=lambda value: isinstance(value, float) and abs(value) > _EXACT)
    return plain[:_MOST_SEEN]
