"""The situations that an explorer reached: which operations met, and how."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Meeting", "Situation", "merged", "table"]


class Meeting(StrEnum):
    """How two operations met."""

    THEN = "one after the other"
    AT_ONCE = "at once"
    ELSEWHERE = "the second on another instance"
    RESTART = "a restart in between"
    OUTAGE = "an outage in between"
    THROTTLE = "a throttling backend in between"


@dataclass(frozen=True, slots=True, order=True)
class Situation:
    """Two operations that met, and how."""

    first: str
    meeting: Meeting
    second: str


def merged(parts: Iterable[Iterable[tuple[Situation, int]]]) -> tuple[tuple[Situation, int], ...]:
    """The situations of several rules or runs, each with how often it was reached, in order."""
    found: Counter[Situation] = Counter()
    for part in parts:
        for situation, count in part:
            found[situation] += count
    return tuple(sorted(found.items()))


def table(reached: Iterable[tuple[Situation, int]], meeting: Meeting) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """The pairs of operations that met in one way: the names of the columns, and the rows with their counts.

    Both are empty if no operations met in this way.
    """
    counts = {(found.first, found.second): count for found, count in reached if found.meeting is meeting}
    columns = sorted({second for _, second in counts})
    rows = sorted({first for first, _ in counts})
    return columns, [(first, [counts.get((first, second), 0) for second in columns]) for first in rows]
