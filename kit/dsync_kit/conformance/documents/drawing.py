"""Hypothesis strategies for a schema's values: those at its bounds, those that are often got wrong, any others."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bson import Binary, DatetimeMS, ObjectId
from hypothesis import strategies as st

from dsync_kit.conformance.documents import choosing, field_values, strategies
from dsync_kit.conformance.documents.schema.counted import counted, members
from dsync_kit.conformance.documents.schema.fitting import fits
from dsync_kit.conformance.documents.schema.ranges import Steps, lengths, steps
from dsync_kit.conformance.documents.schema.texts import CHARACTERS, matching
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["boundaries", "identifiers", "scalars", "values"]

Draw = st.SearchStrategy[Any]

_SHORT = 12
"""The most characters of a text drawn at random; texts at a bound are as long as the bound."""

_RARE = {
    "regex": "regex-with-flags",
    "javascript": "code",
    "timestamp": "timestamp",
    "minKey": "min-key",
    "maxKey": "max-key",
}
_NUMBERS = ("int", "long", "double", "decimal", "date")
_ID_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])


def values(schema: ValueSchema, data_type: DataType) -> Draw:
    """Values that the schema allows, including those at its bounds and those that are often got wrong."""
    if schema.free:
        return field_values.values(data_type)
    if schema.enum is not None:
        return st.sampled_from(members(schema, data_type))
    known = _known(schema, data_type)
    drawn = [strategy for kind in schema.types if (strategy := _of_kind(schema, kind, data_type)) is not None]
    return st.one_of(*([st.sampled_from(known)] if known else []), *drawn)


def scalars(schema: ValueSchema, data_type: DataType) -> Draw:
    """Lists of the schema's values: within few examples, all known values occur."""
    known = _known(schema, data_type) if schema.enum is None else members(schema, data_type)
    drawn = values(schema, data_type)
    return choosing.several(known, drawn) if known else st.lists(drawn, min_size=1, max_size=3)


def identifiers(schema: ValueSchema, data_type: DataType) -> Draw:
    """Ids that the schema allows: no empty texts, and no control characters, unless nothing else is allowed."""
    if schema.enum is not None:
        return st.sampled_from(members(schema, data_type))
    kinds = [kind for kind in schema.types if kind != "null"]
    return st.one_of(*(_ids_of_kind(schema.of_types(kind), kind, data_type) for kind in kinds))


_ID_KINDS = {
    "string": "string",
    "int": "int32",
    "long": "int64",
    "double": "double",
    "decimal": "decimal",
    "bool": "boolean",
    "date": "date",
    "objectId": "object-id",
    "binData": "binary",
}


def _ids_of_kind(schema: ValueSchema, kind: str, data_type: DataType) -> Draw:
    if schema == ValueSchema(bson_type=(kind,)):
        name = _ID_KINDS.get(kind, "document") if data_type == DATA_TYPE_MONGO_BSON else ""
        known = strategies.ID_KINDS[data_type].get(name or {"string": "string", "long": "integer"}.get(kind, ""))
        if known is not None:
            return known
    if kind == "string" and not schema.patterns:
        least, most = lengths(schema) or (1, 1)
        text = st.text(_ID_CHARACTERS, min_size=max(1, least), max_size=min(most, max(_SHORT, least)))
        names = [name for name in _ID_TEXTS if fits(schema, name, data_type)]
        return st.one_of(*([st.sampled_from(names)] if names else []), text)
    if kind == "object" and schema.properties:
        return st.one_of(values(schema, data_type), _of_few_parts(schema, data_type))
    if kind == "double":
        return values(schema, data_type).filter(lambda value: value == value and value not in (0.0, *_INFINITE))
    return values(schema, data_type)


def _of_few_parts(schema: ValueSchema, data_type: DataType) -> Draw:
    """Composite ids from few values: several have a part in common."""
    made = {name: counted(schema.properties[name], data_type) for name in schema.properties if name in schema.required}
    few = {name: st.sampled_from([part(number) for number in range(min(3, part.size))]) for name, part in made.items()}
    return st.tuples(*few.values()).map(lambda drawn: dict(zip(few, drawn, strict=True)))


_ID_TEXTS = ("a", "A", "5", "b", "é", "日本", "a b", "a.b", "a/b", "%2F", "x:y", "a'b", "_")
_INFINITE = (float("inf"), float("-inf"))


def boundaries(schema: ValueSchema, data_type: DataType) -> list[Any]:
    """The values at the schema's bounds: the least and the greatest number, the shortest and the longest text."""
    found: list[Any] = []
    for kind in schema.types:
        if kind in _NUMBERS and (range_ := steps(schema, kind, data_type)) is not None:
            found += _at_bounds(range_)
        elif kind == "string" and not schema.patterns and (bounds := lengths(schema)) is not None:
            sizes = {bounds[0], *([bounds[1]] if schema.max_length is not None else [])}
            found += [character * size for size in sorted(sizes) for character in ("x", "é")]
            # A store may pad a fixed-length column with spaces, and trim them again.
            found += ["x" * (size - 1) + " " for size in sorted(sizes) if size > 1]
        elif kind == "binData" and schema.format != "uuid" and (bounds := lengths(schema)) is not None:
            sizes = {bounds[0], *([bounds[1]] if schema.max_length is not None else [])}
            found += [Binary(byte * size) for size in sorted(sizes) for byte in (b"\xff", b"\0")]
            found.append(Binary(b"\1\0"))
    unique = {repr(value): value for value in found}
    return [value for value in unique.values() if fits(schema, value, data_type)]


_MANY_DIGITS = 718281828459045235360287
"""So many parts of a range, of 10²⁴, are a number that needs all its digits: a double does not keep them."""


def _at_bounds(found: Steps) -> list[Any]:
    many_digits = found.nearest + (found.last - found.nearest) * _MANY_DIGITS // 10 ** len(str(_MANY_DIGITS))
    places = {found.first, found.last, found.nearest, found.first + 1, found.last - 1, many_digits}
    # The first one is drawn most. Of the longs, the least survives in a double, and the next does not.
    ordered = sorted(places, key=lambda place: (place != found.first + 1, place))
    return [found.at(place) for place in ordered if found.first <= place <= found.last and found.exact(place)]


def _known(schema: ValueSchema, data_type: DataType) -> list[Any]:
    known = [None] if "null" in schema.types else []
    known += boundaries(schema, data_type)
    for kind in schema.types:
        known += [value for value in _often_wrong(kind, data_type) if fits(schema, value, data_type)]
    # Equal numbers may have two types, or two spellings.
    unique = {(type(value), repr(value)): value for value in known}
    return [value for value in unique.values() if _unambiguous(schema, value)]


_OBJECTS: Sequence[Any] = ({}, {"a": None}, {"a": [], "b": {}}, {"a": [None, {"b": 1}], "c": ""}, {"a": 1, "b": 1.5})


def _often_wrong(kind: str, data_type: DataType) -> Sequence[Any]:
    if kind == "object":
        return _OBJECTS
    if data_type == DATA_TYPE_MONGO_BSON:
        return field_values.KNOWN_VALUES.get(kind, ())
    if kind in ("decimal", "date", "binData"):
        return ()
    known = [int(value) if kind == "long" else value for value in field_values.KNOWN_VALUES.get(kind, ())]
    return [value for value in known if not isinstance(value, float) or abs(value) < float("inf")]


def _unambiguous(schema: ValueSchema, value: Any) -> bool:
    """Whether a number with `multipleOf` has only one spelling: a store may keep 1.1 as 1.10, and knows no -0.0."""
    if not isinstance(schema.multiple_of, Decimal):
        return True
    if not hasattr(value, "to_decimal"):
        return not (isinstance(value, float) and value == 0 and math.copysign(1, value) < 0)
    digits, step = value.to_decimal().as_tuple(), schema.multiple_of.as_tuple().exponent
    return isinstance(step, int) and digits.exponent == min(0, step) and digits.digits[-1] != 0


def _of_kind(schema: ValueSchema, kind: str, data_type: DataType) -> Draw | None:
    if kind in _NUMBERS:
        return _number(schema, kind, data_type)
    match kind:
        case "string":
            return _text(schema)
        case "bool":
            return st.booleans()
        case "null":
            return st.none()
        case "objectId":
            return st.binary(min_size=12, max_size=12).map(ObjectId)
        case "binData":
            return _binary(schema)
        case "object":
            return _object(schema, data_type)
        case "array":
            return _array(schema, data_type)
    return field_values.BSON_RARE[_RARE[kind]]


def _number(schema: ValueSchema, kind: str, data_type: DataType) -> Draw | None:
    bounded = schema.minimum is not None or schema.maximum is not None or schema.multiple_of is not None
    if kind == "double" and schema.multiple_of is None:
        floats = st.floats(allow_nan=not bounded, allow_infinity=not bounded and data_type == DATA_TYPE_MONGO_BSON)
        if data_type != DATA_TYPE_MONGO_BSON:
            floats = st.floats(allow_nan=False, allow_infinity=False)
        if not bounded:
            return floats if schema.negative_zero else floats.filter(lambda value: fits(schema, value, data_type))
        least, most = (None if bound is None else _as_float(bound) for bound in (schema.minimum, schema.maximum))
        near = st.floats(least, most, allow_nan=False, allow_infinity=False)
        return near.filter(lambda value: fits(schema.of_types(kind), value, data_type))
    found = steps(schema, kind, data_type)
    if found is None:
        return None
    return st.integers(found.first, found.last).filter(found.exact).map(found.at)


def _as_float(bound: Any) -> float | None:
    return None if isinstance(bound, DatetimeMS) else float(bound)


def _text(schema: ValueSchema) -> Draw | None:
    if schema.patterns:
        return matching(schema)
    bounds = lengths(schema)
    if bounds is None:
        return None
    return st.text(CHARACTERS, min_size=bounds[0], max_size=min(bounds[1], max(_SHORT, bounds[0] + _SHORT)))


def _binary(schema: ValueSchema) -> Draw | None:
    if schema.format == "uuid":
        return st.uuids(version=4).map(Binary.from_uuid)
    bounds = lengths(schema)
    if bounds is None:
        return None
    return st.binary(min_size=bounds[0], max_size=min(bounds[1], max(24, bounds[0]))).map(Binary)


def _object(schema: ValueSchema, data_type: DataType) -> Draw | None:
    required = {name: _property(schema, name, data_type) for name in schema.required}
    optional = {
        name: values(value, data_type) for name, value in schema.properties.items() if name not in schema.required
    }
    # In the order of the properties: the order of a composite id's parts matters.
    fixed = st.fixed_dictionaries(required, optional=optional).map(
        lambda drawn: {**{name: drawn[name] for name in schema.properties if name in drawn}, **drawn}
    )
    if schema.additional_properties is False:
        return fixed
    additional = schema.additional_properties
    more = values(additional, data_type) if isinstance(additional, ValueSchema) else field_values.values(data_type)
    extra = st.dictionaries(field_values.field_names, more, max_size=6)
    return st.builds(
        lambda own, others: {**{k: v for k, v in others.items() if k not in schema.properties}, **own}, fixed, extra
    )


def _property(schema: ValueSchema, name: str, data_type: DataType) -> Draw:
    additional = schema.additional_properties
    known = schema.properties.get(name) or (additional if isinstance(additional, ValueSchema) else ValueSchema())
    return values(known, data_type)


def _array(schema: ValueSchema, data_type: DataType) -> Draw | None:
    items = values(schema.items, data_type) if schema.items is not None else field_values.values(data_type)
    least = schema.min_items or 0
    most = min(schema.max_items if schema.max_items is not None else least + 3, least + 3)
    if most < least:
        return None
    return st.lists(items, min_size=least, max_size=most, unique_by=repr if schema.unique_items else None)
