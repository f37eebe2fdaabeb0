"""JSON documents in other spellings: escapes, white space and numbers with the same meaning."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, NoReturn

__all__ = [
    "Spacing",
    "Spelling",
    "capitals_and_slashes",
    "every_character",
    "number_as_exponent",
    "number_with_point",
    "only_ascii",
    "read",
    "unescaped",
]

_LONG = 1000
"""Texts of this many characters are not escaped completely: the document would be six times as large."""

_MOST_DIGITS = 15
"""An integer of so many digits is the same number as a double, which a reader may make of it if it has a point."""

_ESCAPES = re.compile(r"\\\\|(?:\\u[0-9a-f]{4})++")
"""A backslash as it is written, or as many characters as follow one another."""


def unescaped(text: str) -> str:
    """A text as a JSON string, with the escapes that JSON requires."""
    return encode_basestring(text)


def only_ascii(text: str) -> str:
    """With `\\u` escapes of everything but ASCII: two for a character beyond the first 65,536."""
    return encode_basestring_ascii(text)


def capitals_and_slashes(text: str) -> str:
    """The same with capital digits, and with an escape of each slash."""
    escaped = encode_basestring_ascii(text)
    return _ESCAPES.sub(lambda found: found[0].upper().replace("U", "u"), escaped).replace("/", "\\/")


def every_character(text: str) -> str:
    """With an escape of each character; a long text like `only_ascii`."""
    if len(text) > _LONG:
        return only_ascii(text)
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2)) + '"'


def number_with_point(literal: str) -> str:
    """5 as 5.0, 0.5 as 0.50; a number with an exponent, or beyond the integers of a double, as it is."""
    if "e" in literal.lower() or len(literal) > _MOST_DIGITS:
        return literal
    return f"{literal}0" if "." in literal else f"{literal}.0"


def number_as_exponent(literal: str) -> str:
    """5 as 5e0, 0.5 as 5E-1; others like `number_with_point`."""
    if "e" in literal.lower() or len(literal) > _MOST_DIGITS:
        return literal
    whole, point, fraction = literal.partition(".")
    if not point:
        return f"{literal}e0"
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{(digits + fraction).lstrip('0') or '0'}E-{len(fraction)}"


@dataclass(frozen=True, slots=True)
class Spacing:
    """The white space of a document: around the whole, and with commas and colons."""

    around: str = ""
    comma: str = ","
    colon: str = ":"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How to write a JSON document: its white space, its texts and its numbers."""

    spacing: Spacing
    text: Callable[[str], str]
    number: Callable[[str], str]

    def document(self, fields: Mapping[str, Any]) -> bytes:
        """An object as JSON. A number in its id stays as it is, because an id has a type."""
        pairs = (
            f"{self.text(name)}{self.spacing.colon}{self._value(value, as_it_is=name == 'id')}"
            for name, value in fields.items()
        )
        around = self.spacing.around
        return f"{around}{{{around}{self.spacing.comma.join(pairs)}{around}}}{around}".encode()

    def _value(self, value: Any, *, as_it_is: bool = False) -> str:
        match value:
            case _Number():
                return value if as_it_is else self.number(value)
            case str():
                return self.text(value)
            case dict():
                items = ((self.text(name), self._value(item, as_it_is=as_it_is)) for name, item in value.items())
                return f"{{{self.spacing.comma.join(f'{name}{self.spacing.colon}{item}' for name, item in items)}}}"
            case list():
                return f"[{self.spacing.comma.join(self._value(item, as_it_is=as_it_is) for item in value)}]"
            case _:
                return json.dumps(value)


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def read(data: bytes) -> dict[str, Any]:
    """The object, with numbers as written. Raises ValueError if it is not an object, or has a field twice."""
    found = _READER.decode(data.decode())
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Made once: each takes longer to make than to read a small document.
_READER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_refuse, object_pairs_hook=_object)
