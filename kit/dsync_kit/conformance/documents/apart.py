"""A namespace's documents apart from some features: only ids of one kind, no values of some types."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zlib import crc32

from bson import Decimal128, json_util
from hypothesis import strategies as st

from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Anything, Holding
from dsync_kit.conformance.documents.identifiers import sample_id
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.fitting import kind_of_value
from dsync_kit.conformance.documents.schema.satisfying import unsatisfiable
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.conformance.results.features import Feature, FeatureKind, Features
from dsync_kit.documents import id_field
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["MOST_LEVELS", "apart", "features_of_number", "is_finite"]

MOST_LEVELS = 4
"""Levels of documents and arrays, the document itself included, that every store of nested documents holds."""


def apart(holding: Holding, features: Features) -> Holding:
    """The same without the features, unless nothing would be left: an example may still have to be declined."""
    if isinstance(holding, Filling):
        schema = holding.schema
        for feature in features:
            narrowed = _narrowed(schema, feature)
            schema = schema if unsatisfiable(narrowed) else narrowed
        return holding if schema == holding.schema else Filling(schema, holding.taken)
    kinds = holding.kinds
    for feature in features:
        kinds = _kinds(kinds, feature, holding.data_type) or kinds
    if any(feature.kind in _OF_FIELDS for feature in features):
        return _Without(holding.data_type, kinds, holding.taken, features)
    return holding if kinds == holding.kinds else Anything(holding.data_type, kinds, holding.taken)


def _kinds(kinds: tuple[str, ...], feature: Feature, data_type: DataType) -> tuple[str, ...]:
    match feature.kind:
        case FeatureKind.MIXED_IDS:
            return kinds[:1]
        case FeatureKind.ODD_IDS:
            return tuple(dict.fromkeys("name" if kind == "string" else kind for kind in kinds))
        case FeatureKind.IDS:
            return tuple(kind for kind in kinds if kind_of_value(sample_id(kind), data_type) != feature.detail)
        case _:
            return kinds


_OF_FIELDS = (
    FeatureKind.VALUES,
    FeatureKind.NOT_FINITE,
    FeatureKind.LONG_INTEGERS,
    FeatureKind.EXTREME_NUMBERS,
    FeatureKind.FRACTIONS,
    FeatureKind.DEEP,
    FeatureKind.MIXED_FIELDS,
    FeatureKind.ODD_NAMES,
    FeatureKind.ODD_TEXTS,
)

_OF_NUMBERS = frozenset(
    {FeatureKind.NOT_FINITE, FeatureKind.LONG_INTEGERS, FeatureKind.EXTREME_NUMBERS, FeatureKind.FRACTIONS}
)

_SAME_FIELDS = ("a", "b", "c")
"""The only names of fields if all documents must have the same fields."""


class _Without(Anything):
    """Documents of any fields, without some features: others take the place of what is left out."""

    def __init__(self, data_type: DataType, kinds: tuple[str, ...], taken: Taken, features: Features) -> None:
        super().__init__(data_type, kinds, taken)
        self._values = frozenset(feature.detail for feature in features if feature.kind is FeatureKind.VALUES)
        of_kinds = {feature.kind for feature in features}
        self._same_fields = FeatureKind.MIXED_FIELDS in of_kinds
        self._plain_names = FeatureKind.ODD_NAMES in of_kinds
        self._plain_texts = FeatureKind.ODD_TEXTS in of_kinds
        self._numbers = of_kinds & _OF_NUMBERS
        self._flat = FeatureKind.DEEP in of_kinds
        self._contents: dict[bool, strategies.Draw] = {}

    def contents(self, *, small: bool) -> strategies.Draw:
        if small not in self._contents:
            self._contents[small] = super().contents(small=small).map(self._replaced)
        return self._contents[small]

    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> strategies.Draw:
        pairs = st.tuples(self.identifiers, self.contents(small=small))
        unique = st.lists(
            pairs, min_size=min_size, max_size=max_size, unique_by=lambda pair: strategies.merge_key(pair[0])
        )
        return unique.map(lambda drawn: [self.document(*pair) for pair in drawn])

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        kept = {name: value for name, value in fields.items() if name != id_field(self.data_type)}
        return super().document(identifier, self._replaced(kept))

    def change(self, number: int) -> dict[str, Any]:
        return {_SAME_FIELDS[0]: self._allowed(number)}

    def _replaced(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self._same_fields:
            values = [*fields.values(), *_SAME_FIELDS][: len(_SAME_FIELDS) - 1]
            # The last one stands for all, so that documents differ as the original ones do.
            fields = dict(zip(_SAME_FIELDS, [*values, f"v{_number(fields)}"], strict=True))
        return self.fitting(fields)

    def fitting(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._named(fields)

    def _named(self, fields: Mapping[str, Any], level: int = 1) -> dict[str, Any]:
        return {self._name(name): self._allowed(value, level) for name, value in fields.items()}

    def _name(self, name: str) -> str:
        return name if not self._plain_names or _PLAIN_NAME.fullmatch(name) else f"f{_number(name)}"

    def _allowed(self, value: Any, level: int = 1) -> Any:
        """What takes the place of a value, which is in a document or array at this level."""
        if self._flat and level >= MOST_LEVELS and isinstance(value, dict | list):
            value = self._other(value)
        if kind_of_value(value, self.data_type) in self._values:
            value = self._other(value)
        if not self._numbers.isdisjoint(features_of_number(value, self.data_type)):
            number = _number(value)
            whole = int if FeatureKind.FRACTIONS in self._numbers else type(value)
            value = Decimal128(str(number)) if isinstance(value, Decimal128) else whole(number)
        if isinstance(value, str) and self._plain_texts and not _PLAIN_TEXT.fullmatch(value):
            return f"v{_number(value)}"
        if isinstance(value, dict):
            return self._named(value, level + 1)
        return [self._allowed(item, level + 1) for item in value] if isinstance(value, list) else value

    def _other(self, value: Any) -> Any:
        """A value of a remaining type; different for different values, as far as the type has enough."""
        number = _number(value)
        for other in (f"v{number}", number, number % 2 == 0, None):
            if kind_of_value(other, self.data_type) not in self._values:
                return other
        return value


def is_finite(value: Any) -> bool:
    """Whether a value is neither NaN nor infinite."""
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    return not isinstance(number, float | Decimal) or math.isfinite(number)


_EXACT = 2**53
_SMALL, _LARGE = Decimal("1e-38"), Decimal("1e38")


def features_of_number(value: Any, data_type: DataType) -> frozenset[FeatureKind]:
    """Why a store may refuse a number; empty for any other value."""
    if not is_finite(value):
        return frozenset({FeatureKind.NOT_FINITE})
    if isinstance(value, float | Decimal128):
        number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
        extreme = bool(number) and not _SMALL <= abs(number) <= _LARGE
        found = {FeatureKind.EXTREME_NUMBERS} if extreme else set()
        return frozenset(found | {FeatureKind.FRACTIONS} if data_type != DATA_TYPE_MONGO_BSON else found)
    of_json = data_type != DATA_TYPE_MONGO_BSON and isinstance(value, int) and not isinstance(value, bool)
    return frozenset({FeatureKind.LONG_INTEGERS}) if of_json and abs(value) > _EXACT else frozenset()


_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_TEXT = re.compile("[A-Za-z][A-Za-z0-9_-]{5,}")
"""Long enough not to be a word with another meaning."""


def _number(value: Any) -> int:
    """A number for a value, different for different values."""
    return crc32(json.dumps(value, sort_keys=True, default=json_util.default).encode()) % 2**31


def _narrowed(schema: DocumentSchema, feature: Feature) -> DocumentSchema:
    match feature.kind:
        case FeatureKind.MIXED_IDS:
            first = schema.identifier.types[:1]
            return replace(schema, identifier=schema.identifier.of_types(*first)) if first else schema
        case FeatureKind.IDS:
            left = _types_without(schema.identifier, feature.detail)
            return replace(schema, identifier=schema.identifier.of_types(*left)) if left else schema
        case FeatureKind.VALUES:
            fields = {name: _value_without(value, feature.detail) for name, value in schema.fields.items()}
            kept = {
                name: schema.fields[name] if value is None else value
                for name, value in fields.items()
                if value is not None or name in schema.required
            }
            return replace(schema, fields=kept)
        case FeatureKind.MIXED_FIELDS:
            return replace(schema, required=frozenset(schema.fields), additional=False)
        case FeatureKind.ODD_NAMES:
            return replace(schema, additional=False)
        case FeatureKind.ODD_TEXTS:
            return replace(schema, fields={name: _plain(value) for name, value in schema.fields.items()})
        case FeatureKind.ODD_IDS:
            return replace(schema, identifier=_plain(schema.identifier))
        case _:
            return schema


def _plain(schema: ValueSchema) -> ValueSchema:
    """A value's schema with only plain texts, unless the schema itself limits the texts."""
    if "string" not in schema.types or schema.enum or schema.format or schema.pattern:
        return schema
    return schema.model_copy(update={"pattern": "^[a-z]+$"})


def _value_without(schema: ValueSchema, kind: str) -> ValueSchema | None:
    """A value's schema without a kind; None if it has no other."""
    left = _types_without(schema, kind)
    if left == schema.types:
        return schema
    return schema.of_types(*left) if left else None


def _types_without(schema: ValueSchema, kind: str) -> tuple[str, ...]:
    without = _NUMBERS if kind == _NUMBER else {kind}
    return tuple(name for name in schema.types if name not in without)


_NUMBER = "number"
_NUMBERS = {"int", "long", "double", "decimal"}
