"""Runs one rule with Hypothesis within a budget, and keeps the smallest failing example."""

import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, reproduce_failure, seed, settings
from hypothesis import __version__ as hypothesis_version
from hypothesis import strategies as st
from hypothesis.core import encode_failure
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, choices_to_bytes
from hypothesis.errors import DidNotReproduce, Flaky, HypothesisException

from dsync_kit.bounds.interruption import heed
from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.case.sampling import changes_by_itself
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.features import Features, features_of_owner, name_features
from dsync_kit.conformance.results.outcome import (
    DoesNotApply,
    Failure,
    Finding,
    Inapplicable,
    KitError,
    Status,
    Symptom,
    Violation,
)
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.situations import Situation
from dsync_kit.conformance.running.logs import captured_log
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.symptoms import symptoms_of
from dsync_kit.conformance.verdicts.unexpected_errors import hint_of, unexpected_error
from dsync_kit.conformance.verdicts.versions import blame_no_value
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import WriteUpdatesRequest
from dsync_kit.usage import TargetError

__all__ = ["run_rule"]

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

_ROUND, _SMALL_TOO = 9, 10
"""Examples after which Hypothesis starts again with another seed. From its tenth on, most of its examples repeat parts
of the one before: of 25, only 13 were really different. Of ten or more, a tenth is as small as can be: an explorer
needs some, since its failures take long to be made small."""

_AGAIN = 3
"""The least number of times that a failing example is run again if it may not fail every time."""


def run_rule(
    rule: Rule,
    subject: Subject,
    profile: Profile,
    *,
    seed: int,
    database: Path | None,
    choices: str = "",
    seconds: float | None = None,
    keeps_new: bool = False,
) -> Finding:
    """Judge one rule; if there are `choices`, only by the example that they reproduce. It takes at most `seconds`.

    `keeps_new` also keeps the examples with which an explorer reached something new in the database. Nothing that the
    connector does makes it raise; only KeyboardInterrupt passes through.
    """
    if rule.explores and seconds is None:
        seconds = profile.seconds
    # Once for all examples: one that failed must be made again as it was.
    pace = Pace() if choices else subject.pace(seconds)
    trial = _Trial(rule, subject, profile, seconds=seconds, replayed=bool(choices), pace=pace)
    if keeps_new and database is not None and rule.explores:
        trial.corpus = DirectoryBasedExampleDatabase(database)
    began = time.monotonic()
    problem = ""
    try:
        for number, most in enumerate(_rounds(rule, profile, replayed=bool(choices))):
            _explore(trial, most, seed, database, choices, round_number=number)
    except _Failed:
        trial.confirmed = True  # Hypothesis runs the smallest example once more at the end
    except (_Enough, Flaky):
        pass  # the trial has what was found
    except DidNotReproduce:
        problem = "" if trial.examples else "the rule no longer draws the values with which this failure was saved"
    except (KitError, TargetError) as error:
        problem = str(error)
    except HypothesisException as error:
        problem = f"Hypothesis: {type(error).__name__}: {error}"
    if trial.smallest is not None and trial.to_be_confirmed:
        trial.confirmed = _fails_again(trial, trial.smallest.choices)
    return trial.finding(time.monotonic() - began, problem)


def _fails_again(trial: "_Trial", choices: str) -> bool:
    """Whether an example that has failed fails in one of a few more runs."""
    for _ in range(trial.most_again):
        again = _Trial(trial.rule, trial.subject, trial.profile, seconds=None, replayed=True, pace=trial.pace)
        with suppress(_Failed, _Enough, Flaky, DidNotReproduce, KitError, TargetError, HypothesisException):
            _explore(again, _ROUND, 0, None, choices)
        if again.smallest is not None:
            trial.stopped = again.stopped
            return True
    return False


class _Failed(Exception):
    """An example fails. Raised in only one place, so that Hypothesis takes all violations of a rule for one bug."""


class _Enough(BaseException):
    """The budget for shrinking is spent. Not an Exception, which Hypothesis would take for another failure."""


@dataclass(slots=True)
class _Found:
    violation: Violation
    rests_on: Evidence
    example: tuple[tuple[str, str], ...]
    transcript: tuple[str, ...]
    log: tuple[str, ...]
    choices: str
    features: Features
    calls: Sequence[Call]

    @property
    def symptoms(self) -> tuple[Symptom, ...]:
        return symptoms_of(self.violation, self.calls)

    @property
    def weight(self) -> int:
        return sum(call.request.ByteSize() for call in self.calls)

    @property
    def size(self) -> tuple[int, int]:
        return sum(len(value) for _, value in self.example), len(self.transcript)


@dataclass(slots=True)
class _Trial:
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
    smallest: _Found | None = None
    failures: int = 0
    confirmed: bool = False
    """Whether the smallest example has failed more than once."""
    drawn: tuple[tuple[str, str], ...] = ()
    """The values of the last example that passed, if it was replayed."""
    began: float = field(default_factory=time.monotonic)
    failed_at: float = 0.0
    stopped: bool = False
    """Whether the connector has stopped answering."""
    cut: bool = False
    """Whether time ran out before all planned examples."""

    def example(self, data: st.DataObject) -> None:
        """Run one example. Raises _Failed if the connector breaks the rule."""
        heed()
        now = time.monotonic()
        if self.smallest is None and self._spent(now - self.began):
            raise _Enough
        if self.smallest is not None and now - self.failed_at > self.profile.shrinking:
            raise _Enough
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
            self.corpus.save(_key(self.rule, self.subject), choices_to_bytes(data.conjecture_data.choices))
        if violation is not None:
            blame_no_value(violation, case.recorder.calls)
            self.stopped = self._stopped(case)
            if self.stopped:
                violation = Violation.silence(violation.seen)
            choices = encode_failure(data.conjecture_data.choices).decode()
            evidence = _evidence(violation, case)
            about = features_of_owner(violation.owner or self.rule.id)
            features = tuple(dict.fromkeys((*about, *case.features())))
            recorder = case.recorder
            shown = recorder.transcript()
            self._keep(_Found(violation, evidence, case.example, shown, tuple(log), choices, features, recorder.calls))
            # A smaller example would only show another unanswered call.
            raise _Enough if self.stopped else _Failed

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
            if found.rests_on is not Evidence.LISTING or not changes_by_itself(case):
                return found
            self.declined["its data changes during the run, as its stream shows"] += 1
        except ConnectorError as error:
            return unexpected_error(case.recorder.calls, error)
        except (KitError, TargetError, HypothesisException):
            raise
        except Exception as error:
            logger.exception("the kit broke in %s", self.rule.id)
            raise KitError(f"the kit broke: {type(error).__name__}: {error}") from error
        return None

    def finding(self, seconds: float, problem: str) -> Finding:
        """The finding about the rule."""
        declined = self.declined.most_common(_SHOWN_NOTES)
        notes = [f"{text} (in {count} of {self.examples} examples)" for text, count in declined]
        notes += [text for text, _ in self.notes.most_common(_SHOWN_NOTES)]
        status, reason, failure, owner = Status.PASSED, "", None, ""
        if self.smallest is not None:
            status, failure = Status.FAILED, self._failure(self.smallest)
            # A rule that owns its violation is not a consequence, whatever rules it comes after.
            owner = self.smallest.violation.owner
        elif problem:
            status, reason = Status.ERRORED, problem
        elif not self.checks:
            # If it is judged apart from a feature, that may be why the connector holds nothing suitable.
            applies = self.subject.without or self.ruled_out < max(1, self.examples)
            status = Status.NOT_EXERCISED if applies else Status.SKIPPED
            reason = self.declined.most_common(1)[0][0] if self.declined else "no example reached a check"
        return Finding(
            rule=self.rule.id,
            level=self.rule.level,
            status=status,
            examples=self.examples,
            seconds=seconds,
            reason=reason,
            notes=tuple(notes),
            failure=failure,
            exercised=self.exercised,
            owner=owner,
            suspect=self.smallest.violation.suspect if self.smallest is not None else "",
            symptoms=self.smallest.symptoms if self.smallest is not None else (),
            weight=self.smallest.weight if self.smallest is not None else 0,
            rests_on=self.smallest.rests_on.rules if self.smallest is not None else (),
            features=self.smallest.features if self.smallest is not None else (),
            without=self.subject.without,
            reached=tuple(sorted(self.reached.items())),
            drawn=self.drawn if self.replayed and status is Status.PASSED else (),
            wanted=_wanted(self.rule, self.profile) if self.cut and failure is None else 0,
        )

    def _keep(self, found: _Found) -> None:
        if self.smallest is None:
            self.failed_at = time.monotonic()
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

    def _failure(self, found: _Found) -> Failure:
        return Failure(
            message=found.violation.message,
            expected=found.violation.expected,
            seen=found.violation.seen,
            hint=found.violation.hint or hint_of(found.violation, self.rule.hint),
            example=found.example,
            transcript=found.transcript,
            reproducible=self.confirmed or not self.to_be_confirmed,
            again="" if self.confirmed or not self.to_be_confirmed else self._once(),
            log=found.log,
            choices=found.choices,
        )


def _rounds(rule: Rule, profile: Profile, *, replayed: bool) -> Iterator[int]:
    """The numbers of examples in each round. A rule that explores goes on until its time is over."""
    if replayed:
        yield from itertools.repeat(_ROUND, rule.attempts)
    elif rule.explores:
        yield from itertools.repeat(_SMALL_TOO)
    else:
        left = _wanted(rule, profile)
        while left > 0:
            yield min(left, _ROUND)
            left -= _ROUND


def _explore(
    trial: _Trial, most: int, seed_number: int, database: Path | None, choices: str, *, round_number: int = 0
) -> None:
    """Run at most `most` examples, or only the one that `choices` reproduce."""
    examples = DirectoryBasedExampleDatabase(database) if database is not None else None

    def test(data: st.DataObject) -> None:
        trial.example(data)

    # The key separates the rules for Hypothesis, since they share one test function.
    test._hypothesis_internal_database_key = _key(trial.rule, trial.subject)  # type: ignore[attr-defined]
    configured = settings(
        max_examples=most,
        database=examples,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if round_number else (Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    wrapped = given(data=st.data())(test)
    wrapped._hypothesis_internal_database_key = test._hypothesis_internal_database_key  # type: ignore[attr-defined]
    if choices:
        wrapped = reproduce_failure(hypothesis_version, choices.encode())(wrapped)
    # In this order: applying a seed removes the database of earlier settings, and with it the last run's failures.
    # A text, so that neither the rules nor the next seed's rounds draw the same.
    configured(seed(f"{seed_number} {trial.rule.id} {round_number}")(wrapped))()


def _key(rule: Rule, subject: Subject) -> bytes:
    """The key under which a rule's examples are kept."""
    without = subject.without
    return (f"{rule.id} apart from {name_features(without)}" if without else rule.id).encode()


def _wanted(rule: Rule, profile: Profile) -> int:
    """The planned number of examples of a rule that does not explore."""
    return max(1, round(profile.examples * rule.examples))


def _evidence(found: Violation, case: Case) -> Evidence:
    """What a violation rests on. A listing after updates also rests on these."""
    updated = any(isinstance(call.request, WriteUpdatesRequest) for call in case.recorder.calls)
    return found.rests_on | Evidence.UPDATES if updated and Evidence.LISTING in found.rests_on else found.rests_on
