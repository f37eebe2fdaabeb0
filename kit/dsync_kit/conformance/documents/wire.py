"""Puts requests into the form that an example drew: the same documents and namespaces, written differently."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from google.protobuf.message import Message

from dsync_kit.conformance.documents.dimensions import (
    FIELD_ORDER,
    ID_PLACE,
    JSON_ESCAPES,
    JSON_NUMBERS,
    JSON_SPACING,
    NAMESPACE_ORDER,
    Dimension,
)
from dsync_kit.conformance.documents.spelling import Spelling, read
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.documents import elements, id_field
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    DataType,
    GeneratePlanRequest,
    StreamLSNRequest,
    StreamUpdatesRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["Form", "Wire", "dimensions_of"]

_ORDER: tuple[Dimension[Any], ...] = (ID_PLACE, FIELD_ORDER)
_SPELLING: tuple[Dimension[Any], ...] = (JSON_SPACING, JSON_ESCAPES, JSON_NUMBERS)

_INT32 = struct.Struct("<i")


def dimensions_of(data_type: DataType) -> Mapping[Dimension[Any], FeatureKind]:
    """The dimensions of a document of a type, each with the feature that it shows."""
    order = dict.fromkeys(_ORDER, FeatureKind.FIELD_ORDER)
    if data_type == DATA_TYPE_MONGO_BSON:
        return order
    return order | dict.fromkeys(_SPELLING, FeatureKind.JSON_SPELLING)


@dataclass(frozen=True)
class Form:
    """The form of documents of one type: the values' names of some dimensions; all others are the plainest."""

    data_type: DataType
    values: Mapping[Dimension[Any], str] = field(default_factory=dict)

    @property
    def unusual(self) -> dict[Dimension[Any], str]:
        """The values that are not the plainest."""
        return {dimension: name for dimension, name in self.values.items() if name != dimension.plain}

    @cached_property
    def features(self) -> frozenset[FeatureKind]:
        """The features that an example shows by it."""
        kinds = dimensions_of(self.data_type)
        return frozenset(kinds[dimension] for dimension in self.unusual)

    def put(self, document: bytes) -> bytes:
        """The same document in this form; a malformed one, or one with a field twice, is not changed."""
        if not document or not self.features:
            return document
        try:
            put = self._bson(document) if self.data_type == DATA_TYPE_MONGO_BSON else self._json(document)
        except (struct.error, IndexError, ValueError, RecursionError):
            return document
        return put

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(*(self._value(dimension) for dimension in _SPELLING))

    def _value(self, dimension: Dimension[Any]) -> Any:
        return dimension.values[self.values.get(dimension, dimension.plain)]

    def _bson(self, document: bytes) -> bytes:
        found, before = [], 4
        for _, name, _, end in elements(document):
            found.append((name, document[before:end]))
            before = end
        if len(dict(found)) < len(found):
            return document
        body = b"".join(element for _, element in self._ordered(found, b"_id", document))
        return _INT32.pack(len(body) + 5) + body + b"\0"

    def _json(self, document: bytes) -> bytes:
        fields = dict(self._ordered(list(read(document).items()), id_field(self.data_type), document))
        return self._spelling.document(fields)

    def _ordered(self, fields: list[tuple[Any, Any]], name: Any, document: bytes) -> list[tuple[Any, Any]]:
        others = self._value(FIELD_ORDER)([field for field in fields if field[0] != name], document)
        place = self._value(ID_PLACE)(len(others))
        return [*others[:place], *(field for field in fields if field[0] == name), *others[place:]]


@dataclass
class Wire:
    """The forms of one example: of its documents, by type, and of the namespaces that it names."""

    forms: dict[DataType, Form] = field(default_factory=dict)
    namespaces: str = NAMESPACE_ORDER.plain

    @property
    def features(self) -> frozenset[FeatureKind]:
        """The features that the example shows by them."""
        return frozenset[FeatureKind]().union(*(form.features for form in self.forms.values()))

    def put(self, message: Message) -> Message:
        """A request in these forms; the request itself if they are the plainest."""
        match message:
            case WriteDataRequest() if (form := self._form(message.type)) is not None:
                documents = [form.put(document) for document in message.data]
                return WriteDataRequest(namespace=message.namespace, data=documents, type=message.type)
            case WriteUpdatesRequest() if (form := self._form(message.type)) is not None:
                updates = [_with_data(update, form.put(update.data)) for update in message.updates]
                return WriteUpdatesRequest(namespace=message.namespace, updates=updates, type=message.type)
            case GeneratePlanRequest() if self._reorders(message):
                return _with_namespaces(message, self.namespaces, b"")
            case StreamUpdatesRequest() | StreamLSNRequest() if self._reorders(message):
                return _with_namespaces(message, self.namespaces, message.cursor)
        return message

    def _form(self, data_type: DataType) -> Form | None:
        form = self.forms.get(data_type)
        return form if form is not None and form.features else None

    def _reorders(self, message: GeneratePlanRequest | StreamUpdatesRequest | StreamLSNRequest) -> bool:
        return len(message.namespaces) > 1 and self.namespaces != NAMESPACE_ORDER.plain


def _with_data(update: Update, data: bytes) -> Update:
    return Update(id=update.id, type=update.type, data=data, partial_update_unset=update.partial_update_unset)


def _with_namespaces(message: Any, order: str, cursor: bytes) -> Message:
    put = type(message)()
    put.CopyFrom(message)
    put.namespaces[:] = NAMESPACE_ORDER.values[order](list(message.namespaces), cursor)
    found: Message = put
    return found
