"""The exit code of a run, for every combination."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.outcome import Outcome, Result, Status
from dsync_kit.conformance.results.rule_info import Level

PASSED = Outcome("a/passed", Level.MUST, Status.PASSED)


def _result(*outcomes: Outcome) -> Result:
    return Result("target", "type", 1, "quick", outcomes, 1.0)


@pytest.mark.parametrize(
    ("status", "level", "strict", "code"),
    [
        (Status.PASSED, Level.MUST, False, 0),
        (Status.SKIPPED, Level.MUST, False, 0),
        (Status.NOT_EXERCISED, Level.MUST, False, 0),
        (Status.KNOWN_FAILING, Level.MUST, True, 0),
        (Status.FAILED, Level.MUST, False, 1),
        (Status.FAILED, Level.SHOULD, False, 0),
        (Status.FAILED, Level.SHOULD, True, 1),
        (Status.UNEXPECTEDLY_PASSING, Level.SHOULD, False, 1),
        (Status.ERRORED, Level.MUST, False, 3),
    ],
)
def test_beside_a_rule_that_passed(status, level, strict, code):
    """A violation is 1, a SHOULD only if strict; what could not be judged is 3; everything else is 0."""
    result = _result(PASSED, Outcome("a/rule", level, status))
    assert replace(result, strict=strict).exit_code == code


def test_a_violation_weighs_more_than_a_broken_kit():
    """A proven violation counts, whatever could not be judged beside it."""
    failed = Outcome("a/failed", Level.MUST, Status.FAILED)
    errored = Outcome("a/errored", Level.MUST, Status.ERRORED)
    assert _result(failed, errored).exit_code == 1


@pytest.mark.parametrize("changes", [{"problem": "nothing answers"}, {"interrupted": True}])
def test_a_run_that_did_not_end_is_not_judged(changes):
    """An unreachable connector, or an interrupted run, is neither conformant nor violated."""
    assert replace(_result(PASSED), **changes).exit_code == 3


def test_a_run_that_left_more_untried_than_it_tried_is_not_judged():
    """Such a success would mean little; equal numbers still count as one."""
    untried = [Outcome(f"a/{number}", Level.MUST, Status.NOT_EXERCISED) for number in range(2)]
    assert _result(PASSED, *untried).exit_code == 3
    assert _result(PASSED, *untried[:1]).exit_code == 0


def test_a_run_without_anything_exercised_is_not_judged():
    """Skipped and not-exercised rules alone are not a success."""
    assert _result(Outcome("a/skipped", Level.MUST, Status.SKIPPED)).exit_code == 3
    assert _result().exit_code == 3
