"""Rows as documents: a column `document` as it is, or typed columns as fields.

Text with `_id` is a BSON document in Extended JSON, text with `id` a JSON document, and binary is BSON. What the sink
doesn't take is converted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import bson
from pyspark.sql.types import BinaryType, StringType, StructType

from dsync_kit.conversion import convert
from dsync_kit.documents import CODEC_OPTIONS, id_of
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.files.content.extended import from_extended, parse_extended
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, BsonValue, DataType
from dsync_kit.spark.rows.fields import Fields
from dsync_kit.spark.rows.ids import id_parts
from dsync_kit.spark.rows.typed import NAMESPACE

__all__ = ["Document", "Identifier", "Outgoing", "documents_of"]


class Document(NamedTuple):
    """A document, or the changed fields of one, and its data type."""

    data: bytes
    type: DataType


class Identifier(NamedTuple):
    """The id of a document, and the document's data type."""

    parts: list[BsonValue]
    type: DataType


class Outgoing(Protocol):
    """What a row, by its columns, says of a document. All methods raise InvalidArgument for a row that can't say it."""

    def namespace(self, row: Mapping[str, Any]) -> str:
        """Where the row goes."""

    def document(self, row: Mapping[str, Any]) -> Document | None:
        """The document, None if the row says that there is none."""

    def identifier(self, row: Mapping[str, Any]) -> Identifier:
        """The id alone, of a document that is deleted."""

    def changes(self, row: Mapping[str, Any]) -> tuple[Identifier, bytes]:
        """The id, and the fields that a partial update changes."""


def documents_of(
    schema: StructType, types: Sequence[DataType], *, namespace: str | None, ignore: Sequence[str], nulls: bool
) -> Outgoing:
    """How rows of a schema become documents of one of these types, the first where there is a choice.

    All go to `namespace`; with None, each to the one in its column. Columns to `ignore` are no fields. Fields that are
    null are left out unless `nulls`. Raises UsageError for columns that make no documents.
    """
    raw = "document" in schema.names
    column = "namespace" if raw else NAMESPACE
    if namespace is None and column not in schema.names:
        raise UsageError(
            f"where do the rows go? Name the namespace with the option 'namespace', or give them a column {column!r}"
        )
    if raw:
        return _Whole(schema, types, namespace)
    return _Typed(Fields(schema, types[0], ignore=[*ignore, column], nulls=nulls), types[0], namespace)


class _Placed:
    """Rows of a namespace that is fixed, or of the one in their column."""

    column = "namespace"

    def __init__(self, namespace: str | None) -> None:
        self._namespace = namespace

    def namespace(self, row: Mapping[str, Any]) -> str:
        name = self._namespace or row[self.column]
        if not name:
            raise InvalidArgument(f"the column {self.column!r} is null or empty in a row")
        return str(name)


class _Whole(_Placed):
    """Documents from a column `document`."""

    def __init__(self, schema: StructType, types: Sequence[DataType], namespace: str | None) -> None:
        super().__init__(namespace)
        kind = schema["document"].dataType
        if not isinstance(kind, StringType | BinaryType):
            raise UsageError(
                f"the column 'document' is {kind.simpleString()}: expected string with JSON, or binary with BSON"
            )
        self._types = types

    def document(self, row: Mapping[str, Any]) -> Document | None:
        if (value := row["document"]) is None:
            return None
        data, kind = (value, DATA_TYPE_MONGO_BSON) if isinstance(value, bytes) else _of_text(value)
        if kind in self._types:
            return Document(data, kind)
        return Document(convert(data, kind, self._types[0]), self._types[0])

    def identifier(self, row: Mapping[str, Any]) -> Identifier:
        if (text := row.get("id")) is None:
            raise InvalidArgument("a row without a document has no id either")
        # A plain integer is of a JSON document, and has 64 bits; a BSON document's says of which type it is.
        if text.lstrip("-").isdigit():
            preferred = DATA_TYPE_JSON_ID
        else:
            preferred = DATA_TYPE_MONGO_BSON if text.startswith(("{", "[")) else self._types[0]
        kind = preferred if preferred in self._types else self._types[0]
        return Identifier(id_parts(text, kind), kind)

    def changes(self, row: Mapping[str, Any]) -> tuple[Identifier, bytes]:
        identifier, value = self.identifier(row), row["document"]
        if isinstance(value, str):
            data = value.encode()
            return identifier, data if identifier.type == DATA_TYPE_JSON_ID else from_extended(data)
        if value is None or identifier.type != DATA_TYPE_MONGO_BSON:
            raise InvalidArgument("the changed fields of a partial update are missing, or not of the sink's type")
        return identifier, value


class _Typed(_Placed):
    """Documents from typed columns."""

    column = NAMESPACE

    def __init__(self, fields: Fields, data_type: DataType, namespace: str | None) -> None:
        super().__init__(namespace)
        self._fields = fields
        self._type = data_type

    def document(self, row: Mapping[str, Any]) -> Document:
        return Document(self._fields.document(row), self._type)

    def identifier(self, row: Mapping[str, Any]) -> Identifier:
        return Identifier(id_of(self._fields.document(row), self._type), self._type)

    def changes(self, row: Mapping[str, Any]) -> tuple[Identifier, bytes]:
        raise InvalidArgument("a row of typed columns cannot be a partial update: give whole rows, or documents")


def _of_text(text: str) -> tuple[bytes, DataType]:
    data = text.encode()
    document = parse_extended(data)
    if "_id" in document:
        return bson.encode(document, codec_options=CODEC_OPTIONS), DATA_TYPE_MONGO_BSON
    if "id" in document:
        return data, DATA_TYPE_JSON_ID
    raise InvalidArgument("a document has neither '_id' nor 'id'")
