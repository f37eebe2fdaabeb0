"""Runs one rule with Hypothesis within a budget, and keeps the smallest failing example."""

import itertools
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, reproduce_failure, seed, settings
from hypothesis import __version__ as hypothesis_version
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import DidNotReproduce, Flaky, HypothesisException
from hypothesis.internal.conjecture.choice import ChoiceTemplate

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.outcome import Finding, KitError
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.running.trial import Enough, Failed, Trial
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.usage import TargetError

__all__ = ["run_rule"]

_ROUND = 9
"""Examples after which Hypothesis starts again with another seed. From its tenth on, most of its examples repeat parts
of the one before: of 25, only 13 were really different. Of ten or more, some are as small as can be."""

_CALLS = 12
"""About how many calls an example makes. A rule without the time for them, or for reads to show its writes, has only an
example or two: the plainest, with which Hypothesis begins, would show little."""

_QUICK = 0.02
"""A rule with a single example gets another one if the first took at most this fraction of the profile's seconds: the
first is the plainest, and shows only what is wrong with that."""


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
    trial = Trial(rule, subject, profile, seconds=seconds, replayed=bool(choices), pace=pace)
    if keeps_new and database is not None and rule.explores:
        trial.corpus = DirectoryBasedExampleDatabase(database)
    began = time.monotonic()
    hurried = seconds is not None and seconds < _CALLS * subject.place.call_seconds + subject.settling.seconds
    problem = ""
    try:
        for number, round_ in enumerate(_rounds(trial, plain=not hurried or trial.wanted == 1)):
            _explore(trial, round_, seed, database, choices, round_number=number)
    except Failed:
        trial.confirmed = True  # Hypothesis runs the smallest example once more at the end
    except (Enough, Flaky):
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


def _fails_again(trial: Trial, choices: str) -> bool:
    """Whether an example that has failed fails in one of a few more runs."""
    for _ in range(trial.most_again):
        again = Trial(trial.rule, trial.subject, trial.profile, seconds=None, replayed=True, pace=trial.pace)
        with suppress(Failed, Enough, Flaky, DidNotReproduce, KitError, TargetError, HypothesisException):
            _explore(again, _Round(_ROUND), 0, None, choices)
        if again.smallest is not None:
            trial.stopped = again.stopped
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Round:
    """At most so many examples. If `plain`, the first is the plainest, with which Hypothesis begins; else it is drawn
    like the others."""

    examples: int
    plain: bool = False


def _rounds(trial: Trial, *, plain: bool) -> Iterator[_Round]:
    """The rounds of a rule; `plain` says whether the first begins with the plainest example.

    A rule that explores goes on until its time is over.
    """
    if trial.replayed:
        yield from itertools.repeat(_Round(_ROUND), trial.rule.attempts)
    elif trial.rule.explores:
        yield from itertools.repeat(_Round(_ROUND))
    else:
        for begin in range(0, trial.wanted, _ROUND):
            yield _Round(min(trial.wanted - begin, _ROUND), plain=plain and begin == 0)
        if trial.wanted == 1 and time.monotonic() - trial.began <= _QUICK * trial.profile.seconds:
            yield _Round(1)


def _explore(
    trial: Trial, round_: _Round, seed_number: int, database: Path | None, choices: str, *, round_number: int = 0
) -> None:
    """Run a round of examples, or only the one that `choices` reproduce."""
    examples = DirectoryBasedExampleDatabase(database) if database is not None else None

    def test(data: st.DataObject) -> None:
        if not round_.plain and trial.smallest is None:
            _draw_freely(data)
        trial.example(data)

    # The key separates the rules for Hypothesis, since they share one test function.
    test._hypothesis_internal_database_key = trial.key  # type: ignore[attr-defined]
    configured = settings(
        max_examples=round_.examples,
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


def _draw_freely(data: st.DataObject) -> None:
    """Draw the plainest example, with which Hypothesis begins, like the others."""
    made = data.conjecture_data
    if made.prefix and isinstance(made.prefix[0], ChoiceTemplate):
        made.prefix = ()
