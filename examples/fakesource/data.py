"""The documents: each follows from its numbers alone, so it is the same on every instance."""

from collections.abc import Mapping
from typing import Any

import bson
import orjson

from dsync_kit.protocol import DATA_TYPE_JSON_ID, DataType

__all__ = ["Documents", "document_id", "picked"]

_STRIDE = 2_654_435_761


def document_id(partition: int, number: int) -> str:
    """The id of a document: `0-000`, unique in its namespace."""
    return f"{partition}-{number:03}"


def picked(operation: int, count: int) -> int:
    """Which of `count` documents an operation changes: a walk that looks random, and returns to each."""
    return (operation * _STRIDE % 2**32) * count >> 32


class Documents:
    """Makes the documents of one namespace, encoded as one type."""

    def __init__(self, namespace: str, fields: Mapping[str, Any], data_type: DataType) -> None:
        self._fields = {"namespace": namespace, **fields}
        self._id = "id" if data_type == DATA_TYPE_JSON_ID else "_id"
        self._encode = orjson.dumps if data_type == DATA_TYPE_JSON_ID else bson.encode

    def document(self, partition: int, number: int) -> bytes:
        """A document as it is listed."""
        key = document_id(partition, number)
        return self._encode({self._id: key, **self._fields, "partition": partition, "number": number})

    def revised(self, partition: int, number: int, revision: int) -> bytes:
        """The same document after an update."""
        key = document_id(partition, number)
        place = {"partition": partition, "number": number, "revision": revision}
        return self._encode({self._id: key, **self._fields, **place})
