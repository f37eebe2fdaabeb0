"""The typed columns that existing documents suggest, found as `verify` finds a namespace's schema."""

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import types as spark

from dsync_kit.conformance.documents.finding.inference import inferred
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DataType

__all__ = ["found_columns"]

_SIMPLE: dict[str, spark.DataType] = {
    "string": spark.StringType(),
    "objectId": spark.StringType(),
    "bool": spark.BooleanType(),
    "int": spark.IntegerType(),
    "long": spark.LongType(),
    "double": spark.DoubleType(),
    "date": spark.TimestampType(),
    "binData": spark.BinaryType(),
}
_WIDER = ({"int", "long"}, {"int", "long", "double"})
_PRECISION = 38


def found_columns(documents: Sequence[bytes], data_type: DataType) -> spark.StructType:
    """Columns for these documents: the id, then the fields. Raises ValueError for no documents.

    A field whose values have several types becomes a string; int, long and double become the widest of them.
    """
    schema = inferred(documents, data_type)
    identifier = column_type(schema.identifier)
    columns = [spark.StructField(schema.id_field, identifier)]
    columns += [
        spark.StructField(name, identifier if not path else spark.StringType()) for name, path in schema.repeats.items()
    ]
    columns += [spark.StructField(name, column_type(value)) for name, value in schema.fields.items()]
    return spark.StructType(columns)


def column_type(value: ValueSchema) -> spark.DataType:
    """The type of a column for the values that a schema allows."""
    types = set(value.types) - {"null"}
    if len(types) > 1:
        widest = next((wide for wide in _WIDER if types <= wide), None)
        return spark.StringType() if widest is None else _SIMPLE["double" if "double" in types else "long"]
    kind = next(iter(types), "string")
    if kind == "array":
        items = value.items
        return spark.ArrayType(column_type(items) if isinstance(items, ValueSchema) else spark.StringType())
    if kind == "object":
        fields = [spark.StructField(name, column_type(each)) for name, each in value.properties.items()]
        return spark.StructType(fields) if fields else spark.StringType()
    if kind == "decimal":
        step = value.multiple_of
        scale = -Decimal(str(step)).adjusted() if step is not None else _PRECISION // 2
        return spark.DecimalType(_PRECISION, min(max(scale, 0), _PRECISION))
    return _SIMPLE.get(kind, spark.StringType())
