"""A failure that hides others: features without which its rule passes, and how its consequences fare without them."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dsync_kit.conformance.results.features import Feature, FeatureKind, Features, Retrial, features_of_owner
from dsync_kit.conformance.results.outcome import Finding, Status
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["Cause", "has_passed"]

_MOST_FEATURES = 6
"""How many features of an example are tried."""

_MOST_TRIALS = 12
"""How often a failing rule is judged again: a store that turns all values into texts shows one kind after another."""

_ENOUGH = 3
"""How many examples must have reached a check before a rule is said to pass without a feature."""

_NEW_FEATURES = 2
"""How many features of an example that fails in another way are tried."""

_SURELY = 2
"""If a failure took some examples to be found, this many times as many must pass without a feature that matters."""


_MIXED = Feature(FeatureKind.MIXED_IDS)
_TEXTS = Feature(FeatureKind.VALUES, "string")
_OF_VALUES = (
    FeatureKind.VALUES,
    FeatureKind.ODD_TEXTS,
    FeatureKind.NOT_FINITE,
    FeatureKind.LONG_INTEGERS,
    FeatureKind.EXTREME_NUMBERS,
    FeatureKind.FRACTIONS,
    FeatureKind.DEEP,
)
"""The kinds of features that come with values of some type."""


@dataclass(eq=False)
class Cause:
    """A failure, the rules to judge again because of it, and the results.

    `without` are the features without which its consequences are judged; None if they are not known yet. `within` is
    the cause whose consequences were judged when it was found; None if it was found in the run itself.
    """

    finding: Finding
    about: FeatureKind | None
    """What the rule is about."""
    consequences: tuple[str, ...]
    within: "Cause | None"
    trials: deque[Features]
    left: deque[tuple[str, Features]]
    """The consequences to judge, each with further features that its examples must not show."""
    seen: set[frozenset[Feature]] = field(default_factory=set)
    """All features without which the rule has been judged, or will be."""
    tried: int = 0
    without: Features | None = None
    idle_without: tuple[Features, Finding] | None = None
    """The first features without which the rule has nothing to check, and the finding."""
    exercised: bool = False
    """Whether the rule has passed without the features. Otherwise it is about them, and has nothing to check."""
    surely: bool = False
    """Whether so many examples have passed that this was hardly by chance."""
    confirmed: bool | None = None
    """Whether the rule fails with these features alone; None while that is not known."""
    mixes: bool | None = None
    """Whether the rule passes with ids of one kind, even if these are not texts; None while that is not known."""
    in_all_it_does: bool = False
    """Whether the rule cannot do without what its example shows of calls, such as ids that are written again."""
    found: dict[str, Finding] = field(default_factory=dict)
    beside: tuple[Finding, ...] = ()
    """The failures known when all its consequences had been judged. Later ones may be consequences of these."""
    suspects: deque[str] = field(default_factory=deque)
    """Rules among them that would explain what still fails: they are judged without the features, too."""
    suspected: dict[str, Finding | None] = field(default_factory=dict)
    """What was found about them; None until they have been judged."""
    put_off: dict[str, str] = field(default_factory=dict)
    """The consequences that come after another one which still fails: they are judged without what that shows."""

    @classmethod
    def of(
        cls,
        finding: Finding,
        consequences: Sequence[str],
        about: FeatureKind | None,
        *,
        within: "Cause | None" = None,
    ) -> "Cause":
        """A failure found in the run itself or, `within` a cause, when that one's consequences were judged again."""
        trials = deque((*finding.without, feature) for feature in finding.features[:_MOST_FEATURES])
        left: deque[tuple[str, Features]] = deque((rule, ()) for rule in consequences)
        made = cls(finding, about, tuple(consequences), within, trials, left, set(map(frozenset, trials)))
        made.give_up_if_unknown()
        return made

    def note(self, without: Features, finding: Finding) -> None:
        """Note the finding about the rule itself, judged again without these features."""
        self.tried += 1
        self.trials.popleft()
        if has_passed(finding):
            self._explained(without, finding)
            return
        if finding.status is Status.NOT_EXERCISED and self._is_about(without) and self.idle_without is None:
            self.idle_without = (without, finding)
        # If it fails in another way, perhaps only the features that it shows now need to be left out, too.
        known = self.finding.features if _alike(finding, self.finding) else without
        new = [feature for feature in finding.features if feature not in known]
        # What fails with texts and with others is not about the kind: leaving out more would leave nothing to check.
        of_any_kind = {feature.kind for feature in without if feature.detail == _TEXTS.detail}
        new = [feature for feature in new if feature.kind not in of_any_kind]
        if any(feature.kind is FeatureKind.VALUES for feature in without):
            # Texts replace the values that are left out, so their appearance means little.
            new.sort(key=lambda feature: feature == _TEXTS)
        for feature in reversed(new[:_NEW_FEATURES]):
            self._try_next((*without, feature))
        if self.tried >= _MOST_TRIALS:
            self.trials.clear()
        self.give_up_if_unknown()

    def passes_without(self, features: Features, finding: Finding) -> None:
        """Judge the consequences without these features, too: the rule has passed without them."""
        self._explained(tuple(dict.fromkeys((*self.finding.without, *features))), finding)

    def _explained(self, without: Features, finding: Finding) -> None:
        self.without, self.exercised = without, finding.status is Status.PASSED
        self.surely = self.exercised and finding.exercised >= _SURELY * self.finding.until_failure

    def to_confirm(self) -> Features | None:
        """What else its example shows, to be left out to see whether the features alone make it fail; None if that is
        known, would be of no use, or could not be seen."""
        passed = any(finding.status is Status.PASSED for finding in self.found.values())
        if self.confirmed is not None or not self.surely or not passed or not self.complete or not self.without:
            return None
        if self.mixes is None and _MIXED in self.without:
            return (Feature(FeatureKind.IDS, _TEXTS.detail), _MIXED)
        of_values = any(feature.kind in _OF_VALUES for feature in self.without)
        return tuple(
            feature
            for feature in self.finding.features
            if feature not in self.without
            and not (self.in_all_it_does and feature.of_calls)
            and feature.detail != _TEXTS.detail
            and not (of_values and feature.kind is FeatureKind.VALUES)
        )

    def confirm(self, finding: Finding) -> None:
        """Note the finding about the rule itself, judged without all other features."""
        if self.mixes is None and _MIXED in (self.without or ()):
            self.mixes = finding.failure is None
            self.confirmed = None if self.mixes else False
        elif finding.failure is not None:
            self.confirmed = finding.owner == self.finding.owner
        elif has_passed(finding) or self.in_all_it_does or any(feature.of_calls for feature in self.without or ()):
            self.confirmed = False
        else:
            self.in_all_it_does = True  # it has nothing to check without them, so they say nothing about the data

    def give_up_if_unknown(self) -> None:
        """Once no trial is left: take features without which the rule has nothing to check.

        If there are none, judge the consequences that were put off as they would have been judged before.
        """
        if self.without is None and not self.trials and self.idle_without is not None:
            self._explained(*self.idle_without)
        elif self.without is None and not self.trials and self.within is not None:
            self.consequences = tuple(rule for rule in self.consequences if rule in self.within.put_off)
            self.left = deque((rule, ()) for rule in self.consequences)
            self.without = self.finding.without

    def _try_next(self, features: Features) -> None:
        """Judge the rule without these features next, unless that has been done."""
        if frozenset(features) not in self.seen:
            self.seen.add(frozenset(features))
            self.trials.appendleft(features)

    def shared(self, retrial: Retrial, finding: Finding) -> Features:
        """The unusual features that a consequence's example shows as this one does, unless it was judged without."""
        if finding.failure is None or retrial.without != self.without:
            return ()
        mine = set(self.finding.features) - set(retrial.without)
        return tuple(feature for feature in finding.features if feature.narrow and feature in mine)

    def take(self, finding: Finding, rules: Mapping[str, RuleInfo]) -> None:
        """Note the finding about a consequence. If it still fails, put off those that come after it."""
        self.found[finding.rule] = finding
        if finding.failure is None or not finding.failure.reproducible or self._fails_alike(finding):
            return
        if set(finding.features) <= set(finding.without):
            return
        waiting = {finding.rule}
        for rule, more in list(self.left):
            if not more and not waiting.isdisjoint(rules[rule].after):
                waiting.add(rule)
                self.left.remove((rule, more))
                self.put_off[rule] = finding.rule

    @property
    def waiting(self) -> int:
        """How many rules wait for it, the ones that were put off included: most is revealed by what hides most."""
        due = len(self.left) + len(self.suspects)
        return due + len(self.put_off) if due else 0

    @property
    def names(self) -> tuple[str, ...]:
        """The rules under which its consequences are shown: itself, and the causes under which they were put off."""
        return (self.finding.rule, *(self.within.names if self.within is not None else ()))

    @property
    def complete(self) -> bool:
        """Whether all consequences have been judged, or put off."""
        return len(self.found) + len(self.put_off) == len(self.consequences)

    def fails_as_before(self, finding: Finding) -> bool:
        """Whether a consequence still fails as it did when this cause was found to explain it."""
        before = self.within.found.get(finding.rule) if self.within is not None else None
        if before is None or before.failure is None or finding.failure is None:
            return False
        return _alike(before, finding) and set(before.features) == set(finding.features)

    def _fails_alike(self, finding: Finding) -> bool:
        """Whether a consequence fails as the cause does."""
        same = not set(finding.symptoms).isdisjoint(self.finding.symptoms)
        return same or (finding.owner == self.finding.rule and not self.exercised)

    def _is_about(self, without: Features) -> bool:
        """Whether the rule is about the last feature, so that it has nothing to check without.

        Otherwise that says nothing about the failure: without texts, or without writing an id twice, many rules have
        nothing to check, whatever they are about.
        """
        last, values = without[-1], features_of_owner(self.finding.rule)
        of_values = any(last == feature or (last.detail and last.detail == feature.detail) for feature in values)
        return last.narrow or last.kind is self.about or of_values

    def own(self) -> Iterator[Finding]:
        """The findings about its consequences. Those that fail as it does show nothing new.

        If the rule has passed without the features, something else makes them fail: the first consequence that shows it
        is a failure, and the others are its consequences.
        """
        alike = ""
        for finding in self.found.values():
            if finding.failure is None:
                yield finding
            elif not finding.failure.reproducible:
                yield _not_exercised(finding, "its failure did not recur")
            elif self._fails_alike(finding):
                yield _not_exercised(finding, f"it fails as {self.finding.rule} does")
            elif finding.owner != self.finding.rule:
                yield finding
            else:
                alike = alike or finding.rule
                yield replace(finding, owner=alike)


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two failures of a rule look the same, as far as that is known."""
    return (one.owner, one.symptoms) == (other.owner, other.symptoms)


def has_passed(finding: Finding) -> bool:
    """Whether a rule that was judged again has passed, and not because most of its examples were declined."""
    return finding.status is Status.PASSED and finding.exercised >= min(_ENOUGH, (finding.examples + 1) // 2)


def _not_exercised(finding: Finding, reason: str) -> Finding:
    return replace(finding, status=Status.NOT_EXERCISED, reason=reason, failure=None)
