"""Documents that do not fit a schema in one named way: a store must refuse them, or keep them exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from itertools import count, zip_longest
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId
from hypothesis import strategies as st

from dsync_kit.conformance.documents.choosing import many
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.schema.counted import counted
from dsync_kit.conformance.documents.schema.document_schema import part_of
from dsync_kit.conformance.documents.schema.fitting import fits, misfit
from dsync_kit.conformance.documents.schema.ranges import MOST_TEXT, steps
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["Misfit", "MisfitKind", "rules_out", "several_misfits"]

Draw = st.SearchStrategy[Any]


class MisfitKind(StrEnum):
    """The ways in which a document does not fit."""

    UNKNOWN_FIELD = "unknown field"
    MISSING_FIELD = "missing field"
    NULL = "null"
    OTHER_TYPE = "another type"
    TEXT_TOO_LONG = "text too long"
    TEXT_TOO_SHORT = "text too short"
    OTHER_FORM = "text of another form"
    NUL = "text with NUL"
    NOT_LISTED = "value that is not listed"
    OUT_OF_RANGE = "number out of range"
    TOO_MANY_DIGITS = "too many digits"
    REPEATS_NOT = "field that does not repeat the id"


@dataclass(frozen=True)
class Misfit:
    """A document that does not fit: how, in which field, and why in words."""

    kind: MisfitKind
    field: str
    identifier: Any
    document: bytes
    reason: str


def several_misfits(filling: Filling, kinds: Sequence[MisfitKind], *, ids: bool = False, most: int = 64) -> Draw | None:
    """Lists of documents, each of which does not fit in one of these ways, because of a field or its id.

    Their ids differ, and each is wrong in another place or has another wrong value. The ways take turns, so that those
    with many values leave room for the others. None if the schema rules nothing out in these ways.
    Raises TooFewError if all ids are taken.
    """
    wrong = _all_wrong(filling, tuple(kinds), ids)
    if not wrong:
        return None
    made = filling.counted_ids("misfit")
    most = min(most, made.size)

    def build(fields: dict[str, Any], chosen: Sequence[int], start: int) -> list[Misfit]:
        places = _turns([wrong[number] for number in chosen], start)[:most]
        return [_misfit(filling, made(number), fields, place) for number, place in enumerate(places)]

    # It draws numbers, because Hypothesis may show what it draws, and a list of all wrong values is long.
    return st.builds(build, filling.small_fields, many(range(len(wrong))), st.integers(0, len(wrong) - 1))


def rules_out(filling: Filling, kinds: Sequence[MisfitKind], *, ids: bool = False) -> bool:
    """Whether the schema rules anything out in one of these ways."""
    return bool(_all_wrong(filling, tuple(kinds), ids))


def _turns(places: Sequence["_Place"], start: int) -> list["_Place"]:
    """The places, one of each kind in turn, beginning at number `start`."""
    of_kinds: dict[MisfitKind, list[_Place]] = {}
    for place in places:
        of_kinds.setdefault(place.kind, []).append(place)
    rotated = [of_kind[start % len(of_kind) :] + of_kind[: start % len(of_kind)] for of_kind in of_kinds.values()]
    rotated = rotated[start % len(rotated) :] + rotated[: start % len(rotated)]
    return [place for turn in zip_longest(*rotated) for place in turn if place is not None]


@dataclass(frozen=True, eq=False)
class _Place:
    """A place where a document can be made not to fit, and the value that does it."""

    kind: MisfitKind
    field: str
    value: Any


@lru_cache(maxsize=256)
def _all_wrong(filling: Filling, kinds: tuple[MisfitKind, ...], ids: bool) -> tuple[_Place, ...]:
    found = _wrong_ids if ids else _wrong
    return tuple(_Place(kind, field, value) for kind in kinds for field, value in found(filling, kind))


_MISSING = object()


def _misfit(filling: Filling, identifier: Any, fields: dict[str, Any], place: _Place) -> Misfit:
    schema, kind, field, value = filling.schema, place.kind, place.field, place.value
    if field == schema.id_field:
        identifier = value
    if kind is MisfitKind.REPEATS_NOT and repr(value) == repr(part_of(identifier, schema.repeats[field])):
        value = _another(identifier, filling, schema.repeats[field])
    document = schema.document(identifier, filling.distinct(identifier, fields))
    if value is _MISSING:
        document.pop(field, None)
    else:
        document[field] = value
    reason = next(schema.reasons(document), f"{field!r} is a {kind.value}")
    rest = {name: item for name, item in document.items() if name != schema.id_field}
    return Misfit(kind, field, identifier, make_document(identifier, rest, schema.data_type), reason)


def _another(identifier: Any, filling: Filling, path: tuple[str, ...]) -> Any:
    made = filling.counted_ids()
    others = (part_of(made(number), path) for number in range(min(3, made.size)))
    own = repr(part_of(identifier, path))
    return next((other for other in others if repr(other) != own), None)


def _wrong(filling: Filling, kind: MisfitKind) -> Iterator[tuple[str, Any]]:
    """Fields with values that do not fit."""
    schema = filling.schema
    if kind is MisfitKind.UNKNOWN_FIELD:
        if schema.additional is False:
            known = {schema.id_field, *schema.fields, *schema.repeats}
            names = ["unknown", *(alike for name in sorted(known) for alike in (name.swapcase(), f"{name}_2"))]
            yield from ((name, value) for name in names if name not in known for value in ("text", 5, None))
    elif kind is MisfitKind.MISSING_FIELD:
        yield from ((name, _MISSING) for name in sorted({*schema.required, *schema.repeats}))
    elif kind is MisfitKind.REPEATS_NOT:
        made = filling.counted_ids("other")
        if made.size > 1:
            yield from ((name, part_of(made(0), path)) for name, path in schema.repeats.items())
    else:
        for name, value in schema.fields.items():
            # A schema allows NUL, but a store may refuse it.
            unfit = kind is MisfitKind.NUL
            wrong = _values(value, kind, filling)
            yield from ((name, item) for item in wrong if schema.allows(name, item) is unfit)


def _wrong_ids(filling: Filling, kind: MisfitKind) -> Iterator[tuple[str, Any]]:
    """Ids that do not fit; of a composite id, one part does not."""
    schema = filling.schema
    wrong = list(_values(schema.identifier, kind, filling))
    if schema.identifier.properties:
        whole = filling.counted_ids("other")(0)
        for name, part in schema.identifier.properties.items():
            wrong += [{**whole, name: value} for value in _values(part, kind, filling)]
    for value in wrong:
        # A lenient store takes the text '5' for 5, and would overwrite that document.
        if value is not None and not schema.allows_id(value) and value not in filling.taken and _has_key(value):
            yield schema.id_field, value


def _has_key(identifier: Any) -> bool:
    """Whether an update can name the id: a store that keeps a larger number could never delete the document."""
    return not isinstance(identifier, int) or -_INT64_END <= identifier < _INT64_END


_INT64_END = 2**63


def _values(schema: ValueSchema, kind: MisfitKind, filling: Filling) -> Iterator[Any]:
    """Values that fit except in this one way."""
    data_type = filling.schema.data_type
    if kind is MisfitKind.NULL:
        yield from [] if fits(schema, None, data_type) else [None]
    elif kind is MisfitKind.OTHER_TYPE:
        yield from _of_other_types(schema, filling)
    elif kind is MisfitKind.NOT_LISTED and schema.enum is not None:
        yield from _near(schema.enum)
    elif kind is MisfitKind.OUT_OF_RANGE:
        yield from _beyond(schema, filling)
    elif kind is MisfitKind.TOO_MANY_DIGITS and schema.multiple_of is not None:
        yield from _finer(schema, filling)
    elif kind is MisfitKind.OTHER_FORM and schema.format == "uuid" and "binData" in schema.types:
        yield from (Binary(b"sixteen bytes id", subtype) for subtype in (0, 3))
    elif kind is MisfitKind.OTHER_FORM and schema.format == "bytes" and "binData" in schema.types:
        made = counted(schema.of_types("binData"), data_type)
        yield from (Binary(made(1), subtype) for subtype in (2, 5, 128) if made.size > 1)
    elif schema.enum is None and "string" in schema.types:
        yield from _texts(schema, kind, filling)


def _texts(schema: ValueSchema, kind: MisfitKind, filling: Filling) -> Iterator[str]:
    made = counted(schema.of_types("string"), filling.schema.data_type)
    if made.size == 0:
        return
    text = str(made(1))
    most, least = schema.max_length, schema.min_length
    if kind is MisfitKind.TEXT_TOO_LONG and most is not None and most < MOST_TEXT and not schema.patterns:
        whole = (text * (most + 1))[:most] or "x" * most
        # Far too long first: the schema's limit may be below the store's. Some stores cut only spaces.
        yield from (whole + more for more in ("x" * 100, "x", " ", "é"))
    elif kind is MisfitKind.TEXT_TOO_SHORT and least and not schema.patterns:
        yield from (text[: least - 1], text[: least - 1].rstrip() or "")
    elif kind is MisfitKind.NUL:
        yield from ("a\0b", "\0", "text\0")
    elif kind is MisfitKind.OTHER_FORM and schema.patterns:
        # Of the same length, too: a column of fixed width fills up shorter texts, and cuts blanks at the end.
        others = (f"!{text}", f"{text}!", f"{text[:-1]} ", text.swapcase(), f" {text} ", "")
        yield from (wrong for wrong in others if wrong != text)


def _near(members: list[Any]) -> Iterator[Any]:
    for member in members:
        if isinstance(member, str):
            yield from (
                member.translate(_NEXT),
                member.swapcase(),
                f"{member} ",
                f" {member}",
                f"{member}x",
                member[:-1],
            )
        elif isinstance(member, int) and not isinstance(member, bool):
            yield member + 1
    yield from ("", "none of them")


_NEXT = {
    **str.maketrans(ascii_lowercase, ascii_lowercase[1:] + ascii_lowercase[:1]),
    **str.maketrans(ascii_uppercase, ascii_uppercase[1:] + ascii_uppercase[:1]),
}
"""Each letter's next one: texts of the same form. A store may only look at that, and take an unlisted code for a
default."""


def _beyond(schema: ValueSchema, filling: Filling) -> Iterator[Any]:
    data_type = filling.schema.data_type
    bson = data_type == DATA_TYPE_MONGO_BSON
    for kind in ("int", "long", "double", "decimal", "date"):
        if kind not in schema.types or (found := steps(schema, kind, data_type)) is None:
            continue
        low, high = found.at(found.first - 1), found.at(found.last + 1)
        bounded = schema.maximum is not None or schema.minimum is not None
        if bounded and kind == "int":
            yield from (value for value in (high, low) if -(2**31) <= value < 2**31)
        if kind == "int" and "long" not in schema.types:
            # As longs, only numbers of more than 32 bits: others would only be of another type.
            larger = (max(found.last + 1, 2**31), min(found.first - 1, -(2**31) - 1), 2**62)
            yield from map(Int64, larger) if bson else (found.last + 1, *_LONG)
        elif kind == "long":
            if bounded and found.last < 2**63 - 1:
                # Far beyond, too: the schema may only have what a store was seen to keep, and not to round.
                far = (value for value in _LONG if value > found.last)
                yield from (low, high, *(Int64(value) if bson else value for value in far))
            else:
                yield from () if bson else (2**63, -(2**63) - 1)
        elif bounded:
            yield from (high, low) if kind != "date" else (DatetimeMS(int(high)), DatetimeMS(int(low)))
        if bounded and kind == "double" and bson:
            yield from (float("inf"), float("nan"))
        if bounded and kind == "decimal" and bson:
            # Far beyond, too: the store may only have been seen not to keep them.
            places = len(str(found.size.denominator)) - 1
            fraction = f".{_DIGITS[-places:]}" if places else ""
            large = (Decimal(_DIGITS[:whole] + fraction) for whole in (12, 15, 16, 18, 22))
            yield from (Decimal128(value) for value in large if value > found.at(found.last).to_decimal())


_LONG = (2**53 + 1, 2**62)
"""Whole numbers that a double, or a text of 15 digits, does not keep."""

_DIGITS = "718281828459045235360287471352"
"""Digits of a number that doubles do not keep."""

_FINE = (1 / 3, 0.1 + 0.2, 12345.678901234567)
"""Doubles that need all their digits."""


def _finer(schema: ValueSchema, filling: Filling) -> Iterator[Any]:
    data_type = filling.schema.data_type
    for kind in ("double", "decimal", "int", "long", "date"):
        if kind not in schema.types or (found := steps(schema, kind, data_type)) is None:
            continue
        if kind == "date":
            # The schema may have whole minutes because a column cuts off parts of a second.
            yield from (DatetimeMS(int(found.at(found.nearest + 1)) + more) for more in (1, 1500, 3_723_004))
            continue
        if kind in ("int", "long"):
            if found.size > 1:
                yield found.at(found.nearest + 1) + 1
            continue
        whole = found.at(found.nearest + 115) if found.nearest + 115 <= found.last else found.at(found.nearest)
        for part in (Fraction(1, 2), Fraction(1, 10), Fraction(9, 10)):
            step = found.size * part
            digits = Decimal(step.numerator) / Decimal(step.denominator)
            exact = (whole.to_decimal() if isinstance(whole, Decimal128) else Decimal(repr(whole))) + digits
            yield Decimal128(exact) if isinstance(whole, Decimal128) else float(exact)
        if kind == "double":
            yield from (value for value in _FINE if found.at(found.first) <= value <= found.at(found.last))


def _of_other_types(schema: ValueSchema, filling: Filling) -> Iterator[Any]:
    """Values that a lenient store converts to one of the schema's types: the text '5' to a number, 1 to true."""
    five = next(number for number in count(5) if number not in filling.taken)
    others: list[Any] = [str(five), "text", "true", five, 1, 0, five + 0.5, True, {"a": 1}, [], ["text"]]
    others.append("2024-01-01T00:00:00Z")
    if filling.schema.data_type == DATA_TYPE_MONGO_BSON:
        others += [Int64(five), float(five), Decimal128(str(five))]
        # A column that cuts off parts of a second seemed to keep no dates: those that it converts are judged here.
        others += [DatetimeMS(0), DatetimeMS(1_234_567_890_123), ObjectId(b"dsync-kit-id"), Binary(b"text", 0)]
    for other in others:
        if misfit(schema, other, filling.schema.data_type).startswith("of type"):
            yield other
