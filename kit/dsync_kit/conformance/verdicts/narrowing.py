"""Judging again what a failure hides: the rules that it explains, apart from the feature that its example shows.

One bug must not blind the kit. Of a failure with consequences, the rule itself is judged again first: the first feature
without which it does not fail is what its consequences are judged apart from.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dsync_kit.conformance.results.features import Apart, Feature, Retrial
from dsync_kit.conformance.results.outcome import Finding, Outcome, Status
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.verdicts.consequences import outcomes_of

__all__ = ["Narrowing"]

_MOST_FEATURES = 4
"""So many features of an example are tried."""


@dataclass
class _Cause:
    """A failure, what is to be judged apart from it, and what came of that."""

    finding: Finding
    features: deque[Feature]
    consequences: tuple[str, ...]
    left: deque[str]
    feature: Feature | None = None
    found: dict[str, Finding] = field(default_factory=dict)


class Narrowing:
    """Which rules are to be judged again, in turn, and what that makes of the outcomes.

    `findings` are those of the whole run. `has_time` says whether there is time for one more.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        rules: Iterable[RuleInfo],
        known: Mapping[str, str],
        *,
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._rules = tuple(rules)
        self._known = known
        self._has_time = has_time
        self._trying: set[str] = set()
        by_rule = {finding.rule: finding for finding in findings}
        hidden: dict[str, list[str]] = {}
        for outcome in outcomes_of(findings, self._rules, known):
            if outcome.cause:
                hidden.setdefault(outcome.cause, []).append(outcome.rule)
        causes = (
            _Cause(by_rule[rule], deque(by_rule[rule].features[:_MOST_FEATURES]), tuple(names), deque(names))
            for rule, names in hidden.items()
        )
        # Where the time does not last, most was learned.
        self._causes = sorted((cause for cause in causes if cause.features), key=lambda cause: -len(cause.consequences))

    def next(self) -> Retrial | None:
        """The next rule to be judged again; None where there is none, or none before one that is being judged."""
        if not self._has_time():
            return None
        for cause in self._causes:
            rule = cause.finding.rule
            if cause.feature is not None and cause.left:
                return Retrial(cause.left.popleft(), rule, cause.feature)
            if cause.feature is None and cause.features and rule not in self._trying:
                self._trying.add(rule)
                return Retrial(rule, rule, cause.features[0])
        return None

    def take(self, retrial: Retrial, finding: Finding) -> None:
        """Note what came of a rule that was judged again."""
        cause = next(cause for cause in self._causes if cause.finding.rule == retrial.cause)
        if retrial.rule != retrial.cause:
            cause.found[retrial.rule] = finding
            return
        self._trying.discard(retrial.rule)
        cause.features.popleft()
        if finding.status in (Status.PASSED, Status.NOT_EXERCISED):
            cause.feature = retrial.feature

    def outcomes(
        self,
        outcomes: Sequence[Outcome],
        *,
        replay: Callable[[Finding], str] = lambda _: "",
        keep: Callable[[Finding], str] = lambda _: "",
    ) -> tuple[Outcome, ...]:
        """The outcomes of the run, with what came of the rules that were judged again.

        One that fails all the same has failed on its own, and is shown as that; unless what is seen is what its cause
        was seen by.
        """
        again: dict[str, Outcome] = {}
        by_rule = {outcome.rule: outcome for outcome in outcomes}
        for cause in self._causes:
            if cause.feature is None:
                continue
            feature, rule = str(cause.feature), cause.finding.rule
            again[rule] = replace(by_rule[rule], apart=Apart(feature, ""))
            own = [_found(finding, cause.finding) for finding in cause.found.values()]
            for outcome in outcomes_of(own, self._rules, self._known, replay=replay, keep=keep):
                before = by_rule[outcome.rule]
                apart = Apart(feature, rule, outcome.status)
                fails = outcome.failure is not None and before.cause == rule
                again[outcome.rule] = replace(outcome, apart=apart) if fails else replace(before, apart=apart)
            for name in cause.consequences:
                if name not in again:
                    again[name] = replace(by_rule[name], apart=Apart(feature, rule))
        return tuple(again.get(outcome.rule, outcome) for outcome in outcomes)


def _found(finding: Finding, cause: Finding) -> Finding:
    """What came of a rule; where it shows just what its cause has shown, nothing new is known of it."""
    same = finding.owner == cause.rule or (finding.refusal and finding.refusal == cause.refusal)
    if finding.failure is None or (finding.failure.reproducible and not same):
        return finding
    reason = f"it fails as {cause.rule} does" if same else "its failure did not come again"
    return replace(finding, status=Status.NOT_EXERCISED, reason=reason, failure=None)
