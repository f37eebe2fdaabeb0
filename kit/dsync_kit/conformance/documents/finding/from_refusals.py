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
from dsync_kit.conformance.documents.strategies import ID_KINDS
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


def from_nothing(probe: Probe) -> DocumentSchema | None:
    """A schema with ids of the first kind that works; None if the store keeps none of the documents.

    At last, any words of the refusals are tried as names, with the id that got furthest.
    """
    kinds = ID_KINDS[probe.data_type]
    for kind in kinds:
        if (found := _Trial(probe, kind).schema()) is not None:
            return found
    furthest, _ = probe.furthest
    last = next((kind for kind in kinds if repr(probe.sample_id(kind)) == furthest), "")
    return _Trial(probe, last, any_words=True).schema() if last else None


class _Trial:
    """Documents with one id: alone at first, then with the fields that the refusals name, until the store keeps one.

    `any_words` tries all words of a refusal as names, not only those in lists.
    """

    def __init__(self, probe: Probe, kind: str, *, any_words: bool = False) -> None:
        self._probe = probe
        self._any_words = any_words
        self._own = id_field(probe.data_type)
        self._identifier = probe.sample_id(kind)
        self._repeated: dict[str, tuple[str, ...]] = {}
        self._fields: dict[str, Any] = {}
        self._tried: dict[str, list[int]] = {}
        """The numbers of the values that each field has had."""
        self._blamed: tuple[str, str] = ("", "")
        """The last refusal that names no new field, and the field that was given another value for it."""
        self._guess: tuple[str, ...] = ()
        """The fields that were guessed from it last."""
        self._guesses: dict[str, list[tuple[str, ...]]] = {}
        """All guesses by their refusals."""

    def schema(self) -> DocumentSchema | None:
        """The schema of the first document that the store keeps; None if the refusals lead to none."""
        for _ in range(_ROUNDS):
            document = {self._own: self._identifier, **dict.fromkeys(self._repeated, self._identifier), **self._fields}
            answer = self._probe.tried(document)
            if not answer.refusal and (not answer.readable or answer.back is not None):
                self._probe.good = self._fields
                return _from_back(self._probe, document, answer.back, self._repeated)
            if not self._heed(answer.refusal):
                break
        return None

    def _heed(self, refusal: str) -> bool:
        """Change the next document as a refusal suggests; returns whether it suggests anything new."""
        self._take_back_guess(refusal)
        if missing := self._missing(refusal):
            self._add(missing)
        elif wrong := self._wrong(refusal):
            self._give_another_value(wrong, refusal)
        elif guess := self._guess_from(refusal):
            self._guess = guess
            self._add(guess)
        elif "id" not in self._known:
            # A row without its key's column may have been dropped: such a column is mostly called `id`.
            self._add(("id",))
        else:
            return False
        return True

    @property
    def _known(self) -> Set[str]:
        """The names that the documents have had."""
        return {self._own, *self._repeated, *self._fields, *self._tried}

    def _missing(self, refusal: str) -> Sequence[str]:
        """The new fields that a refusal names; if there are none, one that an earlier refusal named."""
        known = self._known
        now = [name for name in names_in(refusal) if name not in known | self._probe.no_fields]
        return now or [name for name in self._probe.named if name not in known][:1]

    def _wrong(self, refusal: str) -> str:
        """The field whose value a refusal blames; empty if it names none."""
        blamed = _blamed(refusal, [*self._fields, *self._repeated])
        before, field = self._blamed
        if field in blamed and refusal == before:
            # Other values make no difference: the next field may be to blame.
            place = blamed.index(field) + 1
            blamed = [*blamed[place:], *blamed[:place]]
        wrong = next(iter(blamed), "")
        self._blamed = refusal, wrong
        return wrong

    def _guess_from(self, refusal: str) -> tuple[str, ...]:
        """The first new names among a refusal's words that were not guessed from it before; empty if there are none.

        Names of types are left out: such a refusal is usually about the id.
        """
        types = re.compile("|".join(pattern for _, pattern in _VALUES), re.IGNORECASE)
        guesses, known = self._guesses.setdefault(refusal, []), self._known | self._probe.no_fields
        words = [[word] for word in self._probe.own_words(refusal)] if self._any_words else []
        for names in (*guesses_in(refusal), *words):
            unknown = tuple(name for name in names if name not in known)
            if unknown and unknown not in guesses and not all(map(types.search, unknown)):
                guesses.append(unknown)
                return unknown
        return ()

    def _take_back_guess(self, refusal: str) -> None:
        """Remove the guessed fields again if they make no difference."""
        for name in self._guess if refusal == self._blamed[0] else ():
            self._repeated.pop(name, None)
            self._fields.pop(name, None)
            self._tried.pop(name, None)
        self._guess = ()

    def _add(self, names: Sequence[str]) -> None:
        """Add fields: one that may be a key repeats the id, the others get a text."""
        for name in dict.fromkeys(names):
            if _like_a_key(name, self._repeated):
                self._repeated[name] = ()
            else:
                self._fields[name], self._tried[name] = "text", [0]

    def _give_another_value(self, name: str, refusal: str) -> None:
        """Give a field a value that it has not had, or leave it out."""
        self._repeated.pop(name, None)
        self._fields.pop(name, None)
        tried = self._tried.setdefault(name, [])
        number = _next(refusal, tried, self._probe.data_type)
        if number is not None:
            tried.append(number)
            self._fields[name] = _values(self._probe.data_type)[number][0]


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
