"""A run that takes too long ends once it only repeats one failure."""

from collections.abc import Mapping
from dataclasses import replace

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.profile import PROFILES

from .fault import REFERENCE, Variant, judge

LATE = replace(PROFILES["quick"], examples=1, total=1e-6, shrinking=0.0)
RULES = ["info/db-type", "write/*", "encoding/*"]


class Refusing(REFERENCE.ReferenceConnector):
    """It writes nothing."""

    def write_data(self, request):
        raise ZeroDivisionError("a bug")


def outcomes(connector: type) -> Mapping[str, Outcome]:
    """The outcomes of the rules by their ids, in a run that has no time."""
    return {one.rule: one for one in judge(Variant("late", connector, ""), RULES, profile=LATE).outcomes}


def test_a_late_run_that_repeats_one_failure_ends() -> None:
    """Rules that nearly always fail for one reason run twenty times; the others are not exercised, and say why."""
    found = outcomes(Refusing)
    assert found["info/db-type"].status is Status.PASSED
    assert found["write/accepts"].status is Status.FAILED
    left_out = [one for one in found.values() if "the run takes too long" in one.reason]
    assert all(one.status is Status.NOT_EXERCISED and "failed as write/accepts did" in one.reason for one in left_out)
    assert len(left_out) > 10
    assert found["encoding/documents"] in left_out


def test_a_late_run_without_a_failure_does_not_end() -> None:
    """A slow connector that does nothing wrong is judged by every rule."""
    assert not [one for one in outcomes(REFERENCE.ReferenceConnector).values() if "too long" in one.reason]
