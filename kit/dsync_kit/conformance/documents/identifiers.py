"""Ids that are made, not drawn: one of each kind, many that sort by number, many that are all different."""

from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any
from uuid import UUID

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

__all__ = [
    "LONG_IDS",
    "NUMBERED_KINDS",
    "ends_of",
    "equal_numbers",
    "numbered_ids",
    "probing_ids",
    "sample_id",
    "split_prefix",
    "varied_ids",
]

_SAMPLES: dict[str, Any] = {
    "string": "sample 𝄞/é",
    "name": "sample",
    "object-id": ObjectId(b"dsync-kit-id"),
    "int32": 7,
    "int64": Int64(7_000_000_000),
    "double": 7.5,
    "date": DatetimeMS(86_400_000),
    "uuid": Binary.from_uuid(UUID("7e57ab1e-5eed-4bad-8ace-d5c0ffee0001")),
    "uuid-text": "7e57ab1e-5eed-4bad-8ace-d5c0ffee0001",
    "binary": Binary(b"sample", 0),
    "decimal": Decimal128("7.10"),
    "boolean": True,
    "document": {"a": "x", "b": "y"},
    "integer": 7,
    "serial": 7,
}

_EXTREMES: dict[str, tuple[Any, ...]] = {
    "string": ("\U00010000" * 8, " x'\u00a0"),
    "int32": (0, -1, 2**31 - 1, -(2**31)),
    "int64": (Int64(0), Int64(-1), Int64(2**63 - 1), Int64(-(2**63))),
    "integer": (0, -1, 2**53 + 1, -(2**53)),
    "double": (-1e300, 5e-324),
    "date": (DatetimeMS(-62135596800000), DatetimeMS(253402300799999)),
}
"""Ids that a store refuses if its key is narrower than the type: a column of so many bytes, a serial number."""


def sample_id(kind: str) -> Any:
    """One id of a kind, always the same."""
    return _SAMPLES[kind]


def probing_ids(kind: str) -> tuple[Any, ...]:
    """Ids that a store accepts if it accepts the kind: a plain one, and those at the bounds."""
    return (_SAMPLES[kind], *_EXTREMES.get(kind, ()))


def equal_numbers(number: int) -> dict[str, Any]:
    """A number as an id of each number type."""
    return {"int32": number, "int64": Int64(number), "double": float(number)}


def ends_of(kind: str) -> tuple[Any, ...]:
    """The ids at both ends of the range of a kind, and around its middle; none for a kind without a range."""
    return _EXTREMES.get(kind, ()) if kind in _RANGES else ()


_RANGES = ("int32", "int64", "integer", "double", "date")

NUMBERED_KINDS = (
    *("string", "name", "object-id", "integer", "int64", "serial", "int32", "double", "date", "uuid", "uuid-text"),
    *("binary", "decimal", "document"),
)
"""The kinds of ids that can be numbered, the plainest first."""


def numbered_ids(kind: str, prefix: str, count: int) -> Callable[[int], Any]:
    """Makes `count` ids of a kind (of `NUMBERED_KINDS`), which sort by `prefix`, then by number."""
    width = len(str(count))
    letters, digits = split_prefix(prefix)
    start = letters * 100_000 + digits * 1_000
    makers: dict[str, Callable[[int], Any]] = {
        "string": lambda number: f"{prefix}-{number:0{width}}",
        "name": lambda number: f"{prefix}-{number:0{width}}",
        "object-id": lambda number: ObjectId(prefix.encode()[:8].ljust(8, b"_") + number.to_bytes(4, "big")),
        "integer": lambda number: start + number,
        "int64": lambda number: Int64(start + number),
        "serial": lambda number: start + number,
        "int32": lambda number: start + number,
        "double": lambda number: start + number + 0.5,
        "date": lambda number: DatetimeMS(start + number),
        "uuid": lambda number: Binary.from_uuid(UUID(int=start + number, version=4)),
        "uuid-text": lambda number: str(UUID(int=start + number, version=4)),
        "binary": lambda number: Binary(f"{prefix}-{number:0{width}}".encode(), 0),
        "decimal": lambda number: Decimal128(f"{start + number}.5"),
        "document": lambda number: {"a": prefix, "b": number},
    }
    return makers[kind]


def split_prefix(prefix: str) -> tuple[int, int]:
    """A sum of the prefix's letters, and the number in it: ids of `part1` and of `part10` begin in different places."""
    digits = "".join(filter(str.isdigit, prefix))
    return sum(character for character in prefix.encode() if chr(character) not in digits), int(digits or 0)


LONG_IDS = (100, 256, 300, 1000)
"""Characters of long ids: more than a file name, or a key's column, often holds."""

_LETTERS = "aBéA0 ~b_Z日\u00ffz9"
"""Characters on which sort orders differ: capitals, accents, digits and letters, characters beyond `z`."""

_NAME_LETTERS = "aB0A-b_Z9z"


def varied_ids(kinds: Collection[str], count: int) -> list[Any]:
    """`count` different ids of all the kinds in turn: each sort order of a store arranges them differently."""
    makers: dict[str, Callable[[int], Any]] = {
        "string": lambda number: _spelled(number, _LETTERS) if number % 3 else f"item{number}",
        "name": lambda number: _spelled(number, _NAME_LETTERS) if number % 3 else f"item{number}",
        "object-id": lambda number: ObjectId(_bytes(number, 12)),
        "int32": lambda number: _signed(number) * 7919,
        "integer": lambda number: _signed(number) * 7919,
        "serial": lambda number: number * 7919,
        # Most of them are neighbours that are one number as doubles.
        "int64": lambda number: Int64(2**60 + number if number % 3 else _signed(number) * 2**40),
        "double": lambda number: _signed(number) + 0.25,
        "date": lambda number: DatetimeMS(_signed(number) * 86_400_000),
        "uuid": lambda number: Binary.from_uuid(UUID(bytes=_bytes(number, 16), version=4)),
        "uuid-text": lambda number: str(UUID(bytes=_bytes(number, 16), version=4)),
        "binary": lambda number: Binary(_bytes(number, 1 + number % 9) + number.to_bytes(2, "big"), 0),
        "decimal": lambda number: Decimal128(f"{_signed(number)}.5"),
    }
    chosen = [makers[kind] for kind in kinds if kind in makers] or [makers["string"]]
    return [chosen[number % len(chosen)](number // len(chosen) + 1) for number in range(count)]


def _spelled(number: int, letters: str) -> str:
    """The number in the base of so many letters, without a zero digit, so that different numbers look different."""
    text = ""
    while number:
        number, digit = divmod(number - 1, len(letters))
        text = letters[digit] + text
    return text


def _signed(number: int) -> int:
    return number if number % 2 else -number


def _bytes(number: int, size: int) -> bytes:
    return sha256(str(number).encode()).digest()[:size]
