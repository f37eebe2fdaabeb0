"""Typed columns as the fields of a document."""

import base64
import datetime
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from bson import Decimal128, Int64
from pyspark.sql import types as spark

from dsync_kit.documents import encode, id_field
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Fields"]

Into = Callable[[Any], Any]
_IDS = ("_id", "id")


class Fields:
    """Makes documents of rows. Raises UsageError for rows without an id, and for columns that no document can hold."""

    def __init__(self, schema: spark.StructType, data_type: DataType, *, ignore: Sequence[str], nulls: bool) -> None:
        own = id_field(data_type)
        self._id = next((name for name in (own, *_IDS) if name in schema.names), None)
        if self._id is None:
            raise UsageError(
                f"the rows have no id: expected a column {own!r} (or whole documents in a column 'document'), "
                f"given {', '.join(schema.names)}"
            )
        self._names = {name: own if name == self._id else name for name in schema.names if name not in ignore}
        self._into = {
            field.name: _into(field.dataType, field.name, data_type, nulls)
            for field in schema.fields
            if field.name in self._names
        }
        self._type = data_type
        self._nulls = nulls

    def document(self, row: Mapping[str, Any]) -> bytes:
        """A row as a document, the id first. Raises InvalidArgument for a row without an id."""
        if self._id is None or row[self._id] is None:
            raise InvalidArgument(f"the column {self._id!r}, the id, is null in a row")
        document = {self._names[self._id]: self._into[self._id](row[self._id])}
        for name, into in self._into.items():
            value = row[name]
            if value is not None:
                document[self._names[name]] = into(value)
            elif self._nulls:
                document[self._names[name]] = None
        return encode(document, self._type)


def _into(kind: spark.DataType, name: str, data_type: DataType, nulls: bool) -> Into:
    """How a value of a column, as Arrow gives it, gets into a document."""
    is_bson = data_type == DATA_TYPE_MONGO_BSON
    for types, into in (_BSON if is_bson else _JSON).items():
        if isinstance(kind, types):
            return into
    if isinstance(kind, spark.ArrayType):
        item = _into(kind.elementType, name, data_type, nulls)
        return lambda values: [None if value is None else item(value) for value in values]
    if isinstance(kind, spark.MapType) and isinstance(kind.keyType, spark.StringType):
        item = _into(kind.valueType, name, data_type, nulls)
        return lambda values: {key: None if value is None else item(value) for key, value in values}
    if isinstance(kind, spark.StructType):
        fields = {each.name: _into(each.dataType, f"{name}.{each.name}", data_type, nulls) for each in kind.fields}
        return lambda values: {
            key: None if values[key] is None else into(values[key])
            for key, into in fields.items()
            if nulls or values[key] is not None
        }
    raise UsageError(f"the column {name!r} is {kind.simpleString()}, which no document can hold: cast it")


def _same(value: Any) -> Any:
    return value


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)


def _midnight(value: datetime.date) -> datetime.datetime:
    return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC)


def _iso(value: datetime.datetime) -> str:
    return _in_utc(value).astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def _digits(value: Decimal) -> orjson.Fragment:
    return orjson.Fragment(format(value, "f"))


_SHARED: dict[type[spark.DataType], Into] = {
    spark.StringType: _same,
    spark.BooleanType: _same,
    spark.ByteType: _same,
    spark.ShortType: _same,
    spark.IntegerType: _same,
    spark.FloatType: _same,
    spark.DoubleType: _same,
    spark.NullType: _same,
}
_BSON: dict[type[spark.DataType], Into] = {
    **_SHARED,
    spark.LongType: Int64,
    spark.DecimalType: Decimal128,
    spark.BinaryType: _same,
    spark.TimestampType: _in_utc,
    spark.TimestampNTZType: _in_utc,
    spark.DateType: _midnight,
}
_JSON: dict[type[spark.DataType], Into] = {
    **_SHARED,
    spark.LongType: _same,
    spark.DecimalType: _digits,
    spark.BinaryType: lambda value: base64.b64encode(value).decode(),
    spark.TimestampType: _iso,
    spark.TimestampNTZType: _iso,
    spark.DateType: datetime.date.isoformat,
}
