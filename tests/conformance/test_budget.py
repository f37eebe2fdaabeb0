"""How much time each rule gets: a slow connector ends a run in its time, a quick one is not hurried."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.budget import Budget

QUICK = PROFILES["quick"]
RULES = 200


class Clock:
    """Seconds that pass when they are spent."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(seconds_an_example: float, *, jobs: int = 1) -> tuple[float, list[int]]:
    """How long a run takes, and how many examples each rule has, where each example takes so long."""
    clock = Clock()
    budget = Budget(QUICK, RULES, jobs=jobs, clock=clock)
    examples = []
    for _ in range(RULES):
        share = budget.share()
        limit = QUICK.seconds if share is None else min(QUICK.seconds, share)
        count = max(1, min(QUICK.examples, int(limit / seconds_an_example)))
        clock.now += count * seconds_an_example / jobs
        examples.append(count)
    return clock.now - 1000.0, examples


def test_a_quick_connector_has_all_its_examples() -> None:
    """Where the rules take less than is due to them, none is reduced."""
    _, examples = run(0.01)
    assert set(examples) == {QUICK.examples}


def test_a_slow_connector_ends_in_time() -> None:
    """Ten calls of 30 ms an example: fewer examples, evenly shared, and the profile's time is kept."""
    seconds, examples = run(0.3)
    assert seconds <= QUICK.total
    assert 1 <= min(examples) < QUICK.examples
    assert sum(examples[-50:]) >= 50


def test_a_rule_always_has_one_example() -> None:
    """Even where one alone takes longer than its share."""
    _, examples = run(5.0)
    assert set(examples) == {1}


def test_several_processes_share_the_time() -> None:
    """With two at once, each rule may take twice as long."""
    (alone, few), (together, more) = run(0.3), run(0.3, jobs=2)
    assert sum(more) > sum(few)
    assert max(alone, together) <= QUICK.total


def test_judging_again_is_bounded() -> None:
    """It may take a fifth of the profile's time, from when it begins."""
    clock = Clock()
    budget = Budget(replace(QUICK, total=100.0), RULES, clock=clock)
    clock.now += 90.0
    assert budget.has_time_again()
    clock.now += 19.0
    assert budget.has_time_again()
    clock.now += 2.0
    assert not budget.has_time_again()


def test_explorers_share_a_part_of_the_run() -> None:
    """Two that explore, after rules that took nine seconds: a tenth of the whole, by their weights."""
    clock = Clock()
    budget = Budget(QUICK, RULES + 2, exploring=(1.0, 3.0), clock=clock)
    for _ in range(RULES):
        budget.share()
    clock.now += 9.0
    shares = [budget.share(1.0), budget.share(3.0)]
    assert shares == [pytest.approx(0.25), pytest.approx(0.75)]


def test_explorers_alone_have_what_a_rule_has() -> None:
    """Where no other rule takes time, there is nothing to take a part of."""
    budget = Budget(QUICK, 1, exploring=(2.0,), clock=Clock())
    assert budget.share(2.0) == 2 * QUICK.seconds


def test_explorers_end_with_the_run() -> None:
    """Where the other rules have taken all of the profile's time, nothing is left to explore in."""
    clock = Clock()
    budget = Budget(QUICK, RULES + 1, exploring=(1.0,), clock=clock)
    for _ in range(RULES):
        budget.share()
    clock.now += QUICK.total + 1.0
    assert budget.share(1.0) == 0.0
