"""Judges again what a failure hides: the rules that it explains, without the features that its example shows.

One bug must not blind the kit. If a failure has consequences, its rule is judged again first, to find the features
without which it does not fail. Then its consequences are judged without these features. Those that still fail are
failures of their own, whose consequences are judged again in the same way, without further features. But if such an
example shows another unusual feature that the cause's example shows, too, its rule is judged without that first.

Whether these features are what the failure is about is another question: a rule may pass without them by chance, or
because it can no longer do what fails. So it is judged once more without the *other* features that its example shows,
and only if it still fails, reports name the features as the bug.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from dsync_kit.conformance.results.features import Apart, FeatureKind, Features, Retrial, name_features
from dsync_kit.conformance.results.outcome import Finding, Outcome
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.verdicts.consequences import outcomes_of
from dsync_kit.conformance.verdicts.narrowed_cause import Cause, has_passed

__all__ = ["Narrowing"]


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
        self._under_way: dict[Retrial, Cause] = {}
        self._passed_without: dict[str, tuple[Features, Finding]] = {}
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
        return self._next_to_confirm()

    def _next_to_confirm(self) -> Retrial | None:
        """The next rule to judge without what its example shows besides the features that were left out before."""
        for cause in self._causes:
            others = cause.to_confirm() if cause not in self._under_way.values() else None
            if others:
                retrial = Retrial(cause.finding.rule, cause.finding.rule, others, confirms=True)
                self._under_way[retrial] = cause
                return retrial
            if others == ():
                cause.confirmed = True
        return None

    def _next_of(self, cause: Cause) -> Retrial | None:
        rule = cause.finding.rule
        if cause.without is not None and cause.left:
            consequence, more = cause.left.popleft()
            return Retrial(consequence, rule, (*cause.without, *more))
        if cause.without is not None and cause.suspects:
            return Retrial(cause.suspects.popleft(), rule, cause.without)
        if cause.without is None and cause.trials and cause not in self._under_way.values():
            if rule in self._passed_without:
                cause.passes_without(*self._passed_without[rule])
                return self._next_of(cause)
            return Retrial(rule, rule, cause.trials[0])
        return None

    def take(self, retrial: Retrial, finding: Finding) -> None:
        """Note the finding about a rule that was judged again."""
        cause = self._under_way.pop(retrial)
        if retrial.confirms:
            cause.confirm(finding)
            return
        if has_passed(finding):
            self._passed_without.setdefault(retrial.rule, (retrial.without, finding))
        if retrial.rule == retrial.cause:
            cause.note(retrial.without, finding)
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

    def _fold(self, cause: Cause) -> None:
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
        return known is not None and set(known[0]) <= set(without)

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
            named, rule, confirmed = name_features(cause.without), cause.finding.rule, cause.confirmed is True
            if cause.within is None:
                now[rule] = replace(now[rule], apart=Apart(named, "", confirmed=confirmed))
            for name in cause.consequences:
                now[name] = replace(now[name], apart=Apart(named, rule, confirmed=confirmed))
            for outcome in self._came_of(cause, replay=replay, keep=keep):
                before = now[outcome.rule]
                without = cause.found[outcome.rule].without or cause.without
                apart = Apart(name_features(without), rule, outcome.status, confirmed)
                fails = outcome.failure is not None and before.cause in cause.names
                now[outcome.rule] = replace(outcome if fails else before, apart=apart)
        return tuple(_at_the_root(now[outcome.rule], now) for outcome in outcomes)

    def _came_of(self, cause: Cause, **texts: Callable[[Finding], str]) -> list[Outcome]:
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
        self, findings: Sequence[Finding], outcomes: Sequence[Outcome], *, within: Cause | None = None
    ) -> list[Cause]:
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
        causes = (
            Cause.of(by_rule[rule], self._in_order(names), self._about(rule), within=within)
            for rule, names in hidden.items()
        )
        return [cause for cause in causes if cause.trials or cause.without is not None]

    def _about(self, rule: str) -> FeatureKind | None:
        return self._rules[rule].about if rule in self._rules else None

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
