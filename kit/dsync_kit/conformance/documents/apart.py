"""What a namespace holds apart from a feature: ids of one kind alone, no values of one kind."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

from bson import json_util
from hypothesis import strategies as st

from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Anything, Holding
from dsync_kit.conformance.documents.identifiers import sample_id
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.fitting import kind_of_value
from dsync_kit.conformance.documents.schema.satisfying import unsatisfiable
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.documents import id_field

__all__ = ["apart"]


def apart(holding: Holding, feature: Feature) -> Holding:
    """The same, without the feature as far as that leaves something: an example may still have to be declined."""
    if isinstance(holding, Filling):
        schema = _narrowed(holding.schema, feature)
        return holding if schema == holding.schema or unsatisfiable(schema) else Filling(schema)
    kinds = _kinds(holding, feature) or holding.kinds
    if feature.kind is FeatureKind.VALUES:
        return _Without(holding, feature.detail)
    return Anything(holding.data_type, kinds)


def _kinds(holding: Holding, feature: Feature) -> tuple[str, ...]:
    match feature.kind:
        case FeatureKind.MIXED_IDS:
            return holding.kinds[:1]
        case FeatureKind.IDS:
            return tuple(
                kind for kind in holding.kinds if kind_of_value(sample_id(kind), holding.data_type) != feature.detail
            )
        case _:
            return holding.kinds


class _Without(Anything):
    """Documents of any fields, but without values of one kind."""

    def __init__(self, holding: Holding, kind: str) -> None:
        super().__init__(holding.data_type, holding.kinds)
        self._kind = kind
        self._contents: dict[bool, strategies.Draw] = {}

    def contents(self, *, small: bool) -> strategies.Draw:
        if small not in self._contents:
            self._contents[small] = super().contents(small=small).filter(lambda fields: not self._holds(fields))
        return self._contents[small]

    def pages(self, *, min_size: int = 0, max_size: int = 6, small: bool = False) -> strategies.Draw:
        pairs = st.tuples(self.identifiers, self.contents(small=small))
        unique = st.lists(
            pairs, min_size=min_size, max_size=max_size, unique_by=lambda pair: strategies.merge_key(pair[0])
        )
        return unique.map(lambda drawn: [self.document(*pair) for pair in drawn])

    def document(self, identifier: Any, fields: Mapping[str, Any]) -> bytes:
        kept = {
            name: _other(value, self._kind) if self._is(value) else value
            for name, value in fields.items()
            if name != id_field(self.data_type)
        }
        return super().document(identifier, kept)

    def change(self, number: int) -> dict[str, Any]:
        return {name: _other(value, self._kind) if self._is(value) else value for name, value in {"w": number}.items()}

    def _is(self, value: Any) -> bool:
        return kind_of_value(value, self.data_type) == self._kind

    def _holds(self, value: Any) -> bool:
        items = value.values() if isinstance(value, dict) else value
        return any(self._is(item) or (isinstance(item, dict | list) and self._holds(item)) for item in items)


def _other(value: Any, kind: str) -> Any:
    """A value of another kind than this one; another one for another value."""
    number = crc32(json.dumps(value, sort_keys=True, default=json_util.default).encode()) % 2**31
    return number if kind == "string" else str(number)


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
        case _:
            return schema


def _value_without(schema: ValueSchema, kind: str) -> ValueSchema | None:
    """A value's schema without a kind; None where it has no other."""
    left = _types_without(schema, kind)
    if left == schema.types:
        return schema
    return schema.of_types(*left) if left else None


def _types_without(schema: ValueSchema, kind: str) -> tuple[str, ...]:
    without = _NUMBERS if kind == _NUMBER else {kind}
    return tuple(name for name in schema.types if name not in without)


_NUMBER = "number"
_NUMBERS = {"int", "long", "double", "decimal"}
