"""How long each rule may take, so that a run ends in its time, however slow the connector's calls are."""

import time
from collections.abc import Callable

from dsync_kit.conformance.results.profile import Profile

__all__ = ["Budget"]

_AHEAD = 0.5
"""A run that has used no more than this part of the time that was due so far may spend as much as a profile allows."""

_APART = 0.2
"""The part of a profile's time in which rules are judged again, apart from what a failure has shown."""


class Budget:
    """The time of a run of `rules` rules, given out rule by rule, by `jobs` processes at once.

    `clock` gives seconds.
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
        """The most seconds for the examples of the next rule; None leaves it to the profile.

        Where the rules so far have taken their time, it is what is left, shared among the rules that are.
        """
        spent = self._clock() - self._began
        done, self._given = self._given, self._given + 1
        if spent * self._rules <= _AHEAD * self._total * (done + 1):
            return None
        return max(0.0, self._total - spent) * self._jobs / max(1, self._rules - done)

    def has_time_again(self) -> bool:
        """Whether there is time to judge one more rule again; it begins to count when it is first asked for."""
        now = self._clock()
        if self._again_began is None:
            self._again_began = now
        return now - self._again_began < _APART * self._total
