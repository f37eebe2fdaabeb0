"""Shares out the time of a run among its rules, so that it ends in time even with a slow connector."""

import time
from collections.abc import Callable, Sequence

from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["Budget"]

_AHEAD = 0.5
"""While a run has used at most this fraction of the time due so far, its rules get all that the profile allows."""

_EVEN_LATE = 0.25
"""The fraction of its part of the profile's time that a rule has even if those before it took all of it."""

_APART = 0.5
"""The fraction of a profile's time that judging rules again, apart from features of a failure, may always take."""

_OVERDUE = 3.0
"""After this many times the profile's time, a run ends if it only repeats one failure: if a backend doesn't answer,
every call waits for it."""


_LEAST_WEIGHT = 0.25
"""A rule that needs few examples still counts as much: they are expensive."""


class Budget:
    """The time of a run of these rules in `jobs` parallel processes, shared out rule by rule.

    The more examples a rule should have, the larger its share. Rules that explore come last, and share a part of the
    run's time; the other rules leave them that part of the profile's. `clock` returns seconds. `jobs` may change.
    """

    def __init__(
        self,
        profile: Profile,
        rules: Sequence[RuleInfo],
        *,
        jobs: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._profile = profile
        self._exploring = sum(rule.explores for rule in rules)
        self._others = sum(_weight(rule) for rule in rules if not rule.explores)
        self._total = profile.total
        self._for_others = profile.total * (1 - profile.exploring) if self._exploring else profile.total
        self._taken_by_others: float | None = None
        self.jobs = jobs
        self._clock = clock
        self._began = clock()
        self._given = 0.0
        self._again_began: float | None = None

    def share(self, rule: RuleInfo) -> float | None:
        """The most seconds for the examples of the next rule; None means the profile's limit.

        A rule that explores uses all of them. If the run is late, a rule gets its part of the remaining time.
        """
        if rule.explores:
            return self._explorers_share(rule.explores)
        spent = self._clock() - self._began
        weight = _weight(rule)
        left, self._given = self._others - self._given, self._given + weight
        if spent * self._others <= _AHEAD * self._for_others * self._given:
            return None
        least = _EVEN_LATE * self._for_others / self._others
        return max(least, (self._for_others - spent) / max(weight, left)) * self.jobs * weight

    def _explorers_share(self, weight: float) -> float:
        """The seconds of a rule that explores; if no others run, what the profile gives a rule."""
        spent = self._clock() - self._began
        if not self._others:
            return self._profile.seconds * weight
        if self._taken_by_others is None:
            self._taken_by_others = spent
        exploring, mine = self._profile.exploring, weight / self._exploring
        due = self._taken_by_others * exploring / (1 - exploring) * mine
        least = _EVEN_LATE * self._total * exploring * mine
        return min(due, max(least, self._total - spent)) * self.jobs

    @property
    def overdue(self) -> bool:
        """Whether the run has taken several times the profile's time."""
        return self._clock() - self._began > _OVERDUE * self._total

    def has_time_again(self) -> bool:
        """Whether there is time to judge another rule again. The time starts with the first call.

        What the run has left over of the profile's time may be used, but no more than twice what the run itself took.
        """
        now = self._clock()
        if self._again_began is None:
            self._again_began = now
        spent = self._again_began - self._began
        most = max(_APART * self._total, min(2 * spent, self._total - spent))
        return now - self._again_began < most


def _weight(rule: RuleInfo) -> float:
    return max(_LEAST_WEIGHT, rule.examples)
