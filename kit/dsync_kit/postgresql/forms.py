"""What PostgreSQL's values are in BSON and JSON documents, and back.

A value is the text that PostgreSQL shows for it, as bytes: the same in a listing, in the stream of changes, and after a
write. The texts of a column are converted together: a call for each value would cost more than the value.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import repeat
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

import bson
import orjson
from bson import Binary, Decimal128, Int64, ObjectId

from dsync_kit.postgresql.arrays import array_items, array_text, quoted

__all__ = [
    "BINARY",
    "BOOL",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "INT32",
    "INT64",
    "JSON",
    "TEXT",
    "UUID_BINARY",
    "Form",
    "array_of",
    "lengths",
]

Texts = Sequence[bytes]
"""The texts of some values, none of which is NULL."""


class Form(NamedTuple):
    """What the values of a type are in documents.

    `kind` is the BSON type, and `pieces` gives the BSON values of texts, in pieces that are joined: first pieces,
    second pieces, and so on. If the type depends on the value, `kind` is 0, and each value begins with its type. `json`
    gives the JSON values of texts. Both raise ValueError or ArithmeticError for a text that has no such value. `text`
    gives the text that is written for a value of a document, and raises ValueError or TypeError for one that has none;
    what PostgreSQL reads into the text is for the caller to check.
    """

    kind: int
    pieces: Callable[[Texts], Sequence[Iterable[bytes]]]
    json: Callable[[Texts], Iterable[bytes]]
    text: Callable[[Any], str]

    def payloads(self, texts: Texts) -> Iterable[bytes]:
        """The BSON values of texts, each as a whole."""
        return map(b"".join, zip(*self.pieces(texts), strict=False))

    def texts(self, values: Sequence[Any]) -> list[str]:
        """The texts that are written for values, none of which is None. Raises as `text` does."""
        if self.text is _plain and _SHOWN_AS_THEY_ARE.issuperset(map(type, values)):
            return list(map(str, values))
        return list(map(self.text, values))


_EPOCH, _MILLISECOND = datetime(1970, 1, 1), timedelta(milliseconds=1)
_pack_double, _pack_int32, _pack_int64 = struct.Struct("<d").pack, struct.Struct("<i").pack, struct.Struct("<q").pack
_SHORT = 4096
_LENGTHS = {more: [_pack_int32(number + more) for number in range(_SHORT)] for more in (1, 4)}


def lengths(values: Sequence[bytes], more: int) -> Iterable[bytes]:
    """The length of each value and of `more` bytes, 1 or 4, as BSON has it."""
    numbers = list(map(len, values))
    if max(numbers, default=0) < _SHORT:
        return map(_LENGTHS[more].__getitem__, numbers)  # half the time
    return [_pack_int32(number + more) for number in numbers]


def _text_pieces(texts: Texts) -> Sequence[Iterable[bytes]]:
    return lengths(texts, 1), texts, repeat(b"\0")


def _binary_payload(text: bytes) -> bytes:
    data = bytes.fromhex(text[2:].decode())  # after \x
    return _pack_int32(len(data)) + b"\0" + data


def _uuid_payload(text: bytes) -> bytes:
    return b"\x10\0\0\0\4" + bytes.fromhex(text.replace(b"-", b"").decode())


def _date_payload(text: bytes) -> bytes:
    """Milliseconds; Python and pymongo know the years 1 to 9999, and no infinity."""
    return _pack_int64((datetime.fromisoformat(text.decode()).replace(tzinfo=None) - _EPOCH) // _MILLISECOND)


def _json_payload(text: bytes) -> bytes:
    """Numbers become the first of int32, int64 and double that holds them."""
    value = loads(text, parse_int=_integer, parse_float=_double, object_pairs_hook=_unique)
    document = bson.encode({"": value})
    return document[4:5] + document[6:-1]


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else _double(digits)


def _double(digits: str) -> float:
    if Decimal(repr(number := float(digits))) != Decimal(digits):
        raise ValueError(f"no double is {digits[:40]}")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("an object has a field twice")
    return found


def _each(convert: Callable[[bytes], bytes]) -> Callable[[Texts], Iterable[bytes]]:
    """A conversion of many texts, from one of a single text."""
    return lambda texts: map(convert, texts)


def _whole(convert: Callable[[bytes], bytes]) -> Callable[[Texts], Sequence[Iterable[bytes]]]:
    """As `_each`, in one piece."""
    return lambda texts: (map(convert, texts),)


def _quoted(text: bytes) -> bytes:
    return orjson.dumps(text.decode())


def _number(text: bytes) -> bytes:
    """A number as it is shown, which is JSON; NaN and the infinities are texts."""
    return text if text[-1:].isdigit() else _quoted(text)


def _shortest(text: bytes) -> bytes:
    """A double in the fewest digits, as everybody else writes it: PostgreSQL uses one more for some."""
    return repr(float(text)).encode() if text[-1:].isdigit() else _quoted(text)


_SHOWN_AS_THEY_ARE = frozenset({str, int, float, Int64})


def _plain(value: Any) -> str:
    """A value of a document as a text that PostgreSQL reads."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float() | Decimal() | Decimal128() | UUID() | ObjectId():
            return str(value)
        case datetime():
            return f"{value.isoformat()}+00"
        case Binary(subtype=4) if len(value) == 16:
            return str(value.as_uuid())
        case bytes():
            return "\\x" + value.hex()
    raise ValueError(f"a value of the type {type(value).__name__} has no form in a column of this type")


def _json_text(value: Any) -> str:
    """A value as JSON, its numbers with all of their digits."""
    match value:
        case dict():
            return "{" + ",".join(f"{_json_text(name)}:{_json_text(member)}" for name, member in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json_text, value)) + "]"
        case Decimal():
            return str(value)
        case bool() | str() | int() | float() | None:
            # orjson, because it refuses half characters; int and float may be BSON's subclasses of them.
            return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=_base).decode()
    raise ValueError(f"JSON has no form for a value of the type {type(value).__name__}")


def _base(value: Any) -> Any:
    return int(value) if isinstance(value, int) else str(value)


_BOOL_PAYLOADS, _BOOL_JSON = {b"t": b"\1", b"f": b"\0"}, {b"t": b"true", b"f": b"false"}

BINARY = Form(5, _whole(_binary_payload), _each(_quoted), _plain)
"""bytea: binary of subtype 0; in JSON the text `\\x00ff`."""
BOOL = Form(8, _whole(_BOOL_PAYLOADS.__getitem__), _each(_BOOL_JSON.__getitem__), _plain)
DATE = Form(9, _whole(_date_payload), _each(_quoted), _plain)
"""Dates and timestamps as BSON dates, which end at milliseconds; in JSON their texts."""
DECIMAL = Form(19, _whole(lambda text: Decimal128(text.decode()).bid), _each(_number), _plain)
"""numeric of at most 34 digits."""
DOUBLE = Form(1, lambda texts: (map(_pack_double, map(float, texts)),), _each(_shortest), _plain)
INT32 = Form(16, lambda texts: (map(_pack_int32, map(int, texts)),), iter, _plain)
INT64 = Form(18, lambda texts: (map(_pack_int64, map(int, texts)),), iter, _plain)
JSON = Form(0, _whole(_json_payload), iter, _json_text)
TEXT = Form(2, _text_pieces, _each(_quoted), _plain)
"""Any type whose text says all of it, and is what is written."""
UUID_BINARY = Form(5, _whole(_uuid_payload), _each(_quoted), _plain)
"""uuid: binary of subtype 4; in JSON its text."""

_ARRAY, _NULL = 4, 10


def array_of(element: Form) -> Form:
    """The form of an array whose elements have this form; it may have several dimensions."""

    def pieces(texts: Texts) -> Sequence[Iterable[bytes]]:
        arrays = list(map(array_items, texts))
        leaves = iter(element.payloads(list(_leaves(arrays))))

        def value(item: Any) -> tuple[int, bytes]:
            if item is None:
                return _NULL, b""
            if isinstance(item, list):
                return _ARRAY, body(item)
            data = next(leaves)
            return (element.kind, data) if element.kind else (data[0], data[1:])

        def body(items: list[Any]) -> bytes:
            data = b"".join(bytes([kind]) + b"%d\0" % at + data for at, (kind, data) in enumerate(map(value, items)))
            return _pack_int32(len(data) + 5) + data + b"\0"

        return (map(body, arrays),)

    def json(texts: Texts) -> Iterator[bytes]:
        arrays = list(map(array_items, texts))
        leaves = iter(element.json(list(_leaves(arrays))))

        def value(item: Any) -> bytes:
            if isinstance(item, list):
                return b"[" + b",".join(map(value, item)) + b"]"
            return b"null" if item is None else next(leaves)

        return map(value, arrays)

    def text(items: Any) -> str:
        if not isinstance(items, list):
            raise TypeError(f"expected an array, not a value of the type {type(items).__name__}")
        return array_text(list(map(member, items)))

    def member(item: Any) -> str:
        if isinstance(item, list):
            return text(item)
        return "NULL" if item is None else quoted(element.text(item))

    return Form(_ARRAY, pieces, json, text)


def _leaves(item: Any) -> Iterator[bytes]:
    """The elements of arrays, in order and without NULLs."""
    if isinstance(item, list):
        for each in item:
            yield from _leaves(each)
    elif item is not None:
        yield item
