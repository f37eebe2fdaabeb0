"""Updates as rows: which document, and what it then is; on request also what was done, and in which order."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import types as spark

from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
)
from dsync_kit.spark.rows.ids import id_text, text_of_id
from dsync_kit.spark.rows.raw import RAW_COLUMNS, document_as, document_form, raw_schema

__all__ = ["OPERATIONS", "UpdateRows", "update_schema"]

OPERATIONS = {
    "insert": UPDATE_TYPE_INSERT,
    "update": UPDATE_TYPE_UPDATE,
    "delete": UPDATE_TYPE_DELETE,
    "partial_update": UPDATE_TYPE_PARTIAL_UPDATE,
}
_NAMES = {kind: name for name, kind in OPERATIONS.items()}

_ON_REQUEST = (
    spark.StructField("operation", spark.StringType()),
    spark.StructField("unset", spark.ArrayType(spark.StringType())),
    spark.StructField("position", spark.LongType()),
)


def update_schema(form: str) -> spark.StructType:
    """The columns of a stream with what was done, the fields that a partial update removes, and the order."""
    return spark.StructType([*raw_schema(form).fields, *_ON_REQUEST])


class UpdateRows:
    """Rows of updates, and of copied documents, in any of the columns of `update_schema`.

    A document that was deleted is null. Raises UsageError for other columns.
    """

    def __init__(self, schema: spark.StructType, documents: str | None, data_type: DataType) -> None:
        known = {field.name: field.dataType for field in update_schema("json").fields}
        for field in schema.fields:
            if field.name not in known:
                raise UsageError(
                    f"a stream has no column {field.name!r}: its columns are {', '.join(known)} (for typed columns, "
                    "use from_json on the column 'document')"
                )
            if field.name not in RAW_COLUMNS and field.dataType != known[field.name]:
                expected = known[field.name].simpleString()
                raise UsageError(f"the column {field.name!r} is {field.dataType.simpleString()}: expected {expected}")
        if "document" not in schema.names:
            raise UsageError(
                "the column 'document' is missing: without it, a delete cannot be distinguished from an upsert"
            )
        raw = spark.StructType([field for field in schema.fields if field.name in RAW_COLUMNS])
        form = document_form(raw, documents)
        arrow: dict[str, Any] = {
            "document": pa.binary() if form == "bson" else pa.string(),
            "unset": pa.list_(pa.field("element", pa.string())),
            "position": pa.int64(),
        }
        self._schema = pa.schema(
            [pa.field(each.name, arrow.get(each.name, pa.string()), each.nullable) for each in schema.fields]
        )
        self._whole = "operation" in schema.names
        self._document = document_as(form, data_type)
        self._type = data_type

    def batch(self, namespace: str, documents: Sequence[bytes]) -> Any:
        """Copied documents, as inserts at the position 0: before all updates."""
        rows: list[tuple[Any, ...]] = [
            ("insert", namespace, id_text(each, self._type), self._document(each), [], 0) for each in documents
        ]
        return self.of(rows)

    def rows(self, namespace: str, updates: Sequence[Update], position: int) -> list[tuple[Any, ...]]:
        """Updates that stand beside each other, the first one at `position`, for `of`.

        Raises InvalidArgument for a partial update where no column can say that it is one.
        """
        return [self._row(namespace, update, position + number) for number, update in enumerate(updates)]

    def of(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """A batch of rows."""
        arrays = [pa.array(list(map(_COLUMN[field.name], rows)), field.type) for field in self._schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _row(self, namespace: str, update: Update, position: int) -> tuple[Any, ...]:
        identifier = text_of_id(update.id, self._type)
        name = _NAMES.get(update.type)
        if name is None or (update.type == UPDATE_TYPE_PARTIAL_UPDATE and not self._whole):
            raise InvalidArgument(
                f"the source sends an update of the type {name or update.type} for {identifier[:100]}: read the stream "
                "with the option 'operations' as true, which says what each row is"
            )
        document = None if update.type == UPDATE_TYPE_DELETE else self._document(update.data)
        return name, namespace, identifier, document, list(update.partial_update_unset), position


_COLUMN: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "operation": lambda row: row[0],
    "namespace": lambda row: row[1],
    "id": lambda row: row[2],
    "document": lambda row: row[3],
    "unset": lambda row: row[4],
    "position": lambda row: row[5],
}
