"""A slow connector is not called more than it can answer, and is not given up too early."""

import threading
import time

import pytest
from hypothesis import strategies as st

from dsync_kit.bounds.patience import Patience
from dsync_kit.client import LocalClient
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.rules.write import concurrency
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol import WriteDataRequest, WriteDataResponse
from dsync_kit.targets.target import OpenTarget

from .fault import REFERENCE, SETTINGS


class OneAtATime(REFERENCE.ReferenceConnector):
    """Writes a whole file for each page, one page after another. `most` is how many calls have waited at once."""

    def __init__(self, settings: object) -> None:
        super().__init__(settings)
        self.calls: list[int] = []
        self.most = 0
        self.file = threading.Lock()

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.calls.append(threading.get_ident())
        self.most = max(self.most, len(self.calls))
        with self.file:
            time.sleep(0.02)
            answer: WriteDataResponse = super().write_data(request)
        self.calls.remove(threading.get_ident())
        return answer


def test_slow_writes_have_fewer_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise some would wait so long for the others that they count as not answered."""
    monkeypatch.setattr(concurrency, "_QUEUE_SECONDS", 0.1)
    connector = OneAtATime(SETTINGS.Settings.parse(["reference://"], {})[0])
    subject = Subject.of(OpenTarget(title="one file", api=LocalClient(connector)), settle=0.0)
    (rule,) = (rule for rule in concurrency.RULES if rule.id == "write/concurrent")
    finding = run_rule(rule, subject, PROFILES["quick"], seed=0, database=None)
    assert finding.status is Status.PASSED
    assert 1 < connector.most <= 5


def test_after_a_call_that_takes_too_long_a_slow_connector_still_has_time() -> None:
    """Others get three seconds, so that a connector that hangs is not waited for again and again."""
    slow, hanging = Patience(30.0), Patience(30.0)
    slow.answered(5.0)
    slow.lose()
    hanging.lose()
    assert (slow.seconds, hanging.seconds) == (10.0, 3.0)


def test_a_connector_that_stood_still_once_has_as_much_time_as_before() -> None:
    """A single call that takes too long shortens no later ones, once another was answered; a second one does."""
    patience = Patience(30.0)
    patience.lose()
    patience.answered(0.1)
    assert patience.seconds == 30.0
    patience.lose()
    patience.answered(0.1)
    assert patience.seconds == 3.0


def test_a_large_call_has_more_time() -> None:
    """Some stores write row by row. But no call may take twice as long as others."""
    assert [Patience(30.0).limit(items) for items in (0, 1000, 100_000)] == [30.0, 45.0, 54.0]
    assert Patience(None).limit(1000) is None


@pytest.mark.parametrize(("seconds", "plain"), [(None, True), (60.0, True), (0.0, False)])
def test_without_time_for_several_examples_the_first_one_is_not_the_plainest(
    seconds: float | None, plain: bool
) -> None:
    """The plainest example shows little: it only pays if others follow."""
    connector = OneAtATime(SETTINGS.Settings.parse(["reference://"], {})[0])
    subject = Subject.of(OpenTarget(title="one file", api=LocalClient(connector)), settle=0.0)
    drawn: list[int] = []

    def check(case: Case) -> None:
        drawn.append(case.draw(st.integers(0, 2**64), "number"))
        case.checks += 1

    rule = Rule("test/rule", Level.MUST, "a sentence", check=check)
    run_rule(rule, subject, PROFILES["quick"], seed=0, database=None, seconds=seconds)
    assert (drawn[0] == 0) is plain
