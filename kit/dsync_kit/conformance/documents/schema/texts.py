"""Texts that a schema allows: made by counting, or found for a pattern."""

import math
import re
import string
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample, Unsatisfiable

from dsync_kit.conformance.documents.schema.fitting import fits
from dsync_kit.conformance.documents.schema.ranges import lengths
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["CHARACTERS", "Series", "matching", "series"]

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
"""Any character except NUL, which some stores cannot hold, and lone surrogates."""

_SAMPLES = (0, 1, 7, 9, 10, 35, 36, 61)
_FOUND = 12
"""How many texts are searched for a pattern that no way of counting fits."""


class Series:
    """Texts by number, sorted by number as far as the way of counting allows; `size` different ones."""

    def __init__(self, make: Callable[[int], str], size: int) -> None:
        self._make = make
        self.size = size

    def __call__(self, number: int) -> str:
        return self._make(number % self.size)


def matching(schema: ValueSchema) -> st.SearchStrategy[str]:
    """Texts that match the schema's patterns, and have an allowed length."""
    if schema.format is not None:
        drawn = _formatted(schema.format)
    else:
        drawn = st.from_regex(schema.patterns[-1], alphabet=CHARACTERS)
    # `$` also matches before a final line break, but a store's check may not.
    return drawn.filter(lambda text: not text.endswith("\n") and _fits(schema, text))


def _formatted(name: str) -> st.SearchStrategy[str]:
    if name == "uuid":
        return st.uuids(version=4).map(str)
    if name == "date":
        return st.dates().map(lambda day: day.isoformat())
    precisions = st.sampled_from(["microseconds", "milliseconds", "seconds"])
    return st.builds(lambda time, precision: time.isoformat(timespec=precision) + "Z", st.datetimes(), precisions)


def _fits(schema: ValueSchema, text: str) -> bool:
    return fits(schema.of_types("string"), text, DATA_TYPE_MONGO_BSON)


@lru_cache(maxsize=512)
def _series(key: str, prefix: str) -> Series | None:
    schema = ValueSchema.model_validate_json(key)
    for candidate in _counted(schema, prefix):
        numbers = [number for number in _SAMPLES if number < candidate.size]
        if all(_fits(schema, candidate(number)) for number in (*numbers, candidate.size - 1)):
            return candidate
    if not (first := _found(key, 1)):
        return None
    varied = _varied(schema, first[0])
    if varied.size > _FOUND:
        return _apart(varied, prefix)
    found = _found(key, _FOUND)
    return Series(lambda number: found[number], len(found)) if len(found) >= varied.size else _apart(varied, prefix)


def series(schema: ValueSchema, prefix: str = "") -> Series | None:
    """Texts of the schema, made by counting; another prefix gives other texts, if the length leaves room for one.

    None if no text fits, or none was found.
    """
    relevant = {"min_length", "max_length", "pattern", "format"}
    return _series(schema.model_dump_json(include=relevant, by_alias=True), prefix)


def _counted(schema: ValueSchema, prefix: str) -> Iterator[Series]:
    bounds = lengths(schema)
    if bounds is None:
        return
    least, most = bounds
    if schema.format == "uuid":
        yield Series(lambda number: str(UUID(int=_start(prefix) * 2**64 + number, version=4)), 2**32)
    if schema.format in ("date", "date-time"):
        yield Series(
            lambda number: f"{2000 + number // 336:04}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}", 300_000
        )
        for end in ("Z", ".000Z", ".000000Z", "+00:00"):
            yield Series(lambda number, end=end: _time(number) + end, 2**31)  # type: ignore[misc]
    letters = re.sub(r"\W|_", "", prefix)
    firsts = (f"{prefix}-", *([letters] if most - len(letters) >= _ROOM else []), "") if prefix else ("",)
    for first in firsts:
        for digits in (string.digits, "0123456789abcdef", string.ascii_lowercase, string.ascii_uppercase):
            room = most - len(first)
            width = max(least - len(first), min(room, 10))
            if room >= 1 and width >= 1:
                made = _digits(first, digits, width)
                yield made if first else _apart(made, prefix)
    if not schema.patterns and most >= 1:
        yield _digits("", string.digits + string.ascii_lowercase, max(least, min(most, 6)))
    if least == 0 and not schema.patterns:
        yield Series(lambda _: "", 1)


def _varied(schema: ValueSchema, text: str) -> Series:
    """Texts like this one, with other letters or digits in the places where any fit."""
    choices = []
    for place, character in enumerate(text):
        others = next((letters for letters in _LETTERS if character in letters), character)
        alike = all(_fits(schema, text[:place] + other + text[place + 1 :]) for other in others)
        choices.append(others if alike else character)
    size = min(math.prod(len(letters) for letters in choices), 2**40)

    def make(number: int) -> str:
        made = ""
        for letters in reversed(choices):
            number, digit = divmod(number, len(letters))
            made = letters[digit] + made
        return made

    # Places that vary one at a time may not vary together.
    return Series(make, size if _fits(schema, make(size - 1)) and _fits(schema, make(size // 2)) else 0)


_LETTERS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def _start(prefix: str) -> int:
    return int.from_bytes(sha256(prefix.encode()).digest()[:4])


def _time(number: int) -> str:
    days, seconds = divmod(number, 86_400)
    return (
        f"{2000 + days // 336:04}-{days // 28 % 12 + 1:02}-{days % 28 + 1:02}"
        f"T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    )


_ROOM = 6
"""So many digits are enough for all series of ids."""
_PREFIXES, _BETWEEN = 4096, 10_000
"""How many places there are for the texts of a prefix, and the most texts between two places."""


def _apart(texts: Series, prefix: str) -> Series:
    """Texts that have no room for a prefix: each begins at another number, if there are enough of them."""
    start = min(sum(prefix.encode()), _PREFIXES - 1) * min(texts.size // _PREFIXES, _BETWEEN)
    return Series(lambda number: texts(start + number), texts.size - start)


def _digits(first: str, digits: str, width: int) -> Series:
    size = min(len(digits) ** width, 2**40)

    def make(number: int) -> str:
        text = ""
        while number:
            number, digit = divmod(number, len(digits))
            text = digits[digit] + text
        return first + text.rjust(width, digits[0])

    return Series(make, size)


@lru_cache(maxsize=512)
def _found(key: str, count: int) -> tuple[str, ...]:
    """So many texts that match, if there are so many, the simplest first.

    Found when a schema is read, because Hypothesis cannot nest searches.
    """
    schema = ValueSchema.model_validate_json(key)
    found: list[str] = []
    while len(found) < count:
        try:
            found.append(find(matching(schema), lambda text: text not in found, settings=_FINDING))
        except (NoSuchExample, Unsatisfiable):
            break
    return tuple(found)


_FINDING = settings(
    database=None,
    derandomize=True,
    max_examples=300,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
