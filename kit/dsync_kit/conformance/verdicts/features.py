"""Finds the features that an example's requests show. Requests with features that it must not show are refused before
they are sent."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message

from dsync_kit.conformance.calls.writes import Write, writes_in
from dsync_kit.conformance.documents.apart import MOST_LEVELS, features_of_number
from dsync_kit.conformance.documents.misfits import Misfit
from dsync_kit.conformance.documents.schema.fitting import kind_of_value
from dsync_kit.conformance.results.features import Feature, FeatureKind, Features, name_features
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.documents import decode, decode_id, id_field
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    DataType,
    GetByIdsRequest,
    ListDataRequest,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["Shown"]

_ORDER = list(FeatureKind)

_FEW_KINDS = 2
"""The smallest example of a bug with one kind of value shows at most so many kinds, besides arrays and documents."""

_CONTAINERS = frozenset({"array", "object"})
"""The kinds of values that hold values of other kinds, and so rarely come alone."""

_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"true", "false", "null", "nan", "infinity", "inf", "yes", "no", "none"})
"""Texts that may be taken for other values."""


def _is_plain(text: str) -> bool:
    """Whether a text consists of ASCII letters, digits, `_` and `-`, and does not look like a value of another type."""
    return _PLAIN_TEXT.fullmatch(text) is not None and text.lower() not in _WORDS


def _malformation(data: bytes, data_type: DataType) -> str:
    """What is wrong with bytes that are not a document."""
    if data_type != DATA_TYPE_JSON_ID:
        return "not BSON"
    try:
        json.loads(data)
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError:
        return "not JSON"
    return "JSON that is not an object"


class Shown:
    """The features of one example's requests so far. `ordinary` says whether a namespace's name is an ordinary one."""

    def __init__(self, ordinary: Callable[[str], bool]) -> None:
        self._ordinary = ordinary
        self._ids: dict[str, set[str]] = {}
        self._keys: dict[str, set[bytes]] = {}
        self._fields: dict[str, set[frozenset[str]]] = {}
        self._values: set[str] = set()
        self._seen: set[Feature] = set()

    @property
    def written(self) -> frozenset[bytes]:
        """The keys of all ids that were written with data, in any namespace."""
        return frozenset().union(*self._keys.values())

    def features(self) -> tuple[Feature, ...]:
        """The features, the most specific first."""
        found = set(self._seen)
        kinds = set().union(*self._ids.values())
        if self.has(Feature(FeatureKind.MIXED_FIELDS)):
            found.add(Feature(FeatureKind.MIXED_FIELDS))
        if self.has(Feature(FeatureKind.MIXED_IDS)):
            found.add(Feature(FeatureKind.MIXED_IDS))
        elif len(kinds) == 1:
            found |= {Feature(FeatureKind.IDS, kind) for kind in kinds}
        if len(self._values - _CONTAINERS) <= _FEW_KINDS:
            found |= {Feature(FeatureKind.VALUES, kind) for kind in self._values}
        return tuple(sorted(found, key=lambda feature: (_ORDER.index(feature.kind), feature.detail)))

    def has(self, feature: Feature) -> bool:
        """Whether a feature was shown."""
        match feature.kind:
            case FeatureKind.MIXED_IDS:
                return any(len(kinds) > 1 for kinds in self._ids.values())
            case FeatureKind.MIXED_FIELDS:
                return any(len(of_one) > 1 for of_one in self._fields.values())
            case FeatureKind.IDS:
                return any(feature.detail in kinds for kinds in self._ids.values())
            case FeatureKind.VALUES:
                return feature.detail in self._values
            case _:
                return feature in self._seen

    def drawn(self, value: object) -> None:
        """Note a drawn value."""
        if isinstance(value, list):
            self._seen |= {Feature(FeatureKind.MISFIT, item.kind) for item in value if isinstance(item, Misfit)}

    def request(self, message: Message) -> None:
        """Note a request that is sent."""
        match message:
            case WriteDataRequest() | WriteUpdatesRequest():
                self._written(message.namespace, list(writes_in(message)))
            case GetByIdsRequest():
                self._filled(bool(message.ids))
            case ListDataRequest() if message.cursor:
                self._seen.add(Feature(FeatureKind.SEVERAL_PAGES))

    def refuse(self, features: Features, message: Message) -> None:
        """Note a request that will be sent. Raises Inapplicable if it shows one of the features."""
        self.request(message)
        shown = [feature for feature in features if self.has(feature)]
        if shown:
            raise Inapplicable(f"it is judged apart from {name_features(shown)}")

    def _filled(self, filled: bool) -> None:
        if not filled:
            self._seen.add(Feature(FeatureKind.EMPTY_CALL))

    def _written(self, namespace: str, writes: Sequence[Write]) -> None:
        self._filled(bool(writes))
        if any(write.document is not None for write in writes) and not self._ordinary(namespace):
            self._seen.add(Feature(FeatureKind.ODD_NAMESPACE))
        self._of_keys(namespace, writes)
        for write in writes:
            if write.document is not None:
                partial = write.update is not None and write.update.type == UPDATE_TYPE_PARTIAL_UPDATE
                self._document(namespace, write.document, write.data_type, whole=not partial)
            if write.update is not None:
                if write.update.type == UPDATE_TYPE_DELETE:
                    self._seen.add(Feature(FeatureKind.DELETES))
                for part in write.update.id if len(write.update.id) == 1 else ():
                    self._identified(namespace, part, write.data_type)

    def _of_keys(self, namespace: str, writes: Sequence[Write]) -> None:
        """Note which ids are written, and whether they were written before, by this call or another one."""
        known = self._keys.setdefault(namespace, set())
        keys = [(key, write.document is not None) for write in writes if (key := write.key) is not None]
        if len(dict(keys)) < len(keys):
            self._seen.add(Feature(FeatureKind.IN_ONE_CALL))
        for key, stays in keys:
            if stays and key in known:
                self._seen.add(Feature(FeatureKind.WRITTEN_AGAIN))
            if stays:
                known.add(key)

    def _document(self, namespace: str, document: bytes, data_type: DataType, *, whole: bool) -> None:
        try:
            fields = decode(document, data_type)
        except ConnectorError:
            self._seen.add(Feature(FeatureKind.MALFORMED, _malformation(document, data_type)))
            return
        identifier = fields.pop(id_field(data_type), None)
        if identifier is None and whole:
            self._seen.add(Feature(FeatureKind.MALFORMED, "without an id"))
        if identifier is not None:
            self._of_id(namespace, identifier, data_type)
        self._fields.setdefault(namespace, set()).add(frozenset(fields))
        self._of_values(fields, data_type)

    def _identified(self, namespace: str, part: Any, data_type: DataType) -> None:
        try:
            value = decode_id(part)
        except ConnectorError:
            return  # intentionally malformed
        self._of_id(namespace, value, data_type)

    def _of_id(self, namespace: str, value: Any, data_type: DataType) -> None:
        self._ids.setdefault(namespace, set()).add(kind_of_value(value, data_type))
        if isinstance(value, str) and not _is_plain(value):
            self._seen.add(Feature(FeatureKind.ODD_IDS))

    def _of_values(self, value: Any, data_type: DataType, level: int = 1) -> None:
        if level > MOST_LEVELS:
            self._seen.add(Feature(FeatureKind.DEEP))
        if isinstance(value, dict) and not all(map(_PLAIN_NAME.fullmatch, value)):
            self._seen.add(Feature(FeatureKind.ODD_NAMES))
        for item in value.values() if isinstance(value, dict) else value:
            self._values.add(kind_of_value(item, data_type))
            if isinstance(item, str) and not _is_plain(item):
                self._seen.add(Feature(FeatureKind.ODD_TEXTS))
            self._seen.update(map(Feature, features_of_number(item, data_type)))
            if isinstance(item, dict | list):
                self._of_values(item, data_type, level + 1)
