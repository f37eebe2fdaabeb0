"""Writes trial documents: what becomes of each, and which fields the refusals name."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from dsync_kit.conformance.documents.finding.inference import value_schema
from dsync_kit.conformance.documents.identifiers import sample_id
from dsync_kit.conformance.documents.schema.counted import counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.documents import encode, id_field, same_document
from dsync_kit.protocol import DataType

__all__ = [
    "Answer",
    "Attempt",
    "OutOfCallsError",
    "Probe",
    "between",
    "guesses_in",
    "names_in",
    "sample_fields",
    "type_of",
    "with_field",
    "without_field",
]


_UNLIKE = 1000
"""Values that come after so many others: no sample is among them."""

_MOST_ALTERED = 8
"""How many of the documents that came back as something else are kept."""

_IDS = 10_000
"""How many ids are tried to find a free one."""

_CERTAIN = re.compile(
    r'\b(?:column|field|property|attribute|key) ["\'`]?([A-Za-z_]\w*)["\'`]? (?:is|was|must|should|needs|has to)\b',
    re.I,
)
_NOUNS = frozenset({"name", "names", "value", "values", "type", "constraint", "table", "document", "row", "error"})
"""Common words of messages that are also common names of fields."""
_NAMING = (
    r'(?:column|field|property|attribute|key)s?:? +["\'`]?([A-Za-z_][\w$]*)["\'`]?',
    r'["\'`]([A-Za-z_]\w*)["\'`]',
    r"([A-Za-z_]\w*) (?:is|was) (?:missing|required|NOT NULL)",
    r"(?:^|[:;.,(] ?)([A-Za-z_]\w*) (?:is|must|should|needs|has to|may|cannot|can't|expects?)\b",
)
_LISTING = (
    r'(?:column|field|propertie|attribute|key)s?\b[^\w"\'`]*((?:["\'`]?\w+["\'`]?(?:, and |, ?| and ))+["\'`]?\w+)',
    r'\(((?:["\'`]?\w+["\'`]?, ?)+["\'`]?\w+["\'`]?)\)',
)
"""How messages list names: after a word for them, or in parentheses."""
_OPTIONAL = "perhaps|maybe|possibly|optionally|optional"
_ADVERBS = rf"(?:(?:{_OPTIONAL}|also|both|either|the|an?|its) )?"
_WORDS = re.compile(rf"\w+(?:(?:, ?(?:and |or )?| and | or |; ?){_ADVERBS}\w+)+", re.IGNORECASE)
"""Any list of words in a message, which may be names."""
_COMMON = frozenset(
    {
        *("of", "in", "is", "for", "not", "with", "and", "or", "the", "a", "an", "does", "was", "has", "have", "be"),
        *("at", "to", "from", "by", "on", "as", "that", "this", "must", "cannot", "null", "missing", "required"),
        *("value", "values", "type", "name", "names", "constraint", "violates", "relation", "table", "found"),
        *("unknown", "error", "int", "string", "it", "there", "document", "documents", "row", "rows", "all", "no"),
    }
)
"""Words that such messages quote, but that name nothing."""


class Answer:
    """What became of a document: `refusal` is the message if it was refused, `back` what is read under its id.

    `back` is None if nothing is there, or if nobody can read it (`readable` is False). `look` reads it, only if it is
    asked for: a read that lags takes time.
    """

    def __init__(
        self,
        refusal: str = "",
        back: Mapping[str, Any] | None = None,
        *,
        readable: bool = True,
        look: Callable[[], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self.refusal = refusal
        self.readable = readable
        self._look = look or (lambda: back)

    @cached_property
    def back(self) -> Mapping[str, Any] | None:
        """What is read under the document's id."""
        return self._look()

    @property
    def lost(self) -> bool:
        """Whether it was acknowledged, and is not there."""
        return not self.refusal and self.readable and self.back is None


Attempt = Callable[[Mapping[str, Any]], Answer]
"""Writes one document."""


class OutOfCallsError(Exception):
    """No more documents may be written."""


@dataclass
class Probe:
    """Counts the written documents, and keeps the last refusal for the report."""

    attempt: Attempt
    data_type: DataType
    left: int
    number: int = 0
    refusal: str = ""
    refusal_of_like: str = ""
    """The refusal of a document like the existing ones; empty if it was acknowledged, but is listed differently."""
    refusals: dict[str, dict[str, None]] = field(default_factory=dict)
    """The different refusals by the documents' ids."""
    named: dict[str, None] = field(default_factory=dict)
    no_fields: frozenset[str] = frozenset()
    taken: Taken = NOTHING
    good: Mapping[str, Any] = field(default_factory=dict)
    """The fields of a document that was kept."""
    loses: bool = False
    """Whether it acknowledges documents, and lists none: then only refusals say what it holds."""
    computed: frozenset[str] = frozenset()
    """Fields that the store adds: documents are compared without them."""
    changed: frozenset[str] = frozenset()
    """Fields of which the store changes even existing values: documents are compared without them, too."""
    altered: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    """Acknowledged documents that came back as something else, each with what came back."""

    def kept(self, document: Mapping[str, Any]) -> bool:
        """Whether a document is accepted, and comes back as it was written."""
        return self.comes_back(document, self.tried(document))

    def comes_back(self, document: Mapping[str, Any], answer: Answer) -> bool:
        """Whether the answer to a document is that it is there as it was written, as far as anybody can read it."""
        if answer.refusal or answer.lost:
            return answer.lost and self.loses
        if answer.back is None:
            return not answer.readable
        left_out = self.computed | self.changed
        back = {name: value for name, value in answer.back.items() if name not in left_out}
        same = self.same({name: value for name, value in document.items() if name not in self.changed}, back)
        if not same:
            self.altered.append((document, answer.back))
        return same

    @property
    def altered_documents(self) -> tuple[bytes, ...]:
        """Some of the acknowledged documents that came back as something else, apart from computed fields."""
        found: dict[frozenset[str], bytes] = {}
        for document, back in self.altered:
            names = (document.keys() | back.keys()) - self.computed
            differing = frozenset(name for name in names if not self.same(_part(document, name), _part(back, name)))
            if differing:
                found.setdefault(differing, encode(dict(document), self.data_type))
        return tuple(found.values())[:_MOST_ALTERED]

    def tried(self, document: Mapping[str, Any]) -> Answer:
        """What becomes of a document. Raises OutOfCallsError if no more may be written."""
        if self.left <= 0:
            raise OutOfCallsError
        self.left -= 1
        self.number += 1
        answer = self.attempt(document)
        if answer.refusal:
            self.refusal = answer.refusal
            identifier = repr(document.get(id_field(self.data_type)))
            self.refusals.setdefault(identifier, {})[answer.refusal] = None
            # A message that names a sent field means something else: that there is no such field.
            others = self.no_fields | document.keys()
            self.named |= dict.fromkeys(name for name in names_in(answer.refusal) if name not in others)
        return answer

    @property
    def furthest(self) -> tuple[str, str]:
        """The id that got furthest, as text, and its last refusal: with the most different ones, or with an own one."""
        shared = Counter(message for messages in self.refusals.values() for message in messages)
        lasts = {identifier: list(messages)[-1] for identifier, messages in self.refusals.items()}
        ends = ((len(self.refusals[one]), -shared[last], one, last) for one, last in lasts.items())
        return max(ends, key=lambda end: end[:2], default=(0, 0, "", ""))[2:]

    def own_words(self, message: str) -> list[str]:
        """The words of a refusal that occur in no other refusal, common ones aside: any of them may be a name."""
        others = {
            word for messages in self.refusals.values() for one in messages if one != message for word in _in(one)
        }
        return [word for word in dict.fromkeys(_in(message)) if word not in others and word.lower() not in _COMMON]

    def keeps(self, schema: DocumentSchema, name: str, value: Any, others: Mapping[str, Any] | None = None) -> bool:
        """Whether a document is kept if its field `name` has this value.

        The other fields are `others`, by default those of a kept document, and samples that fit the schema.
        """
        fields = self.others(schema) if others is None else {**others, **self.unique(schema)}
        fields = {**fields, name: value}
        return self.kept(schema.document(self.free_id(schema), fields))

    def refuses(self, schema: DocumentSchema, name: str, value: Any) -> bool:
        """Whether a document is refused, not changed, if its field `name` has this value."""
        return bool(self.tried(schema.document(self.free_id(schema), {**self.others(schema), name: value})).refusal)

    def refusal_of(self, schema: DocumentSchema, fields: Mapping[str, Any]) -> str:
        """Why a document with these fields, and a new id, is refused; empty if it is not."""
        return self.tried(schema.document(self.free_id(schema), fields)).refusal

    def refusal_with_id(self, schema: DocumentSchema, identifier: Any) -> str:
        """Why a document with this id is refused; empty if it is not."""
        return self.tried(schema.document(identifier, self.others(schema))).refusal

    def others(self, schema: DocumentSchema) -> dict[str, Any]:
        """A value for each field of the schema: that of a document that was kept, or else a sample."""
        return {
            **sample_fields(schema),
            **{name: value for name, value in self.good.items() if name in schema.fields},
            **self.unique(schema),
        }

    def unique(self, schema: DocumentSchema) -> dict[str, Any]:
        """Values that no document has yet, for the fields whose values no two documents share."""
        made = {name: counted(own, schema.data_type) for name, own in schema.fields.items() if own.unique}
        return {name: part(_UNLIKE + self.number) for name, part in made.items() if part.size}

    def free_id(self, schema: DocumentSchema) -> Any:
        """An id that fits the schema and that no document has yet; if thousands are taken, a taken one."""
        make = counted(schema.identifier, self.data_type, prefix="probe")
        values = (make(self.number + 1 + number) for number in range(_IDS))
        return next((value for value in values if value not in self.taken), make(0))

    def sample_id(self, kind: str) -> Any:
        """An id of the kind that no document has yet; if all are taken, a taken one."""
        return next(iter(self.taken.free_ids(kind)), sample_id(kind))

    def written(self, back: Mapping[str, Any]) -> dict[str, Any]:
        """A document that was read, without the fields that the store added."""
        return {name: value for name, value in back.items() if name not in self.computed}

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two documents are the same, field order aside."""
        return same_document(encode(dict(one), self.data_type), encode(dict(other), self.data_type), self.data_type)


def _part(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: document[name]} if name in document else {}


def _in(message: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", message)


def names_in(message: str) -> Iterator[str]:
    """The names that a message lists or quotes, or calls a column or field: a document may lack them."""
    for pattern in _LISTING:
        for names in re.findall(pattern, message, re.IGNORECASE):
            yield from (name for name in re.findall(r"[A-Za-z_]\w*", names) if name not in ("and", "or"))
    yield from (name for name in _CERTAIN.findall(message) if name.lower() in _NOUNS)
    for pattern in _NAMING:
        yield from (name for name in re.findall(pattern, message, re.IGNORECASE) if name.lower() not in _COMMON)


def guesses_in(message: str) -> Iterator[list[str]]:
    """What may be names in a message that lists words without saying what they are: all, or those that aren't optional.

    A list that has only common words gives nothing.
    """
    for words in _WORDS.findall(message):
        for part in (words, re.split(rf"\b(?:{_OPTIONAL})\b", words, flags=re.IGNORECASE)[0]):
            skipped = re.sub(rf"\b(?:{_OPTIONAL}|also|both|either)\b", "", part, flags=re.IGNORECASE)
            names = [name for name in re.findall(r"[A-Za-z_]\w*", skipped) if name.lower() not in _COMMON]
            if names:
                yield list(dict.fromkeys(names))


def sample_fields(schema: DocumentSchema) -> dict[str, Any]:
    """A value for each field of the schema."""
    made = {name: counted(own, schema.data_type) for name, own in schema.fields.items()}
    return {name: part(1) for name, part in made.items() if part.size}


def without_field(schema: DocumentSchema, name: str) -> DocumentSchema:
    """The schema, with one field that the store computes."""
    fields = {key: own for key, own in schema.fields.items() if key != name}
    computed = {**schema.computed, name: schema.fields[name].model_copy(update={"read_only": True})}
    return replace(schema, fields=fields, required=schema.required - {name}, computed=computed)


def with_field(schema: DocumentSchema, name: str, own: ValueSchema) -> DocumentSchema:
    """The schema, with another schema for one field."""
    return replace(schema, fields={**schema.fields, name: own})


def type_of(value: Any, data_type: DataType) -> str:
    """The name of a value's type in schemas."""
    return value_schema([value], data_type).types[0]


def between(least: int, most: int) -> dict[str, Any]:
    """The keywords of a schema for numbers from `least` to `most`."""
    return {"minimum": Decimal(least), "maximum": Decimal(most)}
