"""Finds out which optional values a store refuses, although it accepts documents with any fields."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any

from bson import DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.conformance.results.features import Feature, FeatureKind, Features, name_features
from dsync_kit.conformance.subject.data import REFUSING_CODES
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType
from dsync_kit.protocol.names import type_name

__all__ = ["try_values"]

_IN_BOTH: dict[Feature, list[Any]] = {
    Feature(FeatureKind.VALUES, "null"): [None],
    Feature(FeatureKind.VALUES, "bool"): [True],
    Feature(FeatureKind.VALUES, "object"): [{"a": "text"}],
    Feature(FeatureKind.VALUES, "array"): [["text"]],
    Feature(FeatureKind.EXTREME_NUMBERS): [1e300, 1e-300],
}
_IN_BSON: dict[Feature, list[Any]] = {
    **_IN_BOTH,
    Feature(FeatureKind.VALUES, "int"): [5],
    Feature(FeatureKind.VALUES, "long"): [Int64(5)],
    Feature(FeatureKind.VALUES, "double"): [1.5],
    Feature(FeatureKind.NOT_FINITE): [float("nan")],
    Feature(FeatureKind.VALUES, "decimal"): [Decimal128("1.5")],
    Feature(FeatureKind.VALUES, "date"): [DatetimeMS(0)],
    Feature(FeatureKind.VALUES, "objectId"): [ObjectId("0" * 24)],
    Feature(FeatureKind.VALUES, "binData"): [b"bytes"],
}
_IN_JSON: dict[Feature, list[Any]] = {
    **_IN_BOTH,
    Feature(FeatureKind.VALUES, "number"): [5],
    Feature(FeatureKind.FRACTIONS): [1.5, 5.0],
    Feature(FeatureKind.LONG_INTEGERS): [2**63 - 1],
}
_LEVELS = 40


def _nested(levels: int) -> Any:
    return {"d": _nested(levels - 1)} if levels else "bottom"


_DEEP: dict[Feature, list[Any]] = {Feature(FeatureKind.DEEP): [_nested(_LEVELS)]}


def try_values(access: Access, samples: Samples, known: Known) -> Known:
    """Write documents with values that a store may refuse: those that it does are not drawn."""
    taken = Taken.union(known.taken.values())
    for data_type in access.declared.written_types:
        identifiers = [value for kind in known.id_kinds[data_type] for value in taken.free_ids(kind)]
        for deep in (False, True) if identifiers else ():
            with suppress(ConnectorError):  # a fault that the rules will meet again
                known = _try_values_of(data_type, access, samples, known, identifiers[0], deep=deep)
    return known


def _try_values_of(
    data_type: DataType, access: Access, samples: Samples, known: Known, identifier: Any, *, deep: bool
) -> Known:
    """Find out what it refuses in one type. Raises ConnectorError for anything but a refusal of the value."""

    def takes(document: bytes) -> bool:
        try:
            samples.write(known.namespace(access.namespaces), data_type, document)
        except ConnectorError as error:
            if error.code not in REFUSING_CODES:
                raise
            return False
        return True

    refused = _refused_values(takes, identifier, data_type, deep=deep)
    if not refused:
        return known
    noted = known.noting(f"{type_name(data_type)}: it refuses {name_features(refused)}")
    return replace(noted, refuses=tuple(dict.fromkeys((*known.refuses, *refused))))


def _refused_values(takes: Callable[[bytes], bool], identifier: Any, data_type: DataType, *, deep: bool) -> Features:
    """The kinds of values that a store of documents of one type refuses; `takes` writes a document.

    If all are accepted, a single document is written. With `deep`, nesting alone is tried.
    """
    tried = _DEEP if deep else _IN_BSON if data_type == DATA_TYPE_MONGO_BSON else _IN_JSON

    def taken(values: list[Any]) -> bool:
        return takes(make_document(identifier, {f"v{number}": value for number, value in enumerate(values)}, data_type))

    if taken(list(chain.from_iterable(tried.values()))) or not taken(["text"]):
        return ()  # or it refuses everything: the rules meet it again
    return tuple(feature for feature, values in tried.items() if not taken(values))
