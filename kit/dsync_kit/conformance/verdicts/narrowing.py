"""Judges again what a failure hides: the rules that it explains, without the features that its example shows.

One bug must not blind the kit. If a failure has consequences, its rule is judged again first, to find the features
without which it does not fail. Then its consequences are judged without these features. Those that still fail are
failures of their own, whose consequences are judged again in the same way, without further features. But if such an
example shows another unusual feature that the cause's example shows, too, its rule is judged without that first.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dsync_kit.conformance.results.features import (
    Apart,
    Feature,
    FeatureKind,
    Features,
    Retrial,
    features_of_owner,
    name_features,
)
from dsync_kit.conformance.results.outcome import Finding, Outcome, Status
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.verdicts.consequences import outcomes_of

__all__ = ["Narrowing"]

_MOST_FEATURES = 6
"""How many features of an example are tried."""

_MOST_TRIALS = 12
"""How often a failing rule is judged again: a store that turns all values into texts shows one kind after another."""

_ENOUGH = 3
"""How many examples must have reached a check, of a rule that is said to pass without a feature."""

_NEW_FEATURES = 2
"""How many features of an example that fails in another way are tried."""


_TEXTS = Feature(FeatureKind.VALUES, "string")
_FUNDAMENTAL = (FeatureKind.VALUES, FeatureKind.IDS)


@dataclass
class _Cause:
    """A failure, the rules to judge again because of it, and the results.

    `without` are the features without which its consequences are judged; None if they are not known yet. `first` means
    that it was found in the run itself, not when rules were judged again.
    """

    finding: Finding
    consequences: tuple[str, ...]
    first: bool
    trials: deque[Features]
    left: deque[tuple[str, Features]]
    """The consequences to judge, each with further features that its examples must not show."""
    tried: int = 0
    without: Features | None = None
    exercised: bool = False
    """Whether the rule has passed without the features. Otherwise it is about them, and has nothing to check."""
    found: dict[str, Finding] = field(default_factory=dict)
    beside: tuple[Finding, ...] = ()
    """The failures known when all its consequences had been judged. Later ones may be consequences of these."""
    suspects: deque[str] = field(default_factory=deque)
    """Rules of those that would explain what still fails: they are judged without the features, too."""
    suspected: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, finding: Finding, consequences: Sequence[str], *, first: bool) -> "_Cause":
        trials = deque((*finding.without, feature) for feature in finding.features[:_MOST_FEATURES])
        return cls(finding, tuple(consequences), first, trials, deque((rule, ()) for rule in consequences))

    def tell(self, without: Features, finding: Finding) -> None:
        """Note the finding about the rule itself, judged again without these features."""
        self.tried += 1
        self.trials.popleft()
        if _passed(finding) or (finding.status is Status.NOT_EXERCISED and self._is_about(without)):
            self.without, self.exercised = without, finding.status is Status.PASSED
            return
        # It fails in another way: perhaps only the features that it shows now need to be left out.
        new = [feature for feature in finding.features if feature not in self.finding.features]
        # What fails with texts and with others is not about the kind: leaving out more would leave nothing to check.
        of_any_kind = {feature.kind for feature in without if feature.detail == _TEXTS.detail}
        new = [feature for feature in new if feature.kind not in of_any_kind]
        if any(feature.kind is FeatureKind.VALUES for feature in without):
            # Texts replace the values that are left out, so their appearance means little.
            new.sort(key=lambda feature: feature == _TEXTS)
        self.trials.extendleft((*without, feature) for feature in reversed(new[:_NEW_FEATURES]))
        if self.tried >= _MOST_TRIALS:
            self.trials.clear()

    def shared(self, retrial: Retrial, finding: Finding) -> Features:
        """The unusual features that a consequence's example shows as this one does, unless it was judged without."""
        if finding.failure is None or retrial.without != self.without:
            return ()
        mine = set(self.finding.features) - set(retrial.without)
        return tuple(feature for feature in finding.features if feature.narrow and feature in mine)

    def _is_about(self, without: Features) -> bool:
        """Whether the rule has nothing to check because of the last feature: without texts, no rule has much."""
        last, about = without[-1], features_of_owner(self.finding.rule)
        return last.kind not in _FUNDAMENTAL or any(last.detail == feature.detail for feature in about)

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
            elif not set(finding.symptoms).isdisjoint(self.finding.symptoms):
                yield _not_exercised(finding, f"it fails as {self.finding.rule} does")
            elif finding.owner != self.finding.rule:
                yield finding
            elif not self.exercised:
                yield _not_exercised(finding, f"it fails as {self.finding.rule} does")
            else:
                alike = alike or finding.rule
                yield replace(finding, owner=alike)


class Narrowing:
    """Decides which rules are judged again, one after another, and how that changes the outcomes.

    `findings` are those of the whole run. `has_time` says whether there is time for another rule.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        rules: Iterable[RuleInfo],
        terms: Terms,
        *,
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._rules = tuple(rules)
        self._terms = terms
        self._has_time = has_time
        self._trying: set[str] = set()
        self._roots: dict[str, Finding] = {}
        self._causes = self._causes_of(findings, outcomes_of(findings, self._rules, terms), first=True)

    def next(self) -> Retrial | None:
        """The next rule to judge again; None if there is none, or none until a rule in progress is finished."""
        if not self._has_time():
            return None
        for cause in self._causes:
            rule = cause.finding.rule
            if cause.without is not None and cause.left:
                consequence, more = cause.left.popleft()
                return Retrial(consequence, rule, (*cause.without, *more))
            if cause.without is not None and cause.suspects:
                return Retrial(cause.suspects.popleft(), rule, cause.without)
            if cause.without is None and cause.trials and rule not in self._trying:
                self._trying.add(rule)
                return Retrial(rule, rule, cause.trials[0])
        return None

    def take(self, retrial: Retrial, finding: Finding) -> None:
        """Note the finding about a rule that was judged again."""
        cause = next(cause for cause in self._causes if cause.finding.rule == retrial.cause)
        if retrial.rule == retrial.cause:
            self._trying.discard(retrial.rule)
            cause.tell(retrial.without, finding)
            return
        if retrial.rule in cause.suspected:
            if finding.failure is None:  # it explains nothing without these features
                cause.beside = tuple(other for other in cause.beside if other.rule != retrial.rule)
            self._fold(cause)
            return
        if more := cause.shared(retrial, finding):
            cause.left.appendleft((retrial.rule, more))
            return
        cause.found[retrial.rule] = finding
        if len(cause.found) == len(cause.consequences):
            cause.beside = tuple(self._roots.values())
            self._fold(cause)

    def _fold(self, cause: _Cause) -> None:
        """Take in what its consequences showed, once it is known whether other failures explain it."""
        came_of = self._came_of(cause)
        beside = {finding.rule for finding in cause.beside} - {cause.finding.rule, *cause.found, *cause.suspected}
        unknown = next((outcome.cause for outcome in came_of if outcome.cause in beside), None)
        if unknown is not None:
            cause.suspected.add(unknown)
            cause.suspects.append(unknown)
        else:
            self._causes += self._causes_of(list(cause.own()), came_of, first=False)

    def outcomes(
        self,
        outcomes: Sequence[Outcome],
        *,
        replay: Callable[[Finding], str] = lambda _: "",
        keep: Callable[[Finding], str] = lambda _: "",
    ) -> tuple[Outcome, ...]:
        """The outcomes of the run, including those of rules that were judged again.

        A rule that still fails has failed on its own, and is shown so, unless it shows the same as its cause.
        """
        now = {outcome.rule: outcome for outcome in outcomes}
        for cause in self._causes:
            if cause.without is None:
                continue
            named, rule = name_features(cause.without), cause.finding.rule
            if cause.first:
                now[rule] = replace(now[rule], apart=Apart(named, ""))
            for name in cause.consequences:
                now[name] = replace(now[name], apart=Apart(named, rule))
            for outcome in self._came_of(cause, replay=replay, keep=keep):
                before = now[outcome.rule]
                without = cause.found[outcome.rule].without or cause.without
                apart = Apart(name_features(without), rule, outcome.status)
                fails = outcome.failure is not None and before.cause == rule
                now[outcome.rule] = replace(outcome if fails else before, apart=apart)
        return tuple(now[outcome.rule] for outcome in outcomes)

    def _came_of(self, cause: _Cause, **texts: Callable[[Finding], str]) -> list[Outcome]:
        """The outcomes of a failure's consequences that were judged again, in the light of the other failures."""
        beside = [finding for finding in cause.beside if finding.rule not in {cause.finding.rule, *cause.found}]
        outcomes = outcomes_of([*beside, *cause.own()], self._rules, self._terms, **texts)
        return [outcome for outcome in outcomes if outcome.rule in cause.found]

    def _causes_of(self, findings: Sequence[Finding], outcomes: Sequence[Outcome], *, first: bool) -> list[_Cause]:
        """The failures that hide others and have features, in the order that reveals most if time runs out."""
        by_rule = {finding.rule: finding for finding in findings}
        hidden: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.cause in by_rule:
                hidden.setdefault(outcome.cause, []).append(outcome.rule)
            elif outcome.failure is not None and not outcome.cause:
                self._roots[outcome.rule] = by_rule[outcome.rule]
        causes = (_Cause.of(by_rule[rule], names, first=first) for rule, names in hidden.items())
        return sorted((cause for cause in causes if cause.trials), key=lambda cause: -len(cause.consequences))


def _passed(finding: Finding) -> bool:
    """Whether a rule that was judged again has passed, and not because most of its examples were declined."""
    return finding.status is Status.PASSED and finding.exercised >= min(_ENOUGH, (finding.examples + 1) // 2)


def _not_exercised(finding: Finding, reason: str) -> Finding:
    return replace(finding, status=Status.NOT_EXERCISED, reason=reason, failure=None)
