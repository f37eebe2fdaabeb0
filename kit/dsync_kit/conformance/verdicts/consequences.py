"""One bug is one failure: which failures are consequences of others."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["with_causes"]

_BROKEN = (Status.FAILED, Status.KNOWN_FAILING)


def with_causes(outcomes: Sequence[Outcome], rules: Iterable[RuleInfo]) -> tuple[Outcome, ...]:
    """The outcomes, each failure with the rule at whose violation it starts; empty where it starts at itself.

    A failure leads to the rule that owns what was seen, else to one of those that it comes `after`, else to one on
    which what was seen rests, else to the first in which the same call was refused with the same code, as far as these
    have failed too; and on from there. The consequences of a known failure are known failures themselves.
    """
    failed = {outcome.rule for outcome in outcomes if outcome.status in _BROKEN}
    refused: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.rule in failed and outcome.refusal:
            refused.setdefault(outcome.refusal, outcome.rule)
    after = {rule.id: rule.after for rule in rules}
    direct = {
        outcome.rule: _first(
            outcome, (*after.get(outcome.rule, ()), *_bases(outcome, after), *_alike(outcome, refused, after)), failed
        )
        for outcome in outcomes
        if outcome.rule in failed
    }
    known = {outcome.rule for outcome in outcomes if outcome.status is Status.KNOWN_FAILING}
    return tuple(_led_back(outcome, direct, known) if outcome.rule in failed else outcome for outcome in outcomes)


def _first(outcome: Outcome, explaining: Iterable[str], failed: Collection[str]) -> str:
    if outcome.cause == outcome.rule:
        return ""
    causes = (cause for cause in (outcome.cause, *explaining) if cause in failed and cause != outcome.rule)
    return next(causes, "")


def _bases(outcome: Outcome, after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What the outcome rests on; of rules that rest on each other, those that are more basic than this one."""
    bases = outcome.rests_on
    if outcome.rule in bases:
        bases = bases[: bases.index(outcome.rule)]
    return tuple(base for base in bases if outcome.rule not in after.get(base, ()))


def _alike(outcome: Outcome, refused: Mapping[str, str], after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The rule with the same refusal; none, if it says itself that it comes after this one."""
    first = refused.get(outcome.refusal, "")
    return () if outcome.rule in after.get(first, ()) else (first,)


def _led_back(outcome: Outcome, direct: Mapping[str, str], known: Collection[str]) -> Outcome:
    cause = _root(outcome.rule, direct)
    if cause in known and outcome.status is Status.FAILED:
        return replace(outcome, cause=cause, status=Status.KNOWN_FAILING, reason=f"a consequence of {cause}")
    return replace(outcome, cause=cause)


def _root(rule: str, direct: Mapping[str, str]) -> str:
    seen = [rule]
    while (cause := direct.get(seen[-1], "")) and cause not in seen:
        seen.append(cause)
    # Of rules that blame each other, the first one is the start: one of them must be shown.
    root = min(seen[seen.index(cause) :], key=list(direct).index) if cause else seen[-1]
    return root if root != rule else ""
