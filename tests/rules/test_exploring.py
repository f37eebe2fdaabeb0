"""Explorers: what they reach, and that their examples can be repeated."""

import re
from dataclasses import replace

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from dsync_kit.conformance.case.exploring.operations import WRITES, Focus, Kind, kept_in, some_kinds
from dsync_kit.conformance.results.outcome import Result, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.situations import Meeting

from .catalogue import FAULTS, VARIANTS
from .fault import judge


def _judged(name: str, rule: str, *, seconds: float, shrinking: float = 0.0) -> Result:
    (entry,) = [found for found in (*FAULTS, *VARIANTS) if found.name == name]
    return judge(entry, [rule], profile=replace(PROFILES["quick"], shrinking=shrinking, seconds=seconds))


def test_a_call_may_be_seen_halfway() -> None:
    """A store that applies a call's updates one by one passes, partial updates of one id included: readers see them."""
    profile = replace(PROFILES["standard"], shrinking=0.0, seconds=8.0)
    (unusual,) = [found for found in VARIANTS if found.name == "updates-one-by-one"]
    (outcome,) = judge(unusual, ["explore/at-once"], profile=profile).outcomes
    assert outcome.status is Status.PASSED, outcome.failure


def test_simultaneous_writers_have_their_own_documents() -> None:
    """Even where ids are numbers of a small range, no two of them write the same one: the order would be unknown."""
    (outcome,) = _judged("typed-few-numbers-as-ids", "explore/at-once", seconds=6.0).outcomes
    assert outcome.status is Status.PASSED, outcome.failure


@given(data=st.data(), focus=st.sampled_from(Focus))
def test_an_example_has_what_it_is_about(data: st.DataObject, focus: Focus) -> None:
    """Some kinds are left out at random, so that the others meet: never those in focus, and never all writes."""
    kinds = data.draw(some_kinds(tuple(Kind), focus))
    assert kept_in(focus) <= set(kinds)
    assert WRITES.intersection(kinds)
    assert [kind for kind in Kind if kind in kinds] == list(kinds)


@pytest.mark.parametrize("focus", Focus)
def test_any_kind_may_be_left_out(focus: Focus) -> None:
    """Each of the other kinds is left out of some examples, and is in some."""
    for kind in set(Kind) - kept_in(focus):
        find(some_kinds(tuple(Kind), focus), lambda kinds, kind=kind: kind in kinds)
        find(some_kinds(tuple(Kind), focus), lambda kinds, kind=kind: kind not in kinds)


@pytest.mark.parametrize(
    ("name", "rule", "meetings"),
    [
        ("as-it-is", "explore/in-order", {Meeting.THEN}),
        ("as-it-is", "explore/at-once", {Meeting.AT_ONCE}),
        ("lost-store-comes-back", "explore/elsewhere", {Meeting.ELSEWHERE}),
    ],
)
def test_how_operations_meet(name: str, rule: str, meetings: set[Meeting]) -> None:
    """Each explorer combines operations in its own ways, as far as the connector offers them."""
    (outcome,) = _judged(name, rule, seconds=4.0).outcomes
    assert outcome.status is Status.PASSED, outcome.failure
    assert meetings <= {found.meeting for found, _ in outcome.reached}


@pytest.mark.campaign
def test_a_failure_names_its_operations() -> None:
    """The example lists them in their order, and the transcript says where each begins."""
    (outcome,) = _judged("refused-comes-with-the-next", "explore/in-order", seconds=60.0, shrinking=30.0).outcomes
    assert outcome.failure is not None
    steps = dict(outcome.failure.example)["steps"]
    assert "write a bad page" in steps
    # On a busy machine the example may stay large, and its transcript may lack the middle.
    noted = re.findall(r"^ *\d+  \((.+)\)$", "\n".join(outcome.failure.transcript), re.MULTILINE)
    assert any(operation in steps for operation in noted)
