"""The outcomes of rules, and the result of a run: plain values, which reports and tests read."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import Apart, Features
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.results.situations import Situation
from dsync_kit.project.editions import Edition
from dsync_kit.protocol import DataType

__all__ = [
    "DoesNotApply",
    "Failure",
    "Finding",
    "Inapplicable",
    "KeptExample",
    "KitError",
    "Outcome",
    "Result",
    "Status",
    "Symptom",
    "Violation",
    "Wrong",
]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong document: `expected` is None if it should not be there, `seen` is None if it is missing."""

    expected: bytes | None
    seen: bytes | None
    data_type: DataType


@dataclass(frozen=True, slots=True)
class Symptom:
    """What only a few bugs show, in words. One that `lasts` may have begun in an earlier example: the first failure is
    the cause of the others. Otherwise the one with the smallest example is."""

    text: str
    lasts: bool = False


class Violation(Exception):
    """The connector broke a rule. `owner` is that rule, if it is not the one that noticed.

    `refusal` is the RPC and the code of a call that should not have been refused: the same refusal is the same bug.
    `rests_on` is the evidence: what the observation rests on. `hint` is the likely cause, if the observation shows it
    better than the rule does. `wrong` are the documents that it is about.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: str = "",
        seen: str = "",
        owner: str = "",
        refusal: str = "",
        rests_on: Evidence = Evidence.NONE,
        hint: str = "",
        wrong: tuple[Wrong, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.seen = seen
        self.owner = owner
        self.refusal = refusal
        self.rests_on = rests_on
        self.hint = hint
        self.wrong = wrong
        self.symptom = ""
        """What few bugs show, if neither `wrong` nor the calls show it: failures with one symptom are one bug."""
        self.suspect = ""
        """A rule that may own it: the observation has another explanation, too."""

    @classmethod
    def silence(cls, seen: str) -> Self:
        """The violation of a connector that stopped answering: it crashed, or hangs."""
        return cls(
            "the connector has stopped answering: its process has ended, or hangs",
            expected="an answer to every call, even if it is an error",
            seen=seen,
            hint="most likely the first of these calls without an answer crashes it: see its log",
        )


class Inapplicable(Exception):
    """The connector legally declines what this example needs; the reason is reported."""


class DoesNotApply(Inapplicable):
    """No example of the rule can check anything: what the connector's namespaces hold leaves nothing to check."""


class KitError(Exception):
    """The kit or the backend broke: this says nothing about the connector."""


class Status(StrEnum):
    """The status of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """A capability that it needs is not declared."""
    NOT_EXERCISED = "not-exercised"
    """It ran, but no example tested it. It never counts as passed."""
    KNOWN_FAILING = "known-failing"
    """It is violated, which the connector's author has declared, with a reason."""
    UNEXPECTEDLY_PASSING = "unexpectedly-passing"
    """It is listed as known to fail, but its kept example passes: fails the run."""
    FLAKY = "flaky"
    """An example failed, and the same example did not fail again: fails the run as a violation does."""
    KNOWN_FLAKY = "known-flaky"
    """The connector's author lists it as flaky, with a reason and a date: whatever the result, it fails no run."""
    ERRORED = "errored"
    """The kit or the backend broke."""


class KeptExample(StrEnum):
    """The result of the example that is kept for a rule that is known to fail."""

    NONE = "none"
    """There is none, or it now makes another example: nothing was learned from it."""
    FAILS = "fails"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class Failure:
    """One violation, at its smallest example."""

    message: str
    expected: str
    seen: str
    hint: str
    example: tuple[tuple[str, str], ...]
    """The draws: labels and values."""
    transcript: tuple[str, ...]
    """The RPCs in order."""
    reproducible: bool
    """Whether the same example failed again."""
    log: tuple[str, ...] = ()
    """The last lines that the connector logged during the example, if it runs in this process."""
    again: str = ""
    """How often the same example ran again without failing. Empty if it failed again."""
    choices: str = ""
    """What Hypothesis needs to run exactly this example again."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """The result of one rule."""

    rule: str
    level: Level
    status: Status
    examples: int = 0
    """The number of examples that ran."""
    seconds: float = 0.0
    """Wall time."""
    reason: str = ""
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    kept_example: KeptExample = KeptExample.NONE
    """For a rule that is known to fail: the result of its kept example."""
    wanted: int = 0
    """The planned number of examples, if time ran out before; else 0."""
    reached: tuple[tuple[Situation, int], ...] = ()
    """The situations that an explorer reached, each with how often."""


@dataclass(frozen=True, slots=True)
class Finding(_Judged):
    """The result of one rule, regardless of the others."""

    drawn: tuple[tuple[str, str], ...] = ()
    """The values of the example that was run again, if it passed."""
    exercised: int = 0
    """The number of examples that checked something, and were not declined."""
    until_failure: int = 0
    """How many examples ran until the first one failed, that one included; 0 if none did."""
    owner: str = ""
    """The rule that owns the violation, if known."""
    suspect: str = ""
    """A rule that may own it: the observation has another explanation, too."""
    symptoms: tuple[Symptom, ...] = ()
    """What its example shows, and only a few bugs do: failures with the same symptom are the same bug."""
    weight: int = 0
    """The bytes of its example's requests: the lighter of two examples of one bug shows it better."""
    rests_on: tuple[str, ...] = ()
    """The rules that must hold for the observation to mean anything."""
    features: Features = ()
    """What its example shows, and others can do without."""
    without: Features = ()
    """What no example could show, if the rule was judged again."""


@dataclass(frozen=True, slots=True)
class Outcome(_Judged):
    """The result of one rule, in the light of all the others."""

    cause: str = ""
    """The rule whose violation led to this one."""
    why: str = ""
    """Why it is taken for a consequence of that, in words."""
    replay: str = ""
    """The command that shows just this failure again."""
    counts_from: str = ""
    """The edition from which its failure counts; empty if it already counts, or does not fail."""
    kept: str = ""
    """The name under which the failure is saved for `replay`; empty if it is not."""
    apart: Apart | None = None
    """The second judgement of the rule, apart from a feature of its cause's failure.

    If it fails even so, `failure` is that failure, and `cause` is no longer the rule that explained the first one.
    """

    @property
    def area(self) -> str:
        """The part of the rule's id before the slash."""
        return self.rule.partition("/")[0]

    @property
    def violated(self) -> bool:
        """Whether an example failed without an excuse."""
        return self.status in (Status.FAILED, Status.FLAKY)

    @property
    def mild(self) -> bool:
        """Whether its violation is only a warning: a SHOULD rule, or one of a newer edition."""
        return self.violated and (self.level is Level.SHOULD or bool(self.counts_from))

    def fails(self, *, strict: bool) -> bool:
        """Whether it makes the run fail; with `strict`, SHOULD rules count, too."""
        if self.status is Status.UNEXPECTEDLY_PASSING:
            return True
        counts = not self.counts_from and (strict or self.level is Level.MUST)
        return self.violated and counts


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run."""

    target: str
    db_type: str
    seed: int
    profile: str
    outcomes: tuple[Outcome, ...]
    seconds: float
    strict: bool = False
    interrupted: bool = False
    problem: str = ""
    """Why the connector could not be judged at all; empty if it could."""
    notes: tuple[str, ...] = field(default=())
    edition: Edition = field(default_factory=Edition)

    def counts(self) -> dict[Status, int]:
        """How many rules have each status."""
        return {status: sum(outcome.status is status for outcome in self.outcomes) for status in Status}

    def violations(self) -> list[Outcome]:
        """The outcomes that make the run fail."""
        return [outcome for outcome in self.outcomes if outcome.fails(strict=self.strict)]

    @property
    def hollow(self) -> bool:
        """Whether more rules were left untested than tested: such a success would mean nothing."""
        counts = self.counts()
        tried = sum(counts[status] for status in (Status.PASSED, Status.KNOWN_FAILING, Status.KNOWN_FLAKY))
        return not tried or counts[Status.NOT_EXERCISED] > tried

    @property
    def exit_code(self) -> int:
        """0 conformant, 1 a rule is violated, 3 could not be judged."""
        if self.violations():
            return 1
        broken = any(outcome.status is Status.ERRORED for outcome in self.outcomes)
        return 3 if self.problem or broken or self.hollow or self.interrupted else 0

    @property
    def conformant(self) -> bool:
        """Whether the connector is reliable, as far as the rules that ran can show."""
        return self.exit_code == 0
