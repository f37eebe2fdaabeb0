"""Judges again what a failure hides: the rules that it explains, without the features that its example shows.

One bug must not blind the kit. If a failure has consequences, its rule is judged again first, to find the features
without which it does not fail. Then its consequences are judged without these features. Those that still fail are
failures of their own, whose consequences are judged again in the same way, without further features. But if such an
example shows another unusual feature that the cause's example shows, too, its rule is judged without that first.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


@dataclass(eq=False)
class _Cause:
    """A failure, the rules to judge again because of it, and the results.

    `without` are the features without which its consequences are judged; None if they are not known yet. `within` is
    the cause whose consequences were judged when it was found; None if it was found in the run itself.
    """

    finding: Finding
    consequences: tuple[str, ...]
    within: "_Cause | None"
    trials: deque[Features]
    left: deque[tuple[str, Features]]
    """The consequences to judge, each with further features that its examples must not show."""
    seen: set[frozenset[Feature]] = field(default_factory=set)
    """All features without which the rule has been judged, or will be."""
    tried: int = 0
    without: Features | None = None
    exercised: bool = False
    """Whether the rule has passed without the features. Otherwise it is about them, and has nothing to check."""
    found: dict[str, Finding] = field(default_factory=dict)
    beside: tuple[Finding, ...] = ()
    """The failures known when all its consequences had been judged. Later ones may be consequences of these."""
    suspects: deque[str] = field(default_factory=deque)
    """Rules of those that would explain what still fails: they are judged without the features, too."""
    suspected: dict[str, Finding | None] = field(default_factory=dict)
    """What was found about them; None until they have been judged."""
    put_off: dict[str, str] = field(default_factory=dict)
    """The consequences that come after another one which still fails: they are judged without what that shows."""

    @classmethod
    def of(cls, finding: Finding, consequences: Sequence[str], *, within: "_Cause | None" = None) -> "_Cause":
        """A failure found in the run itself or, `within` a cause, when that one's consequences were judged again."""
        trials = deque((*finding.without, feature) for feature in finding.features[:_MOST_FEATURES])
        left: deque[tuple[str, Features]] = deque((rule, ()) for rule in consequences)
        made = cls(finding, tuple(consequences), within, trials, left, set(map(frozenset, trials)))
        made.give_up_if_unknown()
        return made

    def tell(self, without: Features, finding: Finding) -> None:
        """Note the finding about the rule itself, judged again without these features."""
        self.tried += 1
        self.trials.popleft()
        if _passed(finding) or (finding.status is Status.NOT_EXERCISED and self._is_about(without)):
            self.without, self.exercised = without, finding.status is Status.PASSED
            return
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

    def passes_without(self, features: Features) -> None:
        """Judge the consequences without these features, too: the rule has passed without them."""
        self.without, self.exercised = tuple(dict.fromkeys((*self.finding.without, *features))), True

    def give_up_if_unknown(self) -> None:
        """Once no trial is left: judge the consequences that were put off as they would have been judged before."""
        if self.without is None and not self.trials and self.within is not None:
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
            elif self._fails_alike(finding):
                yield _not_exercised(finding, f"it fails as {self.finding.rule} does")
            elif finding.owner != self.finding.rule:
                yield finding
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
        self._rules = {rule.id: rule for rule in rules}
        self._terms = terms
        self._has_time = has_time
        self._failures = {finding.rule: finding for finding in findings if finding.failure is not None}
        self._roots: dict[str, Finding] = {}
        self._under_way: dict[Retrial, _Cause] = {}
        self._passed_without: dict[str, Features] = {}
        """The rules that have passed, each with the first features without which it did."""
        self._causes = self._causes_of(findings, outcomes_of(findings, self._rules.values(), terms))

    def next(self) -> Retrial | None:
        """The next rule to judge again; None if there is none, or none until a rule in progress is finished."""
        if not self._has_time():
            return None
        for cause in sorted(self._causes, key=lambda cause: -cause.waiting):
            retrial = self._next_of(cause)
            if retrial is not None:
                self._under_way[retrial] = cause
                return retrial
        return None

    def _next_of(self, cause: _Cause) -> Retrial | None:
        rule = cause.finding.rule
        if cause.without is not None and cause.left:
            consequence, more = cause.left.popleft()
            return Retrial(consequence, rule, (*cause.without, *more))
        if cause.without is not None and cause.suspects:
            return Retrial(cause.suspects.popleft(), rule, cause.without)
        if cause.without is None and cause.trials and cause not in self._under_way.values():
            if rule in self._passed_without:
                cause.passes_without(self._passed_without[rule])
                return self._next_of(cause)
            return Retrial(rule, rule, cause.trials[0])
        return None

    def take(self, retrial: Retrial, finding: Finding) -> None:
        """Note the finding about a rule that was judged again."""
        cause = self._under_way.pop(retrial)
        if _passed(finding):
            self._passed_without.setdefault(retrial.rule, retrial.without)
        if retrial.rule == retrial.cause:
            cause.tell(retrial.without, finding)
            return
        if retrial.rule in cause.suspected:
            cause.suspected[retrial.rule] = finding
            if finding.failure is None:  # it explains nothing without these features
                cause.beside = tuple(other for other in cause.beside if other.rule != retrial.rule)
            self._fold(cause)
            return
        if more := cause.shared(retrial, finding):
            cause.left.appendleft((retrial.rule, more))
            return
        cause.take(finding, self._rules)
        if cause.complete:
            # Those that are consequences may explain it, too: the cause is then that of theirs.
            cause.beside = tuple({**self._failures, **self._roots}.values())
            self._fold(cause)

    def _fold(self, cause: _Cause) -> None:
        """Take in what its consequences showed, once it is known whether other failures explain it."""
        came_of = self._came_of(cause)
        beside = {finding.rule for finding in cause.beside} - {cause.finding.rule, *cause.found, *cause.suspected}
        unknown = next((outcome.cause for outcome in came_of if outcome.cause in beside), None)
        if unknown is not None and cause.without is not None and self._passes(unknown, cause.without):
            cause.beside = tuple(other for other in cause.beside if other.rule != unknown)
            self._fold(cause)
        elif unknown is not None:
            cause.suspected[unknown] = None
            cause.suspects.append(unknown)
        else:
            suspected = (finding for finding in cause.suspected.values() if finding is not None)
            self._causes += self._causes_of([*suspected, *cause.own()], came_of, within=cause)

    def _passes(self, rule: str, without: Features) -> bool:
        """Whether a rule has already passed without these features, or fewer of them."""
        known = self._passed_without.get(rule)
        return known is not None and set(known) <= set(without)

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
            if cause.within is None:
                now[rule] = replace(now[rule], apart=Apart(named, ""))
            for name in cause.consequences:
                now[name] = replace(now[name], apart=Apart(named, rule))
            for outcome in self._came_of(cause, replay=replay, keep=keep):
                before = now[outcome.rule]
                without = cause.found[outcome.rule].without or cause.without
                apart = Apart(name_features(without), rule, outcome.status)
                fails = outcome.failure is not None and before.cause in cause.names
                now[outcome.rule] = replace(outcome if fails else before, apart=apart)
        return tuple(_at_the_root(now[outcome.rule], now) for outcome in outcomes)

    def _came_of(self, cause: _Cause, **texts: Callable[[Finding], str]) -> list[Outcome]:
        """The outcomes of a failure's consequences that were judged again, in the light of the other failures."""
        own = {cause.finding.rule, *cause.consequences}
        beside = [finding for finding in cause.beside if finding.rule not in own]
        found = list(cause.own())
        # What fails as before without these features is explained neither by this cause nor by others beside it.
        alone = [finding for finding in found if cause.fails_as_before(finding)]
        others = [*beside, *(finding for finding in found if finding not in alone)]
        groups = (others, alone)
        outcomes = [out for group in groups for out in outcomes_of(group, self._rules.values(), self._terms, **texts)]
        return [outcome for outcome in outcomes if outcome.rule in cause.found]

    def _causes_of(
        self, findings: Sequence[Finding], outcomes: Sequence[Outcome], *, within: _Cause | None = None
    ) -> list[_Cause]:
        """The failures that hide others and have features."""
        by_rule = {finding.rule: finding for finding in findings}
        hidden: dict[str, list[str]] = {}
        for outcome in outcomes:
            if outcome.cause in by_rule:
                hidden.setdefault(outcome.cause, []).append(outcome.rule)
            elif outcome.failure is not None and not outcome.cause:
                self._roots[outcome.rule] = by_rule[outcome.rule]
        causes_of = {outcome.rule: outcome.cause for outcome in outcomes}
        for rule, after in within.put_off.items() if within is not None else ():
            hidden.setdefault(causes_of[after] or after, []).append(rule)
        causes = (_Cause.of(by_rule[rule], self._in_order(names), within=within) for rule, names in hidden.items())
        return [cause for cause in causes if cause.trials or cause.without is not None]

    def _in_order(self, names: Sequence[str]) -> list[str]:
        """The rules, each behind those that it comes after."""
        ordered: dict[str, None] = {}

        def add(name: str, path: tuple[str, ...] = ()) -> None:
            for before in self._rules[name].after if name in self._rules else ():
                if before in names and before not in (*ordered, *path):
                    add(before, (*path, name))
            ordered.setdefault(name)

        for name in names:
            add(name)
        return list(ordered)


def _at_the_root(outcome: Outcome, outcomes: Mapping[str, Outcome]) -> Outcome:
    """The outcome under the root of its cause, if that is a consequence itself."""
    seen = {outcome.rule}
    while outcome.cause and (further := outcomes[outcome.cause].cause) and further not in seen:
        seen.add(outcome.cause)
        outcome = replace(outcome, cause=further)
    return outcome


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two failures of a rule look the same, as far as that is known."""
    return (one.owner, one.symptoms) == (other.owner, other.symptoms)


def _passed(finding: Finding) -> bool:
    """Whether a rule that was judged again has passed, and not because most of its examples were declined."""
    return finding.status is Status.PASSED and finding.exercised >= min(_ENOUGH, (finding.examples + 1) // 2)


def _not_exercised(finding: Finding, reason: str) -> Finding:
    return replace(finding, status=Status.NOT_EXERCISED, reason=reason, failure=None)
