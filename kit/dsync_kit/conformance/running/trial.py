"""Runs the examples of one rule, records what happens, and makes the finding."""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from hypothesis.core import encode_failure
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import HypothesisException

from dsync_kit.bounds.interruption import heed
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.case.sampling import changes_by_itself
from dsync_kit.conformance.case.undeclared import refuses_undeclared
from dsync_kit.conformance.results.alike import joined
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import name_features
from dsync_kit.conformance.results.outcome import (
    DoesNotApply,
    Finding,
    Inapplicable,
    KitError,
    Status,
    Violation,
)
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.situations import Situation
from dsync_kit.conformance.running.failing import FailingExample
from dsync_kit.conformance.running.logs import captured_log
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.diagnosis import blame_deletes_of_others
from dsync_kit.conformance.verdicts.unexpected_errors import unexpected_error
from dsync_kit.conformance.verdicts.versions import blame_no_value
from dsync_kit.errors import ConnectorError
from dsync_kit.usage import TargetError

__all__ = ["Enough", "Failed", "Trial"]

logger = logging.getLogger(__name__)

_SHOWN_NOTES = 3

_FEW = 8
_PATIENCE = 4
"""This many examples may together take so many times the profile's seconds."""

_LEAST, _FAR_BEYOND = 2, 4
"""Each rule gets at least so many examples even if the connector is slow, until the run's time is over: the first one
is minimal, and shows little. If it took so many times the rule's share, it is the only one."""

_SOME = 4
_LENIENCE = 2
"""This many examples may together take so many times the rule's share of the run's time."""

_AGAIN = 3
"""The least number of times that a failing example is run again if it may not fail every time."""


class Failed(Exception):
    """An example fails. Raised in only one place, so that Hypothesis takes all violations of a rule for one bug."""


class Enough(BaseException):
    """The budget for shrinking is spent. Not an Exception, which Hypothesis would take for another failure."""


@dataclass(slots=True)
class Trial:
    """The results of a rule's examples so far."""

    rule: Rule
    subject: Subject
    profile: Profile
    seconds: float | None
    """The most seconds for the examples; None means the profile's limit."""
    replayed: bool
    """Whether this runs a single example that has failed before."""
    pace: Pace
    """How much an explorer's example may do."""
    examples: int = 0
    checks: int = 0
    exercised: int = 0
    """How many examples have checked something, and were not declined."""
    reached: Counter[Situation] = field(default_factory=Counter)
    corpus: ExampleDatabase | None = None
    """Whether to keep examples that reached something new."""
    declined: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    ruled_out: int = 0
    """How many examples had nothing to check because of what the connector's namespaces hold."""
    smallest: FailingExample | None = None
    failures: int = 0
    confirmed: bool = False
    """Whether the smallest example has failed more than once."""
    drawn: tuple[tuple[str, str], ...] = ()
    """The values of the last example that passed, if it was replayed."""
    began: float = field(default_factory=time.monotonic)
    failed_at: float = 0.0
    until_failure: int = 0
    """How many examples ran until the first one failed, that one included."""
    stopped: bool = False
    """Whether the connector has stopped answering."""
    cut: bool = False
    """Whether time ran out before all planned examples."""

    def example(self, data: st.DataObject) -> None:
        """Run one example. Raises Failed if the connector breaks the rule."""
        heed()
        now = time.monotonic()
        if self.smallest is None and self._spent(now - self.began):
            raise Enough
        if self.smallest is not None and now - self.failed_at > self.profile.shrinking:
            raise Enough
        case = Case(self.subject, data, bulk=self.profile.bulk, pace=self.pace)
        for line in self.subject.liveness.last_calls:
            case.recorder.note(line)
        declined = self.declined.total()
        with captured_log(self.subject.redact) as log:
            try:
                violation = self._violation(case)
            finally:
                case.close()
                self.examples += 1
                self.checks += case.checks
                self.exercised += case.checks > 0 and self.declined.total() == declined
                self.notes.update(case.notes)
                new = case.reached.keys() - self.reached.keys()
                self.reached.update(case.reached)
        if violation is None and self.replayed:
            self.drawn = case.example
        if violation is None and new and self.corpus is not None:
            self.corpus.save(self.key, choices_to_bytes(data.conjecture_data.choices))
        if violation is not None:
            blame_no_value(violation, case.recorder.calls)
            blame_deletes_of_others(violation, case.recorder.calls)
            self.stopped = self._stopped(case)
            if self.stopped:
                violation = Violation.silence(violation.seen)
            choices = encode_failure(data.conjecture_data.choices).decode()
            self._keep(FailingExample.of(case, self.rule, violation, tuple(log), choices))
            # A smaller example would only show another unanswered call.
            raise Enough if self.stopped else Failed

    def _stopped(self, case: Case) -> bool:
        """Whether the connector has stopped answering after this example."""
        failed = any(call.unanswered for call in case.recorder.calls)
        return failed and not self.subject.liveness.answers()

    def _spent(self, seconds: float) -> bool:
        """Whether the rule's time is over. A few examples run anyway, unless they take very long."""
        if self.rule.explores:
            return self.examples > 0 and self.seconds is not None and seconds > self.seconds
        most = self.profile.seconds * (_PATIENCE if self.examples < _FEW else 1)
        if self.seconds is not None and self.examples >= (_LEAST if seconds < _FAR_BEYOND * self.seconds else 1):
            most = min(most, self.seconds * (_LENIENCE if self.examples < _SOME else 1))
        spent = self.examples > 0 and seconds > most
        self.cut = self.cut or spent
        return spent

    def _violation(self, case: Case) -> Violation | None:
        try:
            self.rule.check(case)
        except Inapplicable as declined:
            self.declined[str(declined)] += 1
            self.ruled_out += isinstance(declined, DoesNotApply)
        except Violation as found:
            refusal = found.__cause__
            if isinstance(refusal, ConnectorError) and refuses_undeclared(case, refusal):
                self._declines_undeclared(refusal)
            elif found.rests_on is not Evidence.LISTING or not changes_by_itself(case):
                return found
            else:
                self.declined["its data changes during the run, as its stream shows"] += 1
        except ConnectorError as error:
            if not refuses_undeclared(case, error):
                return unexpected_error(case.recorder.calls, error)
            self._declines_undeclared(error)
        except (KitError, TargetError, HypothesisException):
            raise
        except Exception as error:
            logger.exception("the kit broke in %s", self.rule.id)
            raise KitError(f"the kit broke: {type(error).__name__}: {error}") from error
        return None

    def _declines_undeclared(self, refusal: ConnectorError) -> None:
        self.declined[f"it refuses a document that no declared schema covers ({refusal}): see --documents"] += 1

    @property
    def key(self) -> bytes:
        """The key under which the rule's examples are kept."""
        without = self.subject.without
        return (f"{self.rule.id} apart from {name_features(without)}" if without else self.rule.id).encode()

    @property
    def wanted(self) -> int:
        """The planned number of examples of a rule that does not explore."""
        return max(1, round(self.profile.examples * self.rule.examples))

    def finding(self, seconds: float, problem: str) -> Finding:
        """The finding about the rule."""
        declined = joined(self.declined).most_common(_SHOWN_NOTES)
        notes = [f"{text} (in {count} of {self.examples} examples)" for text, count in declined]
        notes += [text for text, _ in joined(self.notes).most_common(_SHOWN_NOTES)]
        status, reason = self._status(problem)
        finding = Finding(
            rule=self.rule.id,
            level=self.rule.level,
            status=status,
            examples=self.examples,
            seconds=seconds,
            reason=reason,
            notes=tuple(notes),
            exercised=self.exercised,
            without=self.subject.without,
            reached=tuple(sorted(self.reached.items())),
        )
        if (found := self.smallest) is None:
            drawn = self.drawn if self.replayed and status is Status.PASSED else ()
            return replace(finding, drawn=drawn, wanted=self.wanted if self.cut else 0)
        return replace(
            finding,
            failure=found.failure(
                self.rule,
                self.subject,
                reproducible=not self.to_be_confirmed,
                again=self._once() if self.to_be_confirmed else "",
            ),
            until_failure=self.until_failure,
            # A rule that owns its violation is not a consequence, whatever rules it comes after.
            owner=found.violation.owner,
            suspect=found.violation.suspect,
            symptoms=found.symptoms,
            weight=found.weight,
            rests_on=found.rests_on.rules,
            features=found.features,
        )

    def _status(self, problem: str) -> tuple[Status, str]:
        """The status of the rule, and the reason unless it passed or failed."""
        if self.smallest is not None:
            return Status.FAILED, ""
        if problem:
            return Status.ERRORED, problem
        if self.checks:
            return Status.PASSED, ""
        # If it is judged apart from a feature, that may be why the connector holds nothing suitable.
        applies = self.subject.without or self.ruled_out < max(1, self.examples)
        reason = joined(self.declined).most_common(1)[0][0] if self.declined else "no example reached a check"
        return Status.NOT_EXERCISED if applies else Status.SKIPPED, reason

    def _keep(self, found: FailingExample) -> None:
        if self.smallest is None:
            self.failed_at, self.until_failure = time.monotonic(), self.examples
        self.failures += 1
        if self.smallest is None or found.size <= self.smallest.size:
            self.smallest = found

    @property
    def to_be_confirmed(self) -> bool:
        """Whether the smallest example must be run again to know if it fails every time."""
        # Without time to shrink it, it counts as a consequence; an example that ended the connector cannot run again.
        return not (self.confirmed or self.stopped or self.replayed or not self.profile.shrinking)

    @property
    def most_again(self) -> int:
        """How often an example is run again to see it fail."""
        return max(_AGAIN, self.rule.attempts)

    def _once(self) -> str:
        failed = f"{self.failures} of {self.examples} examples failed"
        return f"{failed}, but the smallest of them did not fail again in {self.most_again} more runs"
