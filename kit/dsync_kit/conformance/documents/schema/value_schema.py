"""The schema of one value, in MongoDB's dialect of JSON Schema (draft 4, with `bsonType` beside `type`).

As in JSON Schema, a keyword applies only to some types: `maxLength` ignores numbers. Nine things go beyond
what MongoDB's server reads: `type: integer`, `format` for texts and binary values, lengths of binary values in bytes,
bounds of dates, written as Extended JSON, `multipleOf` for dates, in milliseconds, `negativeZero: false` for doubles
other than -0.0, `trailingZero: false` for JSON numbers that are never written like 5.0, `unique` for a field whose
values no two documents share, and `readOnly` for a field that the store adds.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from bson import DatetimeMS, Decimal128, json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator
from pydantic.alias_generators import to_camel

__all__ = ["FORMATS", "TYPES", "Bound", "ValueSchema", "extended"]

TYPES = (
    *("string", "int", "long", "double", "decimal", "bool", "date", "objectId", "binData", "null", "object", "array"),
    *("regex", "javascript", "timestamp", "minKey", "maxKey"),
)
"""MongoDB's names of the BSON types, the most common ones first."""

_NUMBERS = ("int", "long", "double", "decimal")
_BSON_NAMES: dict[str, tuple[str, ...]] = {**{name: (name,) for name in TYPES}, "number": _NUMBERS}
_JSON_NAMES: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "number": _NUMBERS,
    "integer": ("int", "long"),
    "boolean": ("bool",),
    "object": ("object",),
    "array": ("array",),
    "null": ("null",),
}

FORMATS: dict[str, str] = {
    "uuid": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$",
}
"""The formats of texts, as patterns. For a binary value, `uuid` is the subtype 4, and `bytes` the subtype 0."""

Bound = Decimal | DatetimeMS
"""The least or the greatest number or date."""


def extended(value: Any) -> Any:
    """A value of a schema's file as a Python value: Extended JSON is parsed, numbers with a fraction are floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        read = {name: extended(item) for name, item in value.items()}
        return json_util.object_hook(read, _EXTENDED) if any(name.startswith("$") for name in read) else read
    if isinstance(value, list):
        return [extended(item) for item in value]
    return value


_EXTENDED = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, datetime_conversion=DatetimeConversion.DATETIME_MS
)


def _bound(value: Any) -> Bound:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Mapping | DatetimeMS | Decimal128):
        raise ValueError(f"expected a number, or a date as Extended JSON, given {value!r}")
    try:
        read = extended(value) if isinstance(value, Mapping) else value
    except (BSONError, TypeError, ValueError) as error:
        raise ValueError(f"not Extended JSON: {error}") from error
    if isinstance(read, DatetimeMS):
        return read
    try:
        number = read.to_decimal() if isinstance(read, Decimal128) else Decimal(str(read))
    except InvalidOperation:
        raise ValueError(f"expected a number, or a date as Extended JSON, given {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"expected a finite number, given {value!r}")
    return number


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError(
            f"expected true or false, given {value!r}: the bound itself is `minimum` or `maximum`, as in draft 4"
        )
    return value


def _either(value: Any) -> str:
    return "<bool>" if isinstance(value, bool) else "<schema>"


_Names = Annotated[tuple[str, ...], BeforeValidator(_names), Field(strict=False)]
_Number = Annotated[Bound, BeforeValidator(_bound)]
_Exclusive = Annotated[bool, BeforeValidator(_boolean)]
_Count = Annotated[int, Field(ge=0)]


class ValueSchema(BaseModel):
    """What a value may be. Frozen, and compared by its keywords; fields have the keywords' names in snake case."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
    )

    title: str | None = None
    description: str | None = None
    bson_type: _Names | None = None
    type: _Names | None = None
    enum: list[Any] | None = Field(default=None, min_length=1)
    minimum: _Number | None = None
    maximum: _Number | None = None
    exclusive_minimum: _Exclusive = False
    exclusive_maximum: _Exclusive = False
    multiple_of: _Number | None = None
    negative_zero: bool = True
    trailing_zero: bool = True
    min_length: _Count | None = None
    max_length: _Count | None = None
    pattern: str | None = None
    format: Literal["uuid", "date", "date-time", "bytes"] | None = None
    items: "ValueSchema | None" = None
    min_items: _Count | None = None
    max_items: _Count | None = None
    unique_items: bool = False
    properties: "dict[str, ValueSchema]" = Field(default_factory=dict)
    required: list[str] = Field(default_factory=list)
    read_only: bool = False
    unique: bool = False
    additional_properties: Annotated[
        "Annotated[bool, Tag('<bool>')] | Annotated[ValueSchema, Tag('<schema>')]", Discriminator(_either)
    ] = True

    @field_validator("bson_type")
    @classmethod
    def _bson_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known(names, _BSON_NAMES)

    @field_validator("type")
    @classmethod
    def _json_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return _known(names, _JSON_NAMES)

    @field_validator("enum")
    @classmethod
    def _members(cls, members: list[Any] | None) -> list[Any] | None:
        try:
            return None if members is None else [extended(member) for member in members]
        except (BSONError, TypeError, ValueError) as error:
            raise ValueError(f"not Extended JSON: {error}") from error

    @field_validator("multiple_of")
    @classmethod
    def _positive(cls, number: Bound | None) -> Bound | None:
        if number is not None and not (isinstance(number, Decimal) and number > 0):
            raise ValueError(f"expected a number above 0, given {number}")
        return number

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"expected a regular expression, given {pattern!r}: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _bounds_of_one_kind(self) -> Self:
        if {type(bound) for bound in (self.minimum, self.maximum) if bound is not None} == {Decimal, DatetimeMS}:
            raise ValueError("minimum and maximum are a number and a date: expected two of the same kind")
        for name, bound in (("exclusiveMinimum", self.minimum), ("exclusiveMaximum", self.maximum)):
            given = self.exclusive_minimum if name == "exclusiveMinimum" else self.exclusive_maximum
            if given and bound is None:
                raise ValueError(f"{name} needs {name.removeprefix('exclusive').lower()} beside it")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        """The BSON types that a value may have."""
        given = _expanded(self.bson_type, _BSON_NAMES) & _expanded(self.type, _JSON_NAMES)
        return tuple(name for name in TYPES if name in given)

    @property
    def nullable(self) -> bool:
        """Whether null is among the types; `enum` may still exclude it."""
        return "null" in self.types

    @property
    def free(self) -> bool:
        """Whether it allows any value."""
        return not self.model_dump(exclude_defaults=True, exclude={"title", "description"})

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns that a text must match: that of its format, and its own."""
        return tuple(filter(None, (FORMATS.get(self.format or ""), self.pattern)))

    def of_types(self, *types: str) -> "ValueSchema":
        """The same, but only with these BSON types."""
        return self.model_copy(update={"bson_type": types, "type": None})


def _known(names: tuple[str, ...] | None, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not names:
        raise ValueError("expected at least one type, given none")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"expected types among {', '.join(known)}, given {', '.join(unknown)}")
    return names


def _expanded(names: tuple[str, ...] | None, known: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    if names is None:
        return frozenset(TYPES)
    return frozenset(name for given in names for name in known[given])
