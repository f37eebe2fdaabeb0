"""Counts may lag behind the data."""

from collections.abc import Callable

from dsync_kit.conformance.calls.polling import LONGEST_LAG, awaited
from dsync_kit.conformance.results.outcome import Violation

__all__ = ["Counting"]


class Counting:
    """How long counts lag behind the data: many stores take them from statistics.

    The kit waits for a count to become right. Once one has stayed wrong, it waits for no other.
    """

    def __init__(self) -> None:
        self._in_vain = False

    def settled(self, look: Callable[[], None]) -> None:
        """Call `look`, which raises Violation if the count is wrong, until the count is right.

        Raises Violation if it never is.
        """
        try:
            awaited(look, 0.0 if self._in_vain else LONGEST_LAG)
        except Violation:
            self._in_vain = True
            raise
