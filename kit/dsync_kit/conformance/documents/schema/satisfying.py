"""Whether any document fits a schema at all, and if not, why."""

from pydantic.alias_generators import to_snake

from dsync_kit.conformance.documents.schema.counted import counted, members
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.texts import series
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DataType

__all__ = ["unsatisfiable"]


def unsatisfiable(schema: DocumentSchema) -> str:
    """Why no document fits; empty if one does. Optional fields that no value fits count, too."""
    for name, value in ((schema.id_field, schema.identifier), *schema.fields.items()):
        if reason := _reason(value, schema.data_type, f"properties.{name}"):
            return reason
    if schema.additional is False:
        for name in sorted(schema.required - schema.fields.keys()):
            return f"{name!r} is required, but not among the properties, and additionalProperties is false"
    if isinstance(schema.additional, ValueSchema):
        return _reason(schema.additional, schema.data_type, "additionalProperties")
    return ""


def _reason(schema: ValueSchema, data_type: DataType, path: str) -> str:
    if not schema.types:
        return f"{path}: no type is left: bsonType and type exclude each other, or JSON documents hold none of them"
    if schema.enum is not None:
        found = members(schema, data_type)
        return "" if found else f"{path}: no member of enum fits the other keywords"
    for name, value in schema.properties.items():
        if reason := _reason(value, data_type, f"{path}.properties.{name}"):
            return reason
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        least, most = (getattr(schema, to_snake(name)) for name in (low, high))
        if least is not None and most is not None and least > most:
            return f"{path}: {low} {least} is above {high} {most}"
    if schema.patterns and "string" in schema.types and series(schema) is None:
        patterns = " and ".join(map(repr, schema.patterns))
        return f"{path}: no text was found that matches {patterns} and has an allowed length"
    if counted(schema, data_type).size:
        return ""
    if schema.minimum is not None or schema.maximum is not None or schema.multiple_of is not None:
        return f"{path}: no number lies between minimum and maximum, and is a multiple of multipleOf"
    return f"{path}: the keywords exclude every value"
