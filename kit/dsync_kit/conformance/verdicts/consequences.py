"""One bug is one failure: finds out which failures are consequences of others, and which are known."""

import fnmatch
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dsync_kit.conformance.results.outcome import Finding, KeptExample, Outcome, Status
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import KnownFlaky, Terms

__all__ = ["outcome_of", "outcomes_of"]

_ALL = Terms()
_Entry = TypeVar("_Entry")


def _no_text(_: Finding) -> str:
    return ""


def outcomes_of(
    findings: Sequence[Finding],
    rules: Iterable[RuleInfo],
    terms: Terms = _ALL,
    *,
    replay: Callable[[Finding], str] = _no_text,
    keep: Callable[[Finding], str] = _no_text,
) -> tuple[Outcome, ...]:
    """The outcomes of the rules. Each failure gets its root cause, unless it is one.

    The cause of a failure is the first of these rules that has also failed: the owner of the observation, the owner of
    a feature of its smallest example, one of the rules that it comes `after`, one that the observation rests on, the
    first rule in which the same call was refused with the same code. The root cause is the end of this chain. A rule of
    a newer edition than the connector's only explains a failure if it owns the observation; otherwise that failure
    counts. Consequences of a known failure are known failures, too. `replay` returns the command that shows a failure
    again, `keep` the name under which it is saved.
    """
    explained = _explain(findings, rules, terms)
    return tuple(explained.outcome(finding, replay, keep) for finding in findings)


def outcome_of(
    finding: Finding,
    findings: Sequence[Finding],
    rules: Iterable[RuleInfo],
    terms: Terms = _ALL,
    *,
    replay: Callable[[Finding], str] = _no_text,
) -> Outcome:
    """The outcome of one of the findings, as `outcomes_of` has it."""
    return _explain(findings, rules, terms).outcome(finding, replay, _no_text)


@dataclass(frozen=True, slots=True)
class _Explained:
    """The failures of a run with what explains them: `direct` maps each to the first rule that does, or ''."""

    failed: Collection[str]
    excused: Collection[str]
    newer: Mapping[str, str]
    direct: Mapping[str, str]
    terms: Terms

    def outcome(self, finding: Finding, replay: Callable[[Finding], str], keep: Callable[[Finding], str]) -> Outcome:
        cause = _root(finding.rule, self.direct) if finding.rule in self.failed else ""
        status, reason = _status(finding, cause, self.excused, self.terms)
        return Outcome(
            rule=finding.rule,
            level=finding.level,
            status=status,
            examples=finding.examples,
            seconds=finding.seconds,
            reason=reason,
            notes=finding.notes,
            failure=finding.failure,
            cause=cause,
            replay=replay(finding) if finding.failure is not None else "",
            kept=keep(finding) if finding.failure is not None else "",
            kept_example=finding.kept_example,
            wanted=finding.wanted,
            counts_from=self.newer.get(cause, self.newer.get(finding.rule, ""))
            if status in (Status.FAILED, Status.FLAKY)
            else "",
            reached=finding.reached,
        )


def _explain(findings: Sequence[Finding], rules: Iterable[RuleInfo], terms: Terms) -> _Explained:
    rules = tuple(rules)
    newer = {rule.id: rule.since for rule in rules if not terms.edition.counts(rule.since)}
    failed = {finding.rule for finding in findings if finding.status is Status.FAILED}
    excused = {rule for rule in failed if _listed(rule, terms.known_failures) or _flaky(rule, terms)}
    refused: dict[str, str] = {}
    for finding in findings:
        if finding.rule in failed and finding.refusal:
            refused.setdefault(finding.refusal, finding.rule)
    after = {rule.id: rule.after for rule in rules}
    direct = {
        finding.rule: _first(
            finding,
            (
                *(feature.owner for feature in finding.features),
                *(
                    rule
                    for rule in (
                        *after.get(finding.rule, ()),
                        *_bases(finding, after),
                        *_alike(finding, refused, after),
                    )
                    if rule not in newer or finding.rule in newer
                ),
            ),
            failed,
        )
        for finding in findings
        if finding.rule in failed
    }
    return _Explained(failed, excused, newer, direct, terms)


def _listed(rule: str, known: Mapping[str, _Entry]) -> _Entry | None:
    return next((entry for glob, entry in known.items() if fnmatch.fnmatchcase(rule, glob)), None)


def _flaky(rule: str, terms: Terms) -> KnownFlaky | None:
    """The entry that excuses a flaky rule."""
    entry = _listed(rule, terms.known_flaky)
    return entry if entry is not None and not entry.expired else None


def _status(finding: Finding, cause: str, excused: Collection[str], terms: Terms) -> tuple[Status, str]:
    """The status in the light of the causes, and of what is known to fail; and its reason."""
    failed = finding.status is Status.FAILED
    if (entry := _flaky(finding.rule, terms)) and (failed or finding.status is Status.PASSED):
        return Status.KNOWN_FLAKY, f"{entry.reason} (listed until {entry.until})"
    if (listed := _listed(finding.rule, terms.known_failures)) and failed:
        return Status.KNOWN_FAILING, listed
    if cause in excused:
        return Status.KNOWN_FAILING, f"a consequence of {cause}"
    # A glob may cover rules that are not violated; only a rule that is listed by name must fail.
    if finding.status is Status.PASSED and finding.rule in terms.known_failures:
        if finding.kept_example is KeptExample.PASSES:
            reason = f"it is listed as known to fail ({listed}), but its kept example passes: remove it from the list"
            return Status.UNEXPECTEDLY_PASSING, reason
        return Status.KNOWN_FAILING, f"{listed} (not seen in this run, and no example of it is kept)"
    if failed and not cause and finding.failure is not None and finding.failure.again:
        expired = _listed(finding.rule, terms.known_flaky)
        note = f"; it is listed as flaky until {expired.until}, which is over" if expired is not None else ""
        return Status.FLAKY, finding.failure.again + note
    return finding.status, finding.reason


def _first(finding: Finding, explaining: Iterable[str], failed: Collection[str]) -> str:
    if finding.rule in (finding.owner, *(feature.owner for feature in finding.features)):
        return ""
    causes = (cause for cause in (finding.owner, *explaining) if cause in failed and cause != finding.rule)
    return next(causes, "")


def _bases(finding: Finding, after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The rules that the finding rests on; of rules that rest on each other, only those more basic than this one."""
    bases = finding.rests_on
    if finding.rule in bases:
        bases = bases[: bases.index(finding.rule)]
    return tuple(base for base in bases if finding.rule not in after.get(base, ()))


def _alike(finding: Finding, refused: Mapping[str, str], after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The rule with the same refusal, unless it declares that it comes after this one."""
    first = refused.get(finding.refusal, "")
    return () if finding.rule in after.get(first, ()) else (first,)


def _root(rule: str, direct: Mapping[str, str]) -> str:
    seen = [rule]
    while (cause := direct.get(seen[-1], "")) and cause not in seen:
        seen.append(cause)
    # Of rules that blame each other, the first one is the root: one of them must be shown.
    root = min(seen[seen.index(cause) :], key=list(direct).index) if cause else seen[-1]
    return root if root != rule else ""
