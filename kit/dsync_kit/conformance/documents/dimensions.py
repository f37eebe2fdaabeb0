"""A table of what the contract leaves free: each dimension has values, the plainest first.

Rules don't choose among them: `Case` draws a value for each example, and writes requests accordingly. A value added
here widens every rule that draws the dimension. An example shrinks to the plainest values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Generic, TypeVar
from zlib import crc32

from hypothesis import strategies as st

from dsync_kit.conformance.documents.identifiers import NUMBERED_KINDS
from dsync_kit.conformance.documents.spelling import (
    Spacing,
    capitals_and_slashes,
    every_character,
    number_as_exponent,
    number_with_point,
    only_ascii,
    unescaped,
)

__all__ = [
    "ALIKE",
    "COUNTS",
    "DIMENSIONS",
    "FIELD_ORDER",
    "ID_PLACE",
    "JSON_ESCAPES",
    "JSON_NUMBERS",
    "JSON_SPACING",
    "LARGE_BYTES",
    "NAMESPACE_ORDER",
    "NUMBERED_IDS",
    "PAGE_IDS",
    "PARTITION_ORDER",
    "UNSET",
    "Dimension",
]

T = TypeVar("T")

_PLAIN_SHARE = 2
"""The plainest value counts for at least this many others: most bugs show on it, and it costs nothing."""


@dataclass(frozen=True, eq=False)
class Dimension(Generic[T]):
    """A freedom: `freedom` says why it is one, `drawn` who draws it. `values` have names; the plainest is first."""

    name: str
    freedom: str
    drawn: str
    values: Mapping[str, T]

    @cached_property
    def plain(self) -> str:
        """The name of the plainest value."""
        return next(iter(self.values))

    @cached_property
    def names(self) -> st.SearchStrategy[str]:
        """A strategy for the names of the values; the plainest one is more frequent."""
        return self.among(tuple(self.values))

    @cache  # noqa: B019 - a table lives as long as the process, and few sets of values are requested
    def among(self, names: tuple[str, ...]) -> st.SearchStrategy[str]:
        """The same of some of the values."""
        return st.sampled_from([*names[:1] * max(1, min(_PLAIN_SHARE, len(names) - 1)), *names[1:]])


_Fields = list[tuple[Any, Any]]


def _as_made(fields: _Fields, _: bytes) -> _Fields:
    return fields


def _reversed(fields: _Fields, _: bytes) -> _Fields:
    return fields[::-1]


def _turned(fields: _Fields, document: bytes) -> _Fields:
    """By the document itself: its versions differ in their order; the same version keeps it."""
    turn = crc32(document) % len(fields) if fields else 0
    return fields[turn:] + fields[:turn]


ID_PLACE: Dimension[Callable[[int], int]] = Dimension(
    "place of the id",
    "A document is a set of fields: a whole BSON document with `_id`, a JSON object with `id`.",
    "every rule that writes documents",
    {"first": lambda _: 0, "last": lambda others: others, "in the middle": lambda others: others // 2},
)

FIELD_ORDER: Dimension[Callable[[_Fields, bytes], _Fields]] = Dimension(
    "order of the fields",
    "dsync's verification ignores field order.",
    "every rule that writes documents, also for an overwrite and its original",
    {"as made": _as_made, "reversed": _reversed, "another in each version": _turned},
)

JSON_SPACING: Dimension[Spacing] = Dimension(
    "white space in JSON",
    "JSON_ID is a UTF-8 JSON object: JSON allows white space between its tokens.",
    "every rule that writes JSON",
    {
        "none": Spacing(),
        "after commas and colons": Spacing("", ", ", ": "),
        "line breaks and tabs between all tokens": Spacing("\r\n ", " ,\n\t", " :\t"),
    },
)

JSON_ESCAPES: Dimension[Callable[[str], str]] = Dimension(
    "escapes in JSON",
    "JSON_ID is a UTF-8 JSON object: each character may be escaped, also in names.",
    "every rule that writes JSON",
    {
        "only where needed": unescaped,
        "all but ASCII": only_ascii,
        "all but ASCII, in capitals, and slashes": capitals_and_slashes,
        "every character": every_character,
    },
)

JSON_NUMBERS: Dimension[Callable[[str], str]] = Dimension(
    "numbers in JSON",
    "JSON has one kind of number: 1, 1.0 and 1e0 are the same, except as an id.",
    "every rule that writes JSON, if no schema gives the fields' types",
    {"shortest": lambda literal: literal, "with a point": number_with_point, "with an exponent": number_as_exponent},
)


def _by_cursor(names: Sequence[str], cursor: bytes) -> list[str]:
    return sorted(names, key=lambda name: crc32(name.encode() + cursor))


NAMESPACE_ORDER: Dimension[Callable[[Sequence[str], bytes], list[str]]] = Dimension(
    "order of namespaces",
    "A plan and a stream cover the requested namespaces, whatever their order.",
    "every rule that names several namespaces in a plan or a stream",
    {
        "as they were made": lambda names, _: list(names),
        "reversed": lambda names, _: list(names)[::-1],
        "another for each cursor": _by_cursor,
    },
)

PARTITION_ORDER: Dimension[Callable[[Sequence[Any]], Sequence[Any]]] = Dimension(
    "order of partitions",
    "Up to 32 copiers list partitions at once: any may come first.",
    "every rule that lists a namespace",
    {"as planned": lambda partitions: partitions, "reversed": lambda partitions: partitions[::-1]},
)

_EDGES = (2, 8, 10, 16, 25, 32, 64, 100, 128, 256, 500, 512, 1000, 1024)
"""Common sizes of batches in stores, drivers and loops. One less and one more show as much."""


def _plainest(count: int) -> int:
    """An example shrinks to one document; zero documents are a separate case."""
    return count or 1 << 30


COUNTS: Dimension[int] = Dimension(
    "sizes of pages and calls",
    "One page per call, possibly empty, never split; dsync sets no limit on any call.",
    "the rules on the sizes of pages, calls and listings",
    {
        f"{count:,}": count
        for count in sorted({0, *(edge + off for edge in _EDGES for off in (-1, 0, 1))}, key=_plainest)
    },
)

LARGE_BYTES: Dimension[int] = Dimension(
    "sizes of documents",
    "dsync sets no message-size limit on any call.",
    "`limits/document-sizes`, in each operation that carries a document",
    {
        "no content": 0,
        **{
            f"{size >> 10:,} KiB{sign}": size + off
            for size in (4 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20)
            for sign, off in ((" - 1", -1), ("", 0), (" + 1", 1))
        },
        "15 MiB": (15 << 20) - 1000,
    },
)

NUMBERED_IDS: Dimension[str] = Dimension(
    "kind of numbered ids",
    "An id is a BSON value of any type that the store accepts.",
    "every rule that numbers its documents",
    {kind: kind for kind in NUMBERED_KINDS},
)

PAGE_IDS: Dimension[bool] = Dimension(
    "ids of a page",
    "An id is a BSON value of any type that the store accepts.",
    "every rule that loads a page of documents",
    {"drawn": False, "at both ends of the range of a type": True},
)

UNSET: Dimension[tuple[bool, bool]] = Dimension(
    "fields that a partial update removes",
    "`partial_update_unset` names fields to remove; a missing one is gone already.",
    "the rules on applied partial updates",
    {
        "none": (False, False),
        "one that is there": (True, False),
        "one that is missing": (False, True),
        "both": (True, True),
    },
)
"""Whether a field is removed that the document has, and one that it lacks."""

ALIKE: Dimension[tuple[str, ...]] = Dimension(
    "texts that look alike",
    "Namespaces are opaque strings, and so are ids that are texts.",
    "the rules on ids and on namespaces that look alike",
    {
        "URLs": ("a b", "a+b", "a%20b", "a%2Bb"),
        "queries of URLs": ("a?b", "a&b", "a=b", "a#b"),
        "paths": ("a/b", "a//b", "a/./b", "a/b/"),
        "names of files": ("a.b", "a/b", "a_b", "a%2Fb"),
        "backslashes": ("a\\b", "a\\\\b", "a/b"),
        "quotes in SQL": ("a'b", "a''b", 'a"b', "a`b"),
        "LIKE": ("a", "ab", "a%", "a_"),
        "LIKE in the middle": ("axb", "a_b", "a%b"),
        "shells": ("a*", "ab", "a?", "a$b", "a;b"),
        "regexes": ("a.c", "abc", "a+c", "a^c", "(a.c)"),
        "letter case": ("ab", "Ab", "AB"),
        "case folding beyond ASCII": ("stra\u00dfe", "strasse", "STRASSE"),
        "dotted and dotless i": ("ti", "t\u0131", "T\u0130"),
        "Unicode composition": ("\u00e9", "e\u0301"),
        "Unicode compatibility": ("fi", "\ufb01"),
        "signs with two codes": ("\u212a", "K"),
        "spaces at the ends": ("a", "a ", " a"),
        "kinds of spaces": ("a b", "a\u00a0b", "a\tb"),
        "characters without width": ("ab", "a\u200bb", "a\u00adb"),
        "HTML": ("a&b", "a&amp;b"),
        "numbers": ("7", "007", "7.0", "+7"),
        "separators": ("a-b", "a_b", "a.b", "a:b"),
        "words for nothing": ("null", "None", "0", "false", "undefined"),
        "no text": ("", " "),
        "long beginnings": (f"{'k' * 64}1", f"{'k' * 64}2"),
    },
)

DIMENSIONS: tuple[Dimension[Any], ...] = (
    ID_PLACE,
    FIELD_ORDER,
    JSON_SPACING,
    JSON_ESCAPES,
    JSON_NUMBERS,
    NAMESPACE_ORDER,
    PARTITION_ORDER,
    NUMBERED_IDS,
    PAGE_IDS,
    COUNTS,
    LARGE_BYTES,
    UNSET,
    ALIKE,
)
"""All of them, as `docs/rules.md` shows them."""
