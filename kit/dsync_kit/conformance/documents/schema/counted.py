"""Values made by counting: one after another, as different as the schema permits. Nothing here is drawn."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dsync_kit.conformance.documents.identifiers import split_prefix
from dsync_kit.conformance.documents.schema.fitting import exact, fits
from dsync_kit.conformance.documents.schema.ranges import Steps, lengths, steps
from dsync_kit.conformance.documents.schema.texts import series
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Counted", "counted", "members"]

_MANY = 2**31
_ORDER = (
    *("string", "long", "int", "decimal", "double", "date", "objectId", "binData", "object", "array", "bool"),
    *("timestamp", "regex", "javascript", "minKey", "maxKey", "null"),
)
"""Types, those with many values first."""


class Counted:
    """Values by number: `size` different ones, which then repeat; none if it is 0."""

    def __init__(self, values: Sequence[Any] | None = None, *, make: Any = None, size: int = 0) -> None:
        self._make = make if values is None else values.__getitem__
        self.size = size if values is None else len(values)

    def __call__(self, number: int) -> Any:
        return self._make(number % self.size)


def counted(schema: ValueSchema, data_type: DataType, *, prefix: str = "") -> Counted:
    """Values of the type that has the most; numbers and texts in their order."""
    if schema.enum is not None:
        return Counted(members(schema, data_type))
    best = Counted([])
    for kind in _ORDER:
        if kind in schema.types:
            found = _of_kind(schema, kind, data_type, prefix)
            if found.size > best.size:
                best = found
            if best.size >= _MANY // 2:
                break
    return best


def members(schema: ValueSchema, data_type: DataType) -> list[Any]:
    """The members of `enum` as values of the schema's types: 5 among doubles is 5.0."""
    found = []
    for member in schema.enum or ():
        number: Any = exact(member)
        forms = [member]
        if number is not None and data_type == DATA_TYPE_MONGO_BSON and isinstance(member, int | float | Decimal128):
            whole = number == int(number)
            forms = [int(number), Int64(int(number))] if whole else []
            forms += [float(number), Decimal128(number)]
        found += [form for form in forms if fits(schema, form, data_type)][:1]
    return found


def _of_kind(schema: ValueSchema, kind: str, data_type: DataType, prefix: str) -> Counted:
    if kind in ("int", "long", "double", "decimal", "date"):
        return _stepped(steps(schema, kind, data_type), prefix)
    if kind == "string":
        texts = series(schema, prefix)
        return Counted([]) if texts is None else Counted(make=texts, size=texts.size)
    if kind == "object":
        return _objects(schema, data_type, prefix)
    if kind == "array":
        return _arrays(schema, data_type)
    if kind == "binData":
        return _binaries(schema, prefix)
    if kind == "objectId":
        start, (_, digits) = prefix.encode()[:4].ljust(4, b"_"), split_prefix(prefix)
        return Counted(make=lambda number: ObjectId(start + (digits << 40 | number).to_bytes(8, "big")), size=2**40)
    if kind == "timestamp":
        return Counted(make=lambda number: Timestamp(number, 1), size=_MANY)
    return Counted(_FEW[kind])


_FEW: dict[str, list[Any]] = {
    "bool": [False, True],
    "null": [None],
    "regex": [Regex("a"), Regex("b", "i")],
    "javascript": [Code("f()"), Code("g()")],
    "minKey": [MinKey()],
    "maxKey": [MaxKey()],
}


def _stepped(found: Steps | None, prefix: str) -> Counted:
    if found is None:
        return Counted([])
    room = found.last - found.first + 1
    if found.kind == "decimal" and found.size.denominator > 1 and room > 20:
        # The last digit is never 0: 1.10 and 1.1 are two spellings of one number.
        start = found.nearest - found.nearest % 10 + 10 if found.nearest + 20 < found.last else found.first + 10
        start -= start % 10
        tens = (found.last - start) // 10
        offset = _offset(prefix, tens)
        return Counted(
            make=lambda number: found.at(start + (number + offset) // 9 * 10 + (number + offset) % 9 + 1),
            size=(tens - offset) * 9,
        )
    start = found.nearest if found.nearest + 1000 < found.last else found.first
    start += 1 if start == 0 and found.last > 1000 else 0
    start += _offset(prefix, found.last - start)
    return Counted(make=lambda number: found.at(start + number), size=min(found.last - start + 1, 2**62))


def _offset(prefix: str, room: int) -> int:
    """Where the numbers of a prefix begin: prefixes that sort later begin later, as far as there is room."""
    if not prefix:
        return 0
    letters, digits = split_prefix(prefix)
    if room > 2**29:
        return letters * 100_000 + digits * 1_000
    return min(letters + digits, 2000) * (room // 2 // 2000) if room > 4000 else 0


def _binaries(schema: ValueSchema, prefix: str) -> Counted:
    if schema.format == "uuid":
        start = int.from_bytes(sha256(prefix.encode()).digest()[:8]) << 64
        return Counted(make=lambda number: Binary.from_uuid(UUID(int=start + number, version=4)), size=2**32)
    bounds = lengths(schema)
    if bounds is None:
        return Counted([])
    size = max(bounds[0], min(bounds[1], 8))
    return Counted(make=lambda number: Binary(number.to_bytes(size, "big")), size=min(256**size, 2**40))


def _objects(schema: ValueSchema, data_type: DataType, prefix: str) -> Counted:
    names = sorted(schema.required, key=[*schema.properties, *schema.required].index) or list(schema.properties)[:1]
    parts = {name: _property(schema, name, data_type, prefix) for name in names}
    if any(part.size == 0 for part in parts.values()):
        return Counted([])
    if not parts:
        free = schema.additional_properties is True
        return Counted(make=lambda number: {"a": number}, size=_MANY) if free else Counted([{}])
    most = max((part.size for part in parts.values()), default=1)
    *first, last = parts
    if first and parts[last].size >= _LINES and min(parts[name].size for name in first) >= 2**20:
        # Several have their first parts in common, like the lines of an order.
        return Counted(
            make=lambda number: {
                **{name: parts[name](number // _LINES) for name in first},
                last: parts[last](number % _LINES),
            },
            size=2**20,
        )
    return Counted(make=lambda number: {name: part(number) for name, part in parts.items()}, size=most)


_LINES = 7


def _property(schema: ValueSchema, name: str, data_type: DataType, prefix: str) -> Counted:
    additional = schema.additional_properties
    known = schema.properties.get(name) or (additional if isinstance(additional, ValueSchema) else None)
    if known is None and additional is False:
        return Counted([])
    return counted(known or ValueSchema(bson_type=("string",)), data_type, prefix=prefix)


def _arrays(schema: ValueSchema, data_type: DataType) -> Counted:
    items = counted(schema.items or ValueSchema(bson_type=("string",)), data_type)
    size = schema.min_items if schema.min_items else min(1, schema.max_items if schema.max_items is not None else 1)
    if schema.max_items is not None and size > schema.max_items:
        return Counted([])
    if size == 0:
        return Counted([[]])
    if items.size == 0 or (schema.unique_items and items.size < size):
        return Counted([[]] if not schema.min_items else [])
    return Counted(make=lambda number: [items(number * size + place) for place in range(size)], size=items.size)
