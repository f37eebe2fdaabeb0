"""The contents of a report: a result and its rules. All writers of reports take only this."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dsync_kit import __version__
from dsync_kit.conformance.results.alike import shape_of
from dsync_kit.conformance.results.events import AssumedSchema, RunStarted
from dsync_kit.conformance.results.outcome import Outcome, Result, Status
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.results.situations import Situation, merged
from dsync_kit.project.editions import EDITIONS

__all__ = ["Report", "held_lines", "plural"]

_REAL_FAILURES = (Status.FAILED, Status.FLAKY, Status.UNEXPECTEDLY_PASSING, Status.ERRORED)

_FEW = 3
"""Up to this many rules of an area are named one by one, even if they are the whole area."""


_SHOWN_REDUCED = 12
_SHOWN_FIELDS = 12
"""How many rules that had fewer examples than planned are named at most."""

_HARDLY = 0.25
_PARTS = ((_HARDLY, "less than a quarter of the planned examples"), (0.5, "less than half"), (math.inf, "half or more"))
"""Parts of the planned examples, each less than a fraction."""

_SHARE = re.compile(r" \(in \d+ of \d+ examples\)$")
"""The end of a note that says how many examples it is about."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run. `started` is None if the connector never answered."""

    result: Result
    rules: Mapping[str, RuleInfo]
    started: RunStarted | None = None
    kit_version: str = __version__

    @classmethod
    def of(cls, result: Result, rules: Iterable[RuleInfo], started: RunStarted | None = None) -> "Report":
        """The report of a result, about the requested rules."""
        return cls(result, {rule.id: rule for rule in rules}, started)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the connector declares."""
        return self.started.capabilities if self.started else ()

    @property
    def connector_version(self) -> str:
        """The version that the connector reports; empty if it reports none."""
        return self.started.version if self.started else ""

    def having(self, *statuses: Status) -> list[Outcome]:
        """The outcomes with one of the statuses, in the order of the rules."""
        return [outcome for outcome in self.result.outcomes if outcome.status in statuses]

    def areas(self) -> dict[str, list[Outcome]]:
        """The outcomes by area, in the order of the rules."""
        found: dict[str, list[Outcome]] = {}
        for outcome in self.result.outcomes:
            found.setdefault(outcome.area, []).append(outcome)
        return found

    def by_reason(self, status: Status) -> dict[str, list[Outcome]]:
        """The outcomes of a status by their reason, the most frequent reason first.

        Reasons that differ only in names and values count as one.
        """
        alike: dict[str, list[Outcome]] = {}
        for outcome in sorted(self.having(status), key=lambda outcome: outcome.reason):
            alike.setdefault(shape_of(outcome.reason), []).append(outcome)
        return {group[0].reason: group for group in sorted(alike.values(), key=len, reverse=True)}

    def names(self, outcomes: Sequence[Outcome]) -> list[str]:
        """The outcomes' rules; if they include a whole area, as one: `stream/* (32)`."""
        whole = {area: len(found) for area, found in self.areas().items()}
        names: list[str] = []
        for area, group in groupby(outcomes, key=lambda outcome: outcome.area):
            rules = [outcome.rule for outcome in group]
            together = len(rules) == whole[area] and len(rules) > _FEW
            names += [f"{area}/* ({len(rules)})"] if together else rules
        return names

    def notes(self) -> list[str]:
        """Notes of the run, without those that are the reason of an outcome anyway."""
        alike: dict[str, list[tuple[Outcome, str]]] = {}
        for outcome in self.result.outcomes:
            for note in outcome.notes:
                if not outcome.reason or outcome.reason not in note:
                    alike.setdefault(shape_of(_SHARE.sub("", note)), []).append((outcome, note))
        return [*self.result.notes, *map(self._shared, alike.values())]

    def _shared(self, alike: Sequence[tuple[Outcome, str]]) -> str:
        """A note that several rules made, with other names and values, as one."""
        rules = ", ".join(self.names(list({outcome.rule: outcome for outcome, _ in alike}.values())))
        note = alike[0][1] if len(alike) == 1 else _SHARE.sub("", alike[0][1])
        return f"{rules}: {note}"

    def failures(self) -> list[Outcome]:
        """The failures that are not consequences of others, MUST rules that count first."""
        failed = self.having(*_REAL_FAILURES)
        shown = {outcome.rule for outcome in failed}
        found = [outcome for outcome in failed if outcome.cause not in shown]
        return sorted(
            found,
            key=lambda outcome: (
                outcome.status is Status.ERRORED,
                bool(outcome.counts_from),
                outcome.level != Level.MUST,
            ),
        )

    def consequences(self, rule: str) -> list[Outcome]:
        """The consequences of a failure."""
        return [outcome for outcome in self.having(Status.FAILED) if outcome.cause == rule]

    def reached(self) -> tuple[tuple[Situation, int], ...]:
        """The situations that the explorers reached, each with how often."""
        return merged(outcome.reached for outcome in self.result.outcomes)

    def held(self) -> list[str]:
        """What namespaces were taken to hold, and where that comes from: a line for each."""
        return held_lines(self.started.documents) if self.started else []

    def reduced(self) -> tuple[str, list[tuple[str, str]]]:
        """The rules that had fewer examples than planned: a title, and for each part of the planned ones how many rules
        had it, and which. Those that had fewest are named with their numbers, the others by area if they are many."""
        short = sorted((one for one in self.result.outcomes if one.wanted), key=lambda one: one.examples / one.wanted)
        exercised = sum(outcome.examples > 0 for outcome in self.result.outcomes)
        share = f"{len(short)} of {plural(exercised, 'rule')}"
        title = f"Fewer examples than planned, for lack of time: {share}; a longer profile has more"
        groups: dict[str, list[Outcome]] = {}
        for outcome in short:
            part = next(name for most, name in _PARTS if outcome.examples < most * outcome.wanted)
            groups.setdefault(part, []).append(outcome)
        lowest = next(iter(groups), "")
        return title, [
            (
                f"{part}: {plural(len(found), 'rule')}",
                _with_examples(found) if part == lowest or len(short) <= _SHOWN_REDUCED else _by_area(found),
            )
            for part, found in groups.items()
        ]

    def again(self, rule: str) -> str:
        """The results of the rules that were judged apart from features of the failure; empty if none has a verdict.

        The features are named as the bug only if it was confirmed that the failure needs nothing else.
        """
        apart = [found.apart for found in self.result.outcomes if found.apart is not None and found.apart.cause == rule]
        counts = Counter(found.status for found in apart)
        passed = counts.pop(Status.PASSED, 0)
        failed = sum(counts.pop(status, 0) for status in (Status.FAILED, Status.FLAKY, Status.KNOWN_FAILING))
        if not passed + failed:
            return ""
        parts = [f"{passed} passed", f"{failed} failed on their own"]
        untried = counts.pop("", 0)
        parts += [f"{count} {status.replace('-', ' ')}" for status, count in counts.items()]
        parts += [f"{untried} not tried, for lack of time"] if untried else []
        first = apart[0]
        what = f"1 bug ({first.feature}); judged apart from it" if first.confirmed else f"without {first.feature}"
        return f"{what}: {', '.join(parts)}"

    def verdict(self) -> str:
        """The result in one sentence, for people."""
        counts = self.result.counts()
        parts = [f"{plural(counts[Status.PASSED], 'rule')} passed{self._hardly_tried()}"]
        others = (Status.SKIPPED, Status.NOT_EXERCISED, Status.KNOWN_FAILING, Status.KNOWN_FLAKY)
        parts += [f"{counts[status]} {status.replace('-', ' ')}" for status in others if counts[status]]
        match self.result.exit_code:
            case 0:
                warnings = (
                    [f"{plural(should, 'SHOULD rule')} violated"] if (should := self._failed(Level.SHOULD)) else []
                )
                warnings += self._newer()
                warning = f"; {'warnings' if len(warnings) > 1 else 'a warning'}: " if warnings else ""
                return f"conformant: {', '.join(parts)}{warning}{', '.join(warnings)}"
            case 1:
                return f"not conformant: {', '.join([*self._violations(), *self._newer()])}; {', '.join(parts)}"
            case _:
                return f"not judged: {self._not_judged()}"

    def _hardly_tried(self) -> str:
        """How many rules passed with few of their examples, in parentheses, if they are most; else empty."""
        passed = self.having(Status.PASSED)
        few = sum(outcome.examples < _HARDLY * outcome.wanted for outcome in passed)
        return f" ({few} with {_PARTS[0][1]})" if 2 * few > len(passed) else ""

    def _violations(self) -> list[str]:
        found = [
            f"{plural(count, f'{level.value} rule')} violated" for level in Level if (count := self._failed(level))
        ]
        if consequences := len(self.having(Status.FAILED, Status.FLAKY)) - len(self._roots()):
            passed = sum(
                outcome.apart is not None and outcome.apart.status == Status.PASSED
                for outcome in self.having(Status.FAILED)
            )
            found.append(
                f"{consequences} more as a consequence" + (f" ({passed} pass apart from it)" if passed else "")
            )
        if passing := len(self.having(Status.UNEXPECTEDLY_PASSING)):
            found.append(f"{plural(passing, 'known failure')} passing")
        return found

    def _failed(self, level: Level) -> int:
        """The violations of a level that count in the connector's edition, without consequences."""
        return sum(outcome.level is level and not outcome.counts_from for outcome in self._roots())

    def _newer(self) -> list[str]:
        """The violations that count only from a newer edition."""
        newer = [outcome for outcome in self._roots() if outcome.counts_from]
        first = min((outcome.counts_from for outcome in newer), key=EDITIONS.index, default="")
        text = (
            f"{plural(len(newer), 'rule')} violated that {'count' if len(newer) > 1 else 'counts'} from edition {first}"
        )
        return [text] if newer else []

    def _roots(self) -> list[Outcome]:
        return [outcome for outcome in self.failures() if outcome.violated]

    def _not_judged(self) -> str:
        if self.result.problem:
            return self.result.problem
        if self.result.interrupted:
            return f"interrupted after {plural(len(self.result.outcomes), 'rule')}"
        if broken := self.having(Status.ERRORED):
            return f"{plural(len(broken), 'rule')} could not be completed"
        untried = self.having(Status.NOT_EXERCISED)
        if not untried:
            return "no rule was exercised"
        reason = Counter(outcome.reason for outcome in untried).most_common(1)[0][0]
        return f"{plural(len(untried), 'rule')} could not be exercised, more than those that were: {reason}"


def _with_examples(outcomes: Sequence[Outcome]) -> str:
    """The first rules, each with its number of examples: `list/complete (2 of 18), …`."""
    shown = [f"{found.rule} ({found.examples} of {found.wanted})" for found in outcomes[:_SHOWN_REDUCED]]
    more = len(outcomes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _by_area(outcomes: Sequence[Outcome]) -> str:
    """How many rules of each area: `list 4, stream 12`."""
    return ", ".join(f"{area} {count}" for area, count in Counter(found.area for found in outcomes).most_common())


def held_lines(documents: Iterable[AssumedSchema]) -> list[str]:
    """What namespaces were taken to hold, and where that comes from: a line for each."""
    return [f"{one.namespace}: {_fields(one)}{one.origin}" for one in documents]


def _fields(held: AssumedSchema) -> str:
    """The fields that a schema names besides the id, as text before its origin; empty without a schema."""
    if held.schema is None:
        return ""
    schema = held.schema.get("$jsonSchema", held.schema)
    properties = schema.get("properties", {})
    fields = [name for name in properties if name not in ("_id", "id")]
    more = len(fields) - len(fields[:_SHOWN_FIELDS])
    names = ", ".join(fields[:_SHOWN_FIELDS]) + (f" and {more} more" if more else "")
    return f"{plural(len(fields), 'field')} beside the id{f' ({names})' * bool(fields)}, "


def plural(count: int, noun: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
