"""Strategies that choose among known values, so that all of them occur within a few examples."""

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

__all__ = ["choice", "few", "many", "most", "several", "some"]

Draw = st.SearchStrategy[Any]


@cache
def choice(*choices: Hashable) -> Draw:
    """One of these; made once, because making a strategy costs as much as drawing from it."""
    return st.sampled_from(choices)


def some(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about half of them, down to one when an example shrinks."""
    # The bits of bytes: most drawn lists of choices repeat the previous one, and most drawn numbers are small.
    return _chosen(known, 1, lambda bits: bits[0])


def few(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about a quarter of them, if each costs several calls."""
    return _chosen(known, 2, lambda bits: bits[0] & bits[1])


def many(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about three quarters of them, where each costs little."""
    return _chosen(known, 2, lambda bits: bits[0] | bits[1])


def most(known: Sequence[Any]) -> Draw:
    """At least one of the known values: about seven of eight, where an example that leaves one out may miss a fault."""
    return _chosen(known, 3, lambda bits: bits[0] | bits[1] | bits[2])


def _chosen(known: Sequence[Any], numbers: int, combine: Callable[[list[int]], int]) -> Draw:
    size = (len(known) + 7) // 8

    def chosen(data: bytes) -> list[Any]:
        bits = combine([int.from_bytes(data[start : start + size]) for start in range(0, len(data), size)])
        return [value for number, value in enumerate(known) if bits >> number & 1] or list(known[:1])

    return st.binary(min_size=numbers * size, max_size=numbers * size).map(chosen)


def several(known: Sequence[Any], drawn: Draw, *, choose: Callable[[Sequence[Any]], Draw] = many) -> Draw:
    """Most of the known values, and a few drawn ones: a slow connector leaves few examples in which they can occur."""
    return st.builds(lambda chosen, more: [*chosen, *more], choose(known), st.lists(drawn, max_size=3))
