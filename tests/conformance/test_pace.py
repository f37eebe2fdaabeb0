"""How much an explorer's example may do: on a slow connector less, so that there are several examples."""

import time
from dataclasses import replace

import pytest

from dsync_kit.client import LocalClient
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.exploring.operations import Focus, Kind, Operation, steps
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.outcome import Finding, Violation
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.connector import Connector
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    Capabilities,
    GetInfoRequest,
    GetInfoResponse,
)
from dsync_kit.targets.target import OpenTarget

KINDS = (Kind.PAGE, Kind.LIST, Kind.COUNT, Kind.PLAN)


class Sink(Connector):
    """Answers GetInfo only, after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        time.sleep(self._seconds)
        sink = Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])
        return GetInfoResponse(db_type="sink", capabilities=Capabilities(sink=sink))


def subject_of(seconds: float) -> Subject:
    """A connector whose calls take so many seconds, after a few of them."""
    connector = Sink(seconds)
    subject = Subject.of(OpenTarget(title="sink", api=LocalClient(connector), connector=connector))
    for _ in range(3):
        subject.api.get_info(GetInfoRequest())
    return subject


@pytest.mark.parametrize(("call", "lists"), [(0.0, 10), (0.0001, 10), (0.006, 6), (0.1, 2), (60.0, 2)])
def test_slower_calls_make_shorter_examples(call: float, lists: int) -> None:
    """Where nearly no call fits into the time, an example still has up to two lists of steps."""
    assert Pace.within(1.2, call=call, outage=0.0).lists == lists


@pytest.mark.parametrize(("outage", "allowed"), [(0.0, True), (1.0, True), (1.1, False)])
def test_an_outage_must_be_worth_its_time(outage: float, allowed: bool) -> None:
    """It takes at most half of the rule's time; before the first one, nobody knows how long it takes."""
    assert Pace.within(2.0, call=0.01, outage=outage).outages == allowed


def test_a_slow_connector_has_shorter_examples() -> None:
    """Its calls are measured; without a limit, an example may be as long as any."""
    slow = subject_of(0.05)
    assert slow.pace(0.1).lists == 2
    assert slow.pace(1000.0) == slow.pace(None) == Pace()


def test_a_short_example_is_replayed_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed as one of short examples is the same example where long ones are possible."""
    drawn: list[list[Operation]] = []

    def check(case: Case) -> None:
        made = case.draw(steps(KINDS, Focus.EVERYTHING, lists=case.pace.lists), "steps")
        drawn.append([step for step in made if isinstance(step, Operation)])
        if len(made) > 3:
            raise Violation("always")

    rule = Rule("test/rule", Level.MUST, "a sentence", check=check, explores=1.0)

    def judge(choices: str = "") -> Finding:
        profile = replace(PROFILES["quick"], seconds=60.0, shrinking=0.5)
        return run_rule(rule, subject_of(0.0), profile, seed=1, database=None, choices=choices)

    with monkeypatch.context() as patched:
        patched.setattr(Subject, "pace", lambda *_: Pace(lists=2))
        found = judge()
    assert found.failure is not None
    example = dict(found.failure.example)["steps"]
    assert len(max(drawn, key=len)) <= 20
    drawn.clear()
    again = judge(found.failure.choices)
    assert again.failure is not None
    assert dict(again.failure.example)["steps"] == example
