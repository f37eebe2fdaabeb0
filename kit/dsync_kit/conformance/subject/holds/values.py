"""Which optional values a store refuses, although it accepts documents with any fields."""

from collections.abc import Callable
from typing import Any

from bson import Decimal128

from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.conformance.results.features import Feature, FeatureKind, Features
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["refused_values"]

_NULL = {Feature(FeatureKind.VALUES, "null"): None}
_MAY_BE_REFUSED: dict[Feature, Any] = {
    **_NULL,
    Feature(FeatureKind.NOT_FINITE): float("nan"),
    Feature(FeatureKind.VALUES, "decimal"): Decimal128("1.5"),
}


def refused_values(takes: Callable[[bytes], bool], identifier: Any, data_type: DataType) -> Features:
    """The kinds of values that a store of documents of one type refuses; `takes` writes a document.

    If all are accepted, a single document is written.
    """
    tried = _MAY_BE_REFUSED if data_type == DATA_TYPE_MONGO_BSON else _NULL

    def taken(values: list[Any]) -> bool:
        return takes(make_document(identifier, {f"v{number}": value for number, value in enumerate(values)}, data_type))

    if taken(list(tried.values())) or not taken(["text"]):
        return ()  # or it refuses everything: the rules meet it again
    return tuple(feature for feature, value in tried.items() if not taken([value]))
