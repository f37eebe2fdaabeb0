"""Shares out the time of a run among its rules, so that it ends in time even with a slow connector."""

import time
from collections.abc import Callable

from dsync_kit.conformance.results.profile import Profile

__all__ = ["Budget"]

_AHEAD = 0.5
"""While a run has used at most this fraction of the time due so far, its rules may take all that the profile allows."""

_APART = 0.2
"""The fraction of a profile's time for judging rules again, apart from features of a failure."""


class Budget:
    """The time of a run of `rules` rules in `jobs` parallel processes, shared out rule by rule.

    `clock` returns seconds.
    """

    def __init__(
        self, profile: Profile, rules: int, *, jobs: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = profile.total
        self._rules = rules
        self._jobs = jobs
        self._clock = clock
        self._began = clock()
        self._given = 0
        self._again_began: float | None = None

    def share(self) -> float | None:
        """The most seconds for the examples of the next rule; None means the profile's limit.

        If the run is late, it is an equal share of the remaining time.
        """
        spent = self._clock() - self._began
        done, self._given = self._given, self._given + 1
        if spent * self._rules <= _AHEAD * self._total * (done + 1):
            return None
        return max(0.0, self._total - spent) * self._jobs / max(1, self._rules - done)

    def has_time_again(self) -> bool:
        """Whether there is time to judge another rule again. The time starts with the first call."""
        now = self._clock()
        if self._again_began is None:
            self._again_began = now
        return now - self._again_began < _APART * self._total
