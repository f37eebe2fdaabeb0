"""Texts that differ only in names and values from one example to the next."""

import re
from collections import Counter
from collections.abc import Mapping

__all__ = ["joined", "shape_of"]

_DATA = re.compile(r"b?'[^']*'|\"[^\"]*\"|[0-9a-f]{8,}|\d+")
"""The parts of a text that differ from example to example."""

_COMPARED = 100
"""How many characters are compared: connectors shorten long messages, each elsewhere."""


def shape_of(text: str) -> str:
    """The first characters of a text without its values: the same for texts that say the same."""
    return _DATA.sub("…", text)[:_COMPARED]


def joined(texts: Mapping[str, int]) -> Counter[str]:
    """How often each text was seen; texts of one shape count as the one that was seen most often, or first."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for text, count in Counter(texts).most_common():
        counts[first.setdefault(shape_of(text), text)] += count
    return counts
