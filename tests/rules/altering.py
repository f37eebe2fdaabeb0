"""A connector that takes documents apart and rebuilds them: the base of the faults of the area `encoding`."""

import json
from collections.abc import Iterable
from typing import Any

from dsync_kit.documents import decode, encode, id_field
from dsync_kit.incoming import check_document
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    DataType,
    Update,
    WriteDataRequest,
)

from .fault import REFERENCE, STORE

__all__ = ["Altering", "fill", "read_document", "write_document"]


class Altering(REFERENCE.ReferenceConnector):
    """Changes documents of `types` before it stores them; unmodified, it changes nothing."""

    types: tuple[DataType, ...] = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(namespace, data_type, [self.altered(change, data_type) for change in changes])

    def altered(self, change: Any, data_type: DataType) -> Any:
        if change.update.type == UPDATE_TYPE_DELETE or data_type not in self.types:
            return change
        field = id_field(data_type)
        document = read_document(change.update.data, data_type)
        identifier = document.pop(field)
        data = write_document({field: identifier, **self.document(document)}, data_type)
        return STORE.Change(change.position, Update(id=change.update.id, type=change.update.type, data=data))

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document to store, without its id."""
        return {name: self.deep(value) for name, value in document.items()}

    def deep(self, value: Any) -> Any:
        """A value to store, with its contents."""
        if isinstance(value, dict):
            return dict(self.items(value.items()))
        if isinstance(value, list):
            return [self.deep(item) for item in value]
        return self.value(value)

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        """The fields of a nested document to store."""
        return [(name, self.deep(value)) for name, value in items]

    def value(self, value: Any) -> Any:
        """A scalar to store."""
        return value


def read_document(data: bytes, data_type: DataType) -> dict[str, Any]:
    """A document as a dict, with JSON numbers of any size. Raises InvalidArgument if it is malformed, or has no id."""
    if data_type == DATA_TYPE_JSON_ID:
        check_document(data, data_type)
        return json.loads(data)
    return decode(data, data_type)


def write_document(document: dict[str, Any], data_type: DataType) -> bytes:
    """The reverse of `read_document`."""
    if data_type == DATA_TYPE_JSON_ID:
        return json.dumps(document, ensure_ascii=False).encode()
    return encode(document, data_type)


def fill(connector: Any, namespace: str, count: int) -> None:
    """Put `count` small documents of each type into a namespace, bypassing what the connector refuses."""
    for data_type in (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID):
        documents = [write_document({id_field(data_type): f"own-{n}", "n": n}, data_type) for n in range(count)]
        request = WriteDataRequest(namespace=namespace, type=data_type, data=documents)
        REFERENCE.ReferenceConnector.write_data(connector, request)
