"""Documents as typed columns: each column of the schema is a field of the documents, by name.

A field that a document lacks is null. A value that does not fit its column is an error, or null in the mode PERMISSIVE.
The column `_namespace` holds the namespace.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
from bson import Decimal128, ObjectId, json_util
from bson.datetime_ms import DatetimeMS
from pyspark.sql import types as spark
from pyspark.sql.pandas.types import to_arrow_schema

from dsync_kit.documents import decode
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.protocol import DataType
from dsync_kit.spark.rows.ids import id_text

__all__ = ["NAMESPACE", "TypedRows"]

NAMESPACE = "_namespace"
"""The column of a typed schema that holds the namespace."""

_RANGES: dict[type[spark.DataType], int] = {
    spark.ByteType: 8,
    spark.ShortType: 16,
    spark.IntegerType: 32,
    spark.LongType: 64,
}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Converter = Callable[[Any], Any]


class _Misfit(Exception):
    """A value that has no place in its column."""


class TypedRows:
    """Rows of typed columns. Raises UsageError for a column of a type that documents cannot fill."""

    def __init__(self, schema: spark.StructType, data_type: DataType, *, permissive: bool = False) -> None:
        self._type = data_type
        self._permissive = permissive
        self._columns = {
            field.name: converter_for(field.dataType, field.name) for field in schema.fields if field.name != NAMESPACE
        }
        self._schema = _arrow_schema(schema)

    def batch(self, namespace: str, documents: Sequence[bytes]) -> Any:
        """A batch of rows, one for each document."""
        decoded = [decode(document, self._type) for document in documents]
        arrays = []
        for field in self._schema:
            if field.name == NAMESPACE:
                values: list[Any] = [namespace] * len(documents)
            else:
                values = self._values(field.name, decoded, documents)
            if not field.nullable and None in values:
                at = documents[values.index(None)]
                raise InvalidArgument(f"{_place(at, self._type)} has no {field.name!r}, but its column is NOT NULL")
            arrays.append(pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _values(self, name: str, decoded: Sequence[Mapping[str, Any]], documents: Sequence[bytes]) -> list[Any]:
        convert = self._columns[name]
        values: list[Any] = []
        for number, document in enumerate(decoded):
            value = document.get(name)
            try:
                values.append(None if value is None else convert(value))
            except _Misfit as misfit:
                if not self._permissive:
                    raise InvalidArgument(
                        f"{_place(documents[number], self._type)}: the field {name!r} {misfit}: give the column "
                        "another type (string takes anything), or read null instead with the mode PERMISSIVE"
                    ) from None
                values.append(None)
        return values


def converter_for(kind: spark.DataType, name: str) -> Converter:
    """How a value gets into a column of this type. Raises UsageError for a type that no value of a document has."""
    for types, convert in _CONVERTERS.items():
        if isinstance(kind, types):
            return convert
    if (bits := _RANGES.get(type(kind))) is not None:
        return _integer(bits)
    if isinstance(kind, spark.DecimalType):
        return _decimal(kind)
    if isinstance(kind, spark.ArrayType):
        return _array(kind, name)
    if isinstance(kind, spark.StructType):
        return _struct(kind, name)
    if isinstance(kind, spark.MapType) and isinstance(kind.keyType, spark.StringType):
        return _map(kind, name)
    raise UsageError(f"the column {name!r} is {kind.simpleString()}, which no field of a document can fill")


def _arrow_schema(schema: spark.StructType) -> Any:
    try:
        return to_arrow_schema(schema, timezone="UTC")
    except TypeError:  # before Spark 4.2 it knows UTC only
        return to_arrow_schema(schema)


def _place(document: bytes, data_type: DataType) -> str:
    return f"the document {id_text(document, data_type)[:100]}"


def _misfit(value: Any, expected: str) -> _Misfit:
    return _Misfit(f"holds {type(value).__name__}, which is not {expected}")


def _nullable(convert: Converter) -> Converter:
    return lambda value: None if value is None else convert(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, Decimal128):
        return str(value.to_decimal())
    # Extended JSON in its relaxed form: a number, true, an array, {"$date": …}
    return json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _misfit(value, "a boolean")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit(value, "a number")
    return float(value)


def _binary(value: Any) -> bytes:
    if isinstance(value, ObjectId):
        return value.binary
    if not isinstance(value, bytes):
        raise _misfit(value, "binary")
    return bytes(value)


def _date_time(value: Any) -> datetime.datetime:
    """A date of BSON, or a text in ISO 8601, whose dates without a zone are in UTC."""
    if isinstance(value, Mapping) and set(value) == {"$date"}:
        return _date_time(value["$date"])
    try:
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value)
        elif isinstance(value, DatetimeMS):
            value = _EPOCH + datetime.timedelta(milliseconds=int(value))
    except (ValueError, OverflowError):
        raise _Misfit("holds a date that is not one of the years 1 to 9999 in ISO 8601") from None
    if not isinstance(value, datetime.datetime):
        raise _misfit(value, "a date")
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)


def _local_time(value: Any) -> datetime.datetime:
    return _date_time(value).astimezone(datetime.UTC).replace(tzinfo=None)


def _day(value: Any) -> datetime.date:
    return _date_time(value).astimezone(datetime.UTC).date()


def _integer(bits: int) -> Converter:
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _misfit(value, "an integer")
        if not least <= value <= most:
            raise _Misfit(f"holds an integer that does not fit into {bits} bits")
        return int(value)

    return convert


def _decimal(kind: spark.DecimalType) -> Converter:
    step = Decimal(1).scaleb(-kind.scale)

    def convert(value: Any) -> Decimal:
        if isinstance(value, Decimal128):
            number = value.to_decimal()
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise _misfit(value, "a number")
        else:
            number = Decimal(repr(value) if isinstance(value, float) else int(value))
        with localcontext() as context:
            context.prec = 77
            exact = number.quantize(step) if number.is_finite() and number.adjusted() < 40 else Decimal("NaN")
        if exact != number or exact.adjusted() >= kind.precision - kind.scale:
            raise _Misfit(f"holds a number that does not fit into {kind.simpleString()}")
        return exact

    return convert


def _array(kind: spark.ArrayType, name: str) -> Converter:
    convert = _nullable(converter_for(kind.elementType, name))

    def convert_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _misfit(value, "an array")
        return [convert(item) for item in value]

    return convert_all


def _struct(kind: spark.StructType, name: str) -> Converter:
    fields = {field.name: _nullable(converter_for(field.dataType, f"{name}.{field.name}")) for field in kind.fields}

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _misfit(value, "an object")
        return {field: into(value.get(field)) for field, into in fields.items()}

    return convert


def _map(kind: spark.MapType, name: str) -> Converter:
    convert = _nullable(converter_for(kind.valueType, name))

    def convert_all(value: Any) -> list[tuple[str, Any]]:
        if not isinstance(value, Mapping):
            raise _misfit(value, "an object")
        return [(key, convert(item)) for key, item in value.items()]

    return convert_all


def _nothing(value: Any) -> Any:
    raise _misfit(value, "null")


_CONVERTERS: dict[type[spark.DataType], Converter] = {
    spark.StringType: _text,
    spark.BooleanType: _boolean,
    spark.FloatType: _number,
    spark.DoubleType: _number,
    spark.BinaryType: _binary,
    spark.TimestampType: _date_time,
    spark.TimestampNTZType: _local_time,
    spark.DateType: _day,
    spark.NullType: _nothing,
}
