"""Documents of a schema: drawn whole, or made from an id and the fields that a rule would write to a free store."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zlib import crc32

from bson import json_util
from hypothesis import strategies as st

from dsync_kit.conformance.documents import drawing, field_values, identifiers, strategies
from dsync_kit.conformance.documents.holding import Holding, TooFewError
from dsync_kit.conformance.documents.schema.counted import Counted, counted
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.fitting import bson_types, fits
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.documents.strategies import ID_KINDS, make_document, merge_key
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.documents import decode, encode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Filling"]

Draw = st.SearchStrategy[Any]

_EXACT = 2**53
"""Each whole double below is one integer."""
_TEXT = ValueSchema(bson_type=("string",))


class Filling(Holding):
    """A namespace that holds the documents of a schema. Strategies are made once."""

    def __init__(self, schema: DocumentSchema, taken: Taken = NOTHING) -> None:
        super().__init__(schema.data_type, _kinds(schema.identifier, schema.data_type), taken)
        self.schema = schema
        self._numbered: dict[str, Counted] = {}

    # Drawn

    def _drawn_identifiers(self) -> Draw:
        return drawing.identifiers(self.schema.identifier, self.schema.data_type)

    def several_identifiers(self, *, min_size: int, max_size: int) -> Draw:
        size = min(max_size, self._enough(min_size, self.counted_ids()).size)
        several = strategies.several_ids(self.identifiers, min_size=min_size, max_size=size)
        return st.builds(self._related, several, self._shared_parts)

    @cached_property
    def fields(self) -> Draw:
        """The fields beside the id, as a dict: the required ones, and some of the others."""
        return self._fields_drawn(small=False)

    @cached_property
    def small_fields(self) -> Draw:
        """The same, but few fields with few values."""
        return self._fields_drawn(small=True)

    def contents(self, *, small: bool) -> Draw:
        return self.small_fields if small else self.fields

    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> Draw:
        made = self._enough(min_size, self.counted_ids())
        pairs = st.tuples(self.identifiers, self.small_fields if small else self.fields)
        unique = st.lists(
            pairs,
            min_size=min_size,
            max_size=min(max_size, made.size),
            unique_by=lambda pair: merge_key(pair[0]),
        )

        def page(drawn: list[tuple[Any, dict[str, Any]]], shared: tuple[str, ...]) -> list[bytes]:
            values = self._related([value for value, _ in drawn], shared)
            return [self.encoded(value, content) for value, (_, content) in zip(values, drawn, strict=True)]

        return st.builds(page, unique, self._shared_parts)

    @cached_property
    def _shared_parts(self) -> Draw:
        """The parts that the ids of a list share, if they have parts: none, or one of them."""
        parts = self.schema.identifier.properties or {}
        return st.sampled_from([(), *((name,) for name in parts if len(parts) > 1)])

    def _related(self, values: list[Any], shared: tuple[str, ...]) -> list[Any]:
        """The ids with these parts of the first one, as the lines of an order have; without, if some would be equal."""
        related = [{**value, **{name: values[0][name] for name in shared}} for value in values] if shared else values
        distinct = len(set(map(merge_key, related))) == len(related)
        return related if distinct and all(self.allows_id("", value) for value in related) else values

    def changes(self, fields: Mapping[str, Any]) -> Draw:
        """Some fields of a document with new values, for a partial update; empty if there are none."""
        shared = {name: value for name, value in self.schema.fields.items() if name not in self._unique}
        others = {name: drawing.values(value, self.schema.data_type) for name, value in shared.items()}
        changed = st.fixed_dictionaries({}, optional=others)
        return changed.map(
            lambda drawn: self._spelled({name: value for name, value in drawn.items() if fields.get(name) != value})
        )

    def _fields_drawn(self, *, small: bool) -> Draw:
        draw = self._few if small else self._any
        required = {name: draw(self._of(name)) for name in sorted(self.schema.required)}
        optional = {name: draw(value) for name, value in self.schema.fields.items() if name not in required}
        fixed = st.fixed_dictionaries(required, optional=optional)
        if self.schema.additional is False or (small and (required or optional)):
            return fixed
        more = field_values.fields(self.schema.data_type, small=small)
        if isinstance(self.schema.additional, ValueSchema):
            more = st.dictionaries(field_values.field_names, draw(self.schema.additional), max_size=2)
        return st.builds(lambda own, others: {**self._unknown(others), **own}, fixed, more)

    def _any(self, schema: ValueSchema) -> Draw:
        return drawing.values(schema, self.schema.data_type)

    def _few(self, schema: ValueSchema) -> Draw:
        made = counted(schema, self.schema.data_type)
        return st.sampled_from(
            [*([None] if schema.nullable and schema.enum is None else []), *map(made, range(min(3, made.size)))]
        )

    def _unknown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        known = {self.schema.id_field, *self.schema.fields, *self.schema.repeats, *self.schema.computed}
        return {name: value for name, value in fields.items() if name not in known}

    def _of(self, name: str) -> ValueSchema:
        additional = self.schema.additional
        return self.schema.fields.get(name) or (additional if isinstance(additional, ValueSchema) else _TEXT)

    # Made

    @cached_property
    def smallest(self) -> bytes:
        """The smallest document: the first id, and the required fields."""
        return self.document(self.counted_ids()(0), {})

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        """An encoded document with this id, and with those fields that the schema allows.

        If it does not allow some, other fields differ between two sets of fields, as far as the schema permits: two
        versions of a document can still be distinguished.
        """
        allowed = {name: value for name, value in fields.items() if self.schema.allows(name, value)}
        number = _digest(fields)
        filled = {name: self._parts[name](number) for name in sorted(self.schema.required - allowed.keys())}
        if len(allowed) < len(fields) and not self._tells(filled):
            filled |= {name: self._parts[name](number) for name in self._telling if name not in allowed}
        return self.encoded(identifier, {**allowed, **filled})

    def plainest(self, identifier: Any, number: int = 1, fields: Mapping[str, Any] = MappingProxyType({})) -> bytes:
        """The document with this id, these fields, and the other required ones with values as plain as their first."""
        required = {name: self._parts[name](number) for name in sorted(self.schema.required)}
        return self.encoded(identifier, {**required, **fields})

    def as_written(self, document: bytes) -> bytes:
        if not self.schema.computed:
            return document
        try:
            fields = decode(document, self.schema.data_type)
        except InvalidArgument:
            return document  # the comparison reports what is wrong with it
        return encode(
            {name: value for name, value in fields.items() if name not in self.schema.computed}, self.schema.data_type
        )

    @property
    def numbered_kinds(self) -> tuple[str, ...]:
        return ()  # the schema decides

    def numbered(self, prefix: str, count: int, kind: str = "") -> Callable[[int], Any]:
        return self._enough(count, self.counted_ids(prefix))

    def varied(self, count: int) -> list[Any]:
        made = map(self._enough(count, self.counted_ids()), range(count))
        unlike = [value for value in identifiers.varied_ids(self.kinds, count) if self.allows_id("", value)]
        return list({merge_key(value): value for value in (*unlike, *made)}.values())[:count]

    def allows_id(self, kind: str, value: Any) -> bool:
        # Columns often refuse NUL, and no schema says so.
        nul = isinstance(value, str) and "\0" in value
        return self.schema.allows_id(value) and value not in self.taken and not nul

    def sample_id(self) -> Any:
        return self.counted_ids("sample")(7)

    @property
    def free(self) -> bool:
        return self.schema.additional is True

    def change(self, number: int) -> dict[str, Any]:
        if self.free:
            return {"w": number}
        shared = [name for name in self.schema.fields if name not in self._unique]
        best = max(shared, key=lambda name: self._parts[name].size, default="")
        return {best: self._parts[best](number)} if best and self._parts[best].size > 1 else {}

    @cached_property
    def changes_of_fields(self) -> list[tuple[str, Any, Any]]:
        """Changes of one field alone: its name, and two of its values; for a nullable one, from and to null as well."""
        found: list[tuple[str, Any, Any]] = []
        for name, own in self.schema.fields.items():
            values = list(map(self._parts[name], range(min(2, self._parts[name].size))))
            if not own.unique and len(values) > 1:
                found.append((name, *values))
            if not own.unique and values and own.nullable and None not in values:
                found += [(name, None, values[0]), (name, values[0], None)]
        return found

    def long_field(self, size: int) -> str:
        if self.free:
            return "long"
        return next((name for name in self.schema.fields if self.schema.allows(name, "x" * size)), "")

    def fields_of(self, *kinds: str) -> list[tuple[str, str]]:
        """The fields that hold values of one of these BSON types, each with the type."""
        return [
            (name, kind)
            for name, own in self.schema.fields.items()
            for kind in kinds
            if kind in own.types and not own.unique and counted(own.of_types(kind), self.schema.data_type).size
        ]

    def values_of(self, name: str, kind: str) -> Draw:
        """Lists of a field's values of one BSON type, including those at its bounds."""
        return drawing.scalars(self.schema.fields[name].of_types(kind), self.schema.data_type)

    def encoded(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        """An encoded document with this id, these fields, and the fields that repeat the id."""
        return self.with_fields(identifier, self.distinct(identifier, fields))

    def with_fields(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        """The same, but another document may already have such a value where none may be there twice."""
        whole = self.schema.document(identifier, self._spelled(fields))
        return make_document(whole.pop(self.schema.id_field), whole, self.schema.data_type)

    def distinct(self, identifier: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same fields, with other values where no two documents may share one: they depend on the id, too."""
        if not self._unique:
            return fields
        return {
            name: self._unique[name](crc32(repr((identifier, value)).encode()))
            if name in self._unique and value is not None
            else value
            for name, value in fields.items()
        }

    @cached_property
    def _unique(self) -> dict[str, Counted]:
        return {
            name: self._parts[name] for name, own in self.schema.fields.items() if own.unique and self._parts[name].size
        }

    @property
    def unique_fields(self) -> list[str]:
        """The fields of which no two documents share a value."""
        return list(self._unique)

    def _spelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same fields; whole JSON numbers without `.0`, where the schema excludes that."""
        return {name: _without_zero(value) if name in self._whole else value for name, value in fields.items()}

    @cached_property
    def _whole(self) -> frozenset[str]:
        if self.schema.data_type == DATA_TYPE_MONGO_BSON:
            return frozenset()
        return frozenset(name for name, own in self.schema.fields.items() if not own.trailing_zero)

    @property
    def versions(self) -> int:
        """How many different documents with one id `document` can make, at least."""
        sizes = [self._parts[name].size for name in (*self.schema.required, *self._telling)]
        return 2**31 if self.schema.free else max(sizes, default=1)

    @cached_property
    def _parts(self) -> dict[str, Counted]:
        names = {*self.schema.fields, *self.schema.required}
        return {name: counted(self._of(name), self.schema.data_type) for name in names}

    @cached_property
    def _telling(self) -> list[str]:
        """The optional field that distinguishes most versions."""
        optional = [name for name in self.schema.fields if name not in self.schema.required]
        return sorted(optional, key=lambda name: -self._parts[name].size)[:1]

    def _tells(self, filled: Mapping[str, Any]) -> bool:
        return any(self._parts[name].size > 1000 for name in filled)

    def counted_ids(self, prefix: str = "") -> Counted:
        if prefix not in self._numbered:
            made = counted(self.schema.identifier, self.schema.data_type, prefix=prefix)
            self._numbered[prefix] = self.taken.free(made)
        return self._enough(1, self._numbered[prefix])

    def _enough(self, needed: int, made: Counted) -> Counted:
        """The ids. Raises TooFewError if there are fewer than needed."""
        if made.size < needed:
            ids = "different ids that no existing document has" if self.taken else "different ids"
            raise TooFewError(f"its schema allows {made.size} {ids}, and {needed} are needed")
        return made


def _without_zero(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _digest(fields: Mapping[str, Any]) -> int:
    """A number for the fields that a rule would write: for a single whole number, that number."""
    if len(fields) == 1 and isinstance(number := next(iter(fields.values())), int) and 0 <= number < 2**31:
        return int(number)
    return crc32(json.dumps(fields, sort_keys=True, default=json_util.default).encode()) % 2**31


def _kinds(schema: ValueSchema, data_type: DataType) -> tuple[str, ...]:
    """The kinds of ids that the schema allows, the most common first."""
    samples = {kind: identifiers.sample_id(kind) for kind in ID_KINDS[data_type]}
    of_types = [kind for kind, value in samples.items() if not bson_types(value, data_type).isdisjoint(schema.types)]
    whole = [kind for kind in of_types if fits(schema, samples[kind], data_type)]
    return tuple(whole or of_types or [next(iter(ID_KINDS[data_type]))])
