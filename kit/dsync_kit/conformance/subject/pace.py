"""How much an explorer's example may do, so that even a slow connector gets several of them in the rule's time."""

from dataclasses import dataclass
from typing import Self

__all__ = ["Pace"]

_FEWEST_LISTS, _MOST_LISTS = 2, 10
"""Never just one: with a fixed number, Hypothesis would draw one value less, and another pace could not replay it."""

_EXAMPLES = 3
"""How many examples of the usual length should fit into the time."""

_CALLS_AROUND, _CALLS_A_LIST = 16, 14
"""About how many calls an example makes at its beginning and its end, and for each list of steps."""

_OUTAGE_SHARE = 0.5
"""An outage may take this fraction of the time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`lists` is the most lists of steps in an example, `outages` whether it may make the backend unreachable."""

    lists: int = _MOST_LISTS
    outages: bool = True

    @classmethod
    def within(cls, seconds: float, *, call: float, outage: float) -> Self:
        """The pace of examples that share so many `seconds`, if a `call` and an `outage` take as long as given."""
        calls = seconds / _EXAMPLES / call if call else float("inf")
        # On average, an example has half of the most lists.
        lists = 2 * (calls - _CALLS_AROUND) / _CALLS_A_LIST - 1
        return cls(int(max(_FEWEST_LISTS, min(_MOST_LISTS, lists))), outage <= _OUTAGE_SHARE * seconds)
