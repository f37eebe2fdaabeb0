"""One bug is one failure: finds out which failures are consequences of others, and which are known."""

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import TypeVar

from dsync_kit.conformance.results.outcome import Finding, KeptExample, Outcome, Status, Symptom
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import KnownFlaky, Terms

__all__ = ["Explainer", "outcomes_of"]

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
    """The outcomes of the rules, as an `Explainer` has them."""
    explainer = Explainer(rules, terms)
    return tuple(explainer.outcome(finding, findings, replay=replay, keep=keep) for finding in findings)


class Explainer:
    """Finds out which failures are consequences of others.

    The cause of a failure is the first of these rules that has also failed: the owner of the observation, the owner of
    a feature of its smallest example, one of the rules that it or the owner comes `after`, one that it rests on, the
    rule that shows the same symptom best, or what the same owner is about, and one that is suspected. A rule that owns
    what it saw is only a consequence of one with the same symptom. The root cause is the end of this chain. A rule of a
    newer edition than the connector's only explains a failure if it owns the observation; otherwise that failure
    counts. Consequences of a known failure are known failures, too.
    """

    def __init__(self, rules: Iterable[RuleInfo], terms: Terms = _ALL) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._terms = terms
        self._newer = {rule.id: rule.since for rule in self._rules.values() if not terms.edition.counts(rule.since)}
        self._failures: list[Finding] = []
        self._once: set[str] = set()
        self._links: dict[str, _Link] = {}

    def outcome(
        self,
        finding: Finding,
        findings: Iterable[Finding],
        *,
        replay: Callable[[Finding], str] = _no_text,
        keep: Callable[[Finding], str] = _no_text,
    ) -> Outcome:
        """The outcome of one of the findings, in the light of the others.

        `replay` returns the command that shows a failure again, `keep` the name under which it is saved.
        """
        self._explain([found for found in findings if found.status is Status.FAILED])
        cause, why = self._root(finding.rule)
        status, reason = _status(finding, cause, self._terms)
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
            why=why,
            replay=replay(finding) if finding.failure is not None else "",
            kept=keep(finding) if finding.failure is not None else "",
            kept_example=finding.kept_example,
            wanted=finding.wanted,
            counts_from=self._newer.get(cause, self._newer.get(finding.rule, ""))
            if status in (Status.FAILED, Status.FLAKY)
            else "",
            reached=finding.reached,
        )

    def _explain(self, failures: list[Finding]) -> None:
        """Find what explains each failure, unless these are the failures of the last time."""
        if len(failures) == len(self._failures) and all(map(is_, failures, self._failures)):
            return
        self._failures = failures
        failed = {finding.rule for finding in failures}
        self._once = {finding.rule for finding in failures if not _fails_each_time(finding)}
        alike = _Alike(failures)
        self._links = {}
        for finding in failures:
            links = (link for link in self._possible(finding, alike) if link.cause in failed - {finding.rule})
            self._links[finding.rule] = next(links, _NO_LINK)

    def _possible(self, finding: Finding, alike: "_Alike") -> Iterator["_Link"]:
        """What might explain a failure, the surest first."""
        links = [link for link in alike.links(finding) if finding.rule not in self._after(link.cause)]
        if finding.rule != finding.owner:
            yield _Link(finding.owner, "that rule is about what is wrong here", owns=True)
            for feature in finding.features:
                yield _Link(feature.owner, f"that rule is about {feature}, which this example shows", owns=True)
            before = [
                *(_Link(rule, _AFTER) for rule in alike.first(finding, self._after(finding.rule))),
                *(_Link(rule, _AFTER) for rule in self._after(finding.owner)),
                *(_Link(rule, "what was seen here proves nothing if that rule fails") for rule in self._bases(finding)),
            ]
            if _fails_each_time(finding):  # what was seen once does not explain what is seen each time
                before = [link for link in before if link.cause not in self._once]
            links = [*before, *links, _Link(finding.suspect, "that rule may be about what is wrong here")]
        yield from (link for link in links if link.cause not in self._newer or finding.rule in self._newer)

    def _after(self, rule: str) -> tuple[str, ...]:
        return self._rules[rule].after if rule in self._rules else ()

    def _bases(self, finding: Finding) -> tuple[str, ...]:
        """The rules that it rests on; of rules that rest on each other, only those more basic than this one."""
        bases = finding.rests_on
        if finding.rule in bases:
            bases = bases[: bases.index(finding.rule)]
        return tuple(base for base in bases if finding.rule not in self._after(base))

    def _root(self, rule: str) -> tuple[str, str]:
        """The root cause of a failure, and why; twice nothing if it is one."""
        seen = [rule]
        while (cause := self._links.get(seen[-1], _NO_LINK).cause) and cause not in seen:
            seen.append(cause)
        root = self._first(seen[seen.index(cause) :]) if cause else seen[-1]
        if root == rule:
            return "", ""
        link = self._links[rule]
        return root, link.why if link.cause == root else f"like {link.cause}: {link.why}"

    def _first(self, circle: Sequence[str]) -> str:
        """Of rules that blame each other, the one to show: the first that is about what is wrong, or just the first."""
        owners = {link.cause for link in map(self._links.__getitem__, circle) if link.owns}
        return min(circle, key=lambda rule: (rule not in owners, list(self._links).index(rule)))


@dataclass(frozen=True, slots=True)
class _Link:
    """What explains a failure, and why; `owns` if the cause is about what is wrong, or about what the example has."""

    cause: str
    why: str
    owns: bool = False


_NO_LINK = _Link("", "")
_AFTER = "it can hold only if that rule holds"


class _Alike:
    """Failures that show the same: the same symptom, or what a single rule is about, which has passed itself.

    The lightest one shows it best, if possible one that owns what was seen. Of what may last, the first is the cause.
    """

    def __init__(self, failures: Sequence[Finding]) -> None:
        self._shown = {finding.rule: _shown(finding) for finding in failures}
        self._features = {finding.rule: frozenset(finding.features) for finding in failures}
        self._best: dict[str | Symptom, str] = {}
        for finding in failures:
            for symptom in (one for one in finding.symptoms if one.lasts):
                self._best.setdefault(symptom, finding.rule)
        for finding in sorted(failures, key=lambda finding: (finding.rule != finding.owner, finding.weight)):
            for symptom in finding.symptoms:
                self._best.setdefault(symptom, finding.rule)
            self._best.setdefault(finding.owner, finding.rule)

    def first(self, finding: Finding, rules: Sequence[str]) -> list[str]:
        """Some rules: first those whose failures show the same as this one, or whose examples are most like its own."""
        shown, features = _shown(finding), set(finding.features)

        def unlike(rule: str) -> tuple[bool, int]:
            return shown.isdisjoint(self._shown.get(rule, ())), -len(features & self._features.get(rule, frozenset()))

        return sorted(rules, key=unlike)

    def links(self, finding: Finding) -> Iterator[_Link]:
        """The failures that show the same as this one, but better."""
        for symptom in finding.symptoms:
            yield _Link(self._best[symptom], f"the same is wrong in both examples: {symptom.text}")
        if finding.owner:
            yield _Link(self._best[finding.owner], f"what is wrong in both examples is what {finding.owner} is about")


def _fails_each_time(finding: Finding) -> bool:
    return finding.failure is not None and finding.failure.reproducible


def _shown(finding: Finding) -> set[str | Symptom]:
    """The rule about what a failure shows, and its symptoms."""
    return {*finding.symptoms, *filter(None, (finding.owner,))}


def _listed(rule: str, known: Mapping[str, _Entry]) -> _Entry | None:
    return next((entry for glob, entry in known.items() if fnmatch.fnmatchcase(rule, glob)), None)


def _flaky(rule: str, terms: Terms) -> KnownFlaky | None:
    """The entry that excuses a flaky rule."""
    entry = _listed(rule, terms.known_flaky)
    return entry if entry is not None and not entry.expired else None


def _status(finding: Finding, cause: str, terms: Terms) -> tuple[Status, str]:
    """The status in the light of the causes, and of what is known to fail; and its reason."""
    failed = finding.status is Status.FAILED
    if (entry := _flaky(finding.rule, terms)) and (failed or finding.status is Status.PASSED):
        return Status.KNOWN_FLAKY, f"{entry.reason} (listed until {entry.until})"
    if (listed := _listed(finding.rule, terms.known_failures)) and failed:
        return Status.KNOWN_FAILING, listed
    if cause and (_listed(cause, terms.known_failures) or _flaky(cause, terms)):
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
