"""The numbers, dates and lengths that a schema allows, as whole steps from the least to the greatest."""

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from bson import DatetimeMS, Decimal128, Int64

from dsync_kit.conformance.documents.schema.value_schema import Bound, ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["MOST_TEXT", "Steps", "lengths", "steps"]

MOST_TEXT = 2**14
"""Characters of the longest drawn text, if the schema sets no limit or a wider one."""

_WHOLE = {"int": 2**31, "long": 2**63}
_DOUBLE_DIGITS, _DECIMAL_DIGITS = 15, 33
"""Digits that survive in a double, and in a decimal."""

# The years 1 to 9999, which every database's dates hold.
_DATES = (-62135596800000, 253402300799999)


@dataclass(frozen=True)
class Steps:
    """The values from `first` times `size` to `last` times `size` of one BSON type.

    `size` is a fraction if numbers have decimal places.
    """

    kind: str
    first: int
    last: int
    size: Fraction
    data_type: DataType

    def __len__(self) -> int:
        return min(self.last - self.first + 1, 2**62)

    def at(self, step: int) -> Any:
        """The value at a step, counted from zero, not from the first."""
        value = step * self.size
        if self.kind == "date":
            return DatetimeMS(int(value))
        if self.kind in _WHOLE:
            whole = int(value)
            return Int64(whole) if self.kind == "long" and self.data_type == DATA_TYPE_MONGO_BSON else whole
        if self.kind == "double" or self.data_type != DATA_TYPE_MONGO_BSON:
            return value.numerator / value.denominator
        with localcontext(prec=_DECIMAL_DIGITS + 1):
            return Decimal128(Decimal(value.numerator) / Decimal(value.denominator))

    @property
    def nearest(self) -> int:
        """The step of the value next to zero."""
        return min(max(0, self.first), self.last)

    def exact(self, step: int) -> bool:
        """Whether a step's value has only one spelling: 1.15 does; 1.10 and 1.1 are two spellings of one decimal."""
        return self.kind != "decimal" or self.size.denominator == 1 or step % 10 != 0


def steps(schema: ValueSchema, kind: str, data_type: DataType) -> Steps | None:
    """The numbers or dates of this type within the bounds; None if there are none.

    For doubles and decimals without `multipleOf`, those with few decimal places.
    """
    size = Fraction(1)
    least, most = schema.minimum, schema.maximum
    multiple = Fraction(schema.multiple_of) if isinstance(schema.multiple_of, Decimal) else None
    bounds: list[Bound | None]
    if kind == "date":
        low, high = _DATES
        bounds = [bound if isinstance(bound, DatetimeMS) else None for bound in (least, most)]
        size = Fraction(multiple.numerator) if multiple else size
    else:
        bounds = [bound if isinstance(bound, Decimal) else None for bound in (least, most)]
        if kind in _WHOLE:
            # A whole multiple of 5/2 is a multiple of 5.
            size = Fraction(multiple.numerator) if multiple else size
            low, high = -_WHOLE[kind], _WHOLE[kind] - 1
        else:
            size = multiple or Fraction(1, 1000)
            high = 10 ** (_DOUBLE_DIGITS if kind == "double" or data_type != DATA_TYPE_MONGO_BSON else _DECIMAL_DIGITS)
            high = math.floor(high * size) if size < 1 else high
            low = -high
    first = _first(bounds[0], low, size, exclusive=schema.exclusive_minimum)
    last = -_first(None if bounds[1] is None else _minus(bounds[1]), -high, size, exclusive=schema.exclusive_maximum)
    return Steps(kind, first, last, size, data_type) if first <= last else None


def _first(bound: Bound | None, limit: int, size: Fraction, *, exclusive: bool) -> int:
    """The least step that is below neither the bound nor the limit of the type."""
    least = math.ceil(Fraction(limit) / size)
    if bound is None:
        return least
    value = Fraction(int(bound)) if isinstance(bound, DatetimeMS) else Fraction(bound)
    first = math.ceil(value / size)
    if exclusive and first * size == value:
        first += 1
    return max(first, least)


def _minus(bound: Bound) -> Bound:
    return DatetimeMS(-int(bound)) if isinstance(bound, DatetimeMS) else -bound


def lengths(schema: ValueSchema) -> tuple[int, int] | None:
    """The least and the greatest length of drawn texts or binary values."""
    least = schema.min_length or 0
    most = schema.max_length if schema.max_length is not None else max(MOST_TEXT, least)
    return (least, min(most, max(MOST_TEXT, least))) if least <= most else None
