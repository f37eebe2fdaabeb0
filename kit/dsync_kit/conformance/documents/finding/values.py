"""The schema of one value, narrowed to what a store keeps: lengths of texts, ranges, digits and dates."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bson import DatetimeMS, Decimal128, Int64

from dsync_kit.conformance.documents.finding.attempts import between
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["GREATEST", "Tries", "class_of_texts", "narrowed_value"]

GREATEST = Decimal(repr(sys.float_info.max))
"""The greatest finite double."""


@dataclass(frozen=True)
class Tries:
    """Whether the store keeps a value in its place, and whether it refuses it; it may also change it."""

    keeps: Callable[[Any], bool]
    refuses: Callable[[Any], bool]

    def within(self, put: Callable[[Any], Any]) -> "Tries":
        """The same for a part of the value, which `put` completes."""
        return Tries(lambda part: self.keeps(put(part)), lambda part: self.refuses(put(part)))


def narrowed_value(own: ValueSchema, tries: Tries, data_type: DataType) -> Iterator[ValueSchema]:
    """The schema of a value as more becomes known about it."""
    if own.enum is not None:
        return
    if "string" in own.types and not own.patterns:
        yield (own := _measured(own, tries))
    for limits in (_limits(own, data_type), _digits(own, data_type)):
        for value, limit in limits:
            if tries.keeps(value):
                break
            yield (own := own.model_copy(update=limit))
    for value, limit in _dates(own):
        if tries.refuses(value):
            yield (own := own.model_copy(update=limit))
    if "double" in own.types and tries.refuses(-0.0):
        yield (own := own.model_copy(update={"negative_zero": False}))
    if "double" in own.types and data_type != DATA_TYPE_MONGO_BSON and tries.refuses(5.0) and not tries.refuses(5):
        yield (own := own.model_copy(update={"trailing_zero": False}))
    for value, limit in _least(own):
        if not tries.refuses(value):
            return
        yield (own := own.model_copy(update=limit))


_LENGTHS = (300, 255, 100, 50, 20, 10, 5, 2, 1)
_LETTERS = {"x": "", "X": "[A-Z0-9]", "0": "[0-9]"}
"""Letters of texts of any characters, in upper case, and of digits: each with the only characters of such texts."""


def _measured(own: ValueSchema, tries: Tries) -> ValueSchema:
    """The schema of texts with the characters that they have, if that are few, and their greatest length."""
    known = 0
    if own.max_length is not None and own.max_length == own.min_length:
        known, own = own.max_length, _resized(own, tries)
    least = max(own.min_length or 0, 1)
    most = own.max_length
    sizes = [size for size in _LENGTHS if least < size and (most is None or size < most)]
    sizes = [most, *sizes] if most is not None and most > least else sizes
    for letter, characters in _LETTERS.items():
        if sizes and tries.keeps(letter * sizes[0]):
            return class_of_texts(own, characters)
        if not tries.refuses(letter * least):
            longest = next((size for size in sizes[1:] if tries.keeps(letter * size)), least)
            limited = {"max_length": max(longest, known)} if sizes else {}
            return class_of_texts(own.model_copy(update=limited), characters)
    return own


def _resized(own: ValueSchema, tries: Tries) -> ValueSchema:
    """The schema of texts that all had one length: if the store also keeps another one, that was by chance."""
    other = (own.max_length or 1) - 1 or 2
    letter = next((letter for letter in _LETTERS if tries.keeps(letter * other)), None)
    if letter is None:
        return own
    least = other if tries.refuses(letter) else None
    return own.model_copy(update={"min_length": least, "max_length": None})


def class_of_texts(own: ValueSchema, characters: str, first: str = "", last: str = "") -> ValueSchema:
    """The schema of texts with these characters in the middle, as a pattern's classes, and others at both ends.

    Without characters, it is the same schema. The pattern has the lengths that the schema allows.
    """
    if not characters:
        return own
    first, last = first or characters, last or characters
    least, most = max(own.min_length or 0, 1), own.max_length
    if most == 1:
        return own.model_copy(update={"pattern": f"^{first}$"})
    rest = f"{characters}{{{max(0, least - 2)},{'' if most is None else most - 2}}}{last}"
    return own.model_copy(update={"pattern": f"^{first}{rest}$" if least > 1 else f"^{first}({rest})?$"})


_INTEGERS = (2**31 - 1, 2**15 - 1, 1000, 100, 10, 5, 3, 1)


def _limits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Numbers at common limits, the widest first, each with the keywords for the value if it is not kept."""
    if "long" in own.types:
        of_type = int if data_type != DATA_TYPE_MONGO_BSON else Int64
        yield from ((of_type(large), between(-next_, next_)) for large, next_ in pairwise((2**62, *_INTEGERS)))
    elif "int" in own.types:
        yield from ((large, between(-next_, next_)) for large, next_ in pairwise(_INTEGERS))
    elif "double" in own.types:
        if data_type == DATA_TYPE_MONGO_BSON:
            yield float("nan"), {"minimum": -GREATEST, "maximum": GREATEST}
        yield from ((large, between(-int(next_), int(next_))) for large, next_ in pairwise((1e300, 1e6, 1e3, 1e2)))
    elif "decimal" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        sizes = (30, 18, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1)
        # A column with two decimal places returns 99 as 99.00, which is another spelling, but no lack of room.
        places = own.multiple_of.as_tuple().exponent if isinstance(own.multiple_of, Decimal) else 0
        rest = "." + "9" * -places if isinstance(places, int) and places < 0 else ""
        limits = ((long, between(1 - 10**next_, 10**next_ - 1)) for long, next_ in pairwise(sizes))
        yield from ((Decimal128("9" * long + rest), limit) for long, limit in limits)


def _digits(own: ValueSchema, data_type: DataType) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Numbers with ever fewer decimal places; none if existing documents show how many."""
    if own.multiple_of is not None:
        return
    if "decimal" in own.types and data_type == DATA_TYPE_MONGO_BSON:
        yield Decimal128("1.123456"), {"multiple_of": Decimal("0.01")}
        yield Decimal128("1.15"), {"multiple_of": Decimal(1)}
    elif "double" in own.types:
        yield 1 / 3, {"multiple_of": Decimal("0.01")}
        yield 0.37, {"multiple_of": Decimal("0.5")}
        yield 0.5, {"multiple_of": Decimal(1)}


_DATES: Sequence[tuple[int, str, int]] = (
    (-62_135_596_800_000, "minimum", -30_610_224_000_000),
    (-30_610_224_000_000, "minimum", 1000),
    (253_402_300_799_999, "maximum", 9_223_372_036_000),
    (9_223_372_036_000, "maximum", 2_147_483_647_000),
)
"""The first and the last date of the years 1, 1000, 9999 and 2262, each with the bound of a value that can't be it:
then it has dates from the year 1000 or 1970, and until 2262 or 2038."""


def _dates(own: ValueSchema) -> Iterator[tuple[DatetimeMS, Mapping[str, Any]]]:
    """Dates at common limits, each with the keywords for the value if it is refused."""
    step = int(own.multiple_of) if isinstance(own.multiple_of, Decimal) else 1
    for date, name, bound in _DATES if "date" in own.types else ():
        yield DatetimeMS(date - date % step), {name: DatetimeMS(bound)}


def _least(own: ValueSchema) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The first numbers that a column may be too narrow for, each with the keywords for the value if it is refused."""
    for number in (-1, 0) if own.minimum is None or (isinstance(own.minimum, Decimal) and own.minimum < 0) else ():
        value = _of_type(own, number)
        if value is not None:
            yield value, {"minimum": Decimal(number + 1)}


def _of_type(own: ValueSchema, number: int) -> Any:
    """A whole number as a value of these types; None if there is none."""
    if "decimal" in own.types:
        places = own.multiple_of.as_tuple().exponent if isinstance(own.multiple_of, Decimal) else 0
        return Decimal128(Decimal(number).quantize(Decimal(1).scaleb(min(0, int(places)))))
    of_types = (("long", Int64(number)), ("int", number), ("double", float(number) if own.trailing_zero else number))
    return next((value for kind, value in of_types if kind in own.types), None)
