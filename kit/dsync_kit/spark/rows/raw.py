"""Documents as they are: a row has the namespace, the id as text, and the whole document as text or as BSON bytes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
from bson import json_util
from bson.json_util import DatetimeRepresentation, JSONMode, JSONOptions
from pyspark.sql.types import BinaryType, StringType, StructField, StructType
from pyspark.sql.types import DataType as SparkType

from dsync_kit.documents import CODEC_OPTIONS, decode
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.files.content.extended import to_extended
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType
from dsync_kit.spark.rows.ids import id_text

__all__ = ["FORMS", "RAW_COLUMNS", "RawRows", "Rows", "document_as", "document_form", "is_raw", "raw_schema"]

FORMS = ("json", "relaxed", "bson")
"""What the column `document` may hold: Extended JSON that is exact, Extended JSON for the eye, BSON bytes."""

RAW_COLUMNS = ("namespace", "id", "document")

_RELAXED = JSONOptions(
    json_mode=JSONMode.RELAXED,
    datetime_conversion=CODEC_OPTIONS.datetime_conversion,
    datetime_representation=DatetimeRepresentation.ISO8601,
    tz_aware=False,
)


class Rows(Protocol):
    """Turns the documents of a page into a batch of rows. Raises InvalidArgument for a document that has no place."""

    def batch(self, namespace: str, documents: Sequence[bytes]) -> Any: ...


def raw_schema(form: str) -> StructType:
    """The columns of documents as they are."""
    document: SparkType = BinaryType() if form == "bson" else StringType()
    types = {"namespace": StringType(), "id": StringType(), "document": document}
    return StructType([StructField(name, types[name]) for name in RAW_COLUMNS])


def is_raw(schema: StructType) -> bool:
    """Whether a schema asks for documents as they are: it has the column `document`, and no others than beside it."""
    return "document" in schema.names and set(schema.names) <= set(RAW_COLUMNS)


def document_form(schema: StructType, wanted: str | None) -> str:
    """The form in which a raw schema holds documents. Raises UsageError for a column of another type."""
    for field in schema.fields:
        text = isinstance(field.dataType, StringType)
        if not text and not (field.name == "document" and isinstance(field.dataType, BinaryType)):
            expected = "string, or binary for BSON" if field.name == "document" else "string"
            raise UsageError(f"the column {field.name!r} is {field.dataType.simpleString()}: expected {expected}")
    binary = isinstance(schema["document"].dataType, BinaryType)
    if wanted is not None and binary != (wanted == "bson"):
        raise UsageError(f"the option 'documents' is {wanted!r}, but the column 'document' is of another type")
    return "bson" if binary else wanted or "json"


def document_as(form: str, data_type: DataType) -> Callable[[bytes], str | bytes]:
    """How documents of a data type get their form. Raises UsageError where they cannot have it."""
    if form == "bson":
        if data_type != DATA_TYPE_MONGO_BSON:
            raise UsageError("the connector gives JSON documents: the option 'documents' can be 'json' only")
        return bytes
    if data_type == DATA_TYPE_JSON_ID:
        return _as_it_is
    return _relaxed if form == "relaxed" else _canonical


def _as_it_is(document: bytes) -> str:
    return document.decode()


def _relaxed(document: bytes) -> str:
    return json_util.dumps(decode(document, DATA_TYPE_MONGO_BSON), json_options=_RELAXED, ensure_ascii=False)


def _canonical(document: bytes) -> str:
    text = to_extended(document)
    if text is None:
        raise InvalidArgument(
            f"the document {id_text(document, DATA_TYPE_MONGO_BSON)} holds BSON that Extended JSON cannot express: "
            "read it with the option 'documents' as 'bson'"
        )
    return text.decode()


class RawRows:
    """Rows of documents as they are, in the columns of a schema for which `is_raw` holds."""

    def __init__(self, schema: StructType, form: str, data_type: DataType) -> None:
        self._type = data_type
        self._document = document_as(form, data_type)
        self._names = schema.names
        binary = pa.binary() if form == "bson" else pa.string()
        kinds: Mapping[str, Any] = {"namespace": pa.string(), "id": pa.string(), "document": binary}
        self._schema = pa.schema([pa.field(field.name, kinds[field.name], field.nullable) for field in schema.fields])

    def batch(self, namespace: str, documents: Sequence[bytes]) -> Any:
        """A batch of rows, one for each document."""
        columns: dict[str, Callable[[], list[Any]]] = {
            "namespace": lambda: [namespace] * len(documents),
            "id": lambda: [id_text(document, self._type) for document in documents],
            "document": lambda: list(map(self._document, documents)),
        }
        arrays = [pa.array(columns[field.name](), field.type) for field in self._schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
