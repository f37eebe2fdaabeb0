"""How much time each rule gets: a slow connector's run ends in time, and a quick one is not rushed."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.running.budget import Budget

QUICK = PROFILES["quick"]
RULES = [RuleInfo(f"a/{number}", Level.MUST, "") for number in range(200)]


def _exploring(*weights: float) -> list[RuleInfo]:
    return [RuleInfo(f"explore/{weight}", Level.MUST, "", explores=weight) for weight in weights]


class Clock:
    """Seconds pass only when they are spent."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(seconds_an_example: float, *, jobs: int = 1) -> tuple[float, list[int]]:
    """The length of a run, and each rule's number of examples, if each example takes so long."""
    clock = Clock()
    budget = Budget(QUICK, RULES, jobs=jobs, clock=clock)
    examples = []
    for rule in RULES:
        share = budget.share(rule)
        limit = QUICK.seconds if share is None else min(QUICK.seconds, share)
        count = max(1, min(QUICK.examples, int(limit / seconds_an_example)))
        clock.now += count * seconds_an_example / jobs
        examples.append(count)
    return clock.now - 1000.0, examples


def test_a_quick_connector_has_all_its_examples() -> None:
    """If rules need less time than their share, no examples are dropped."""
    _, examples = run(0.01)
    assert set(examples) == {QUICK.examples}


def test_a_slow_connector_ends_in_time() -> None:
    """With ten calls of 10 ms per example, there are fewer examples, evenly shared, and the run keeps the profile's
    time."""
    seconds, examples = run(0.1)
    assert seconds <= QUICK.total
    assert 1 <= min(examples) < QUICK.examples
    assert sum(examples[-50:]) >= 50


def test_a_rule_always_has_one_example() -> None:
    """Even if a single one takes longer than the rule's share."""
    _, examples = run(5.0)
    assert set(examples) == {1}


def test_several_processes_share_the_time() -> None:
    """With two at once, each rule may take twice as long."""
    (alone, few), (together, more) = run(0.1), run(0.1, jobs=2)
    assert sum(more) > sum(few)
    assert max(alone, together) <= QUICK.total


def test_judging_again_is_bounded() -> None:
    """After a run that took nearly all of the profile's time, it may take half of that from its start."""
    clock = Clock()
    budget = Budget(replace(QUICK, total=100.0), RULES, clock=clock)
    clock.now += 90.0
    assert budget.has_time_again()
    clock.now += 49.0
    assert budget.has_time_again()
    clock.now += 2.0
    assert not budget.has_time_again()


@pytest.mark.parametrize(("run", "again"), [(8.0, 50.0), (30.0, 60.0), (45.0, 55.0), (70.0, 50.0), (150.0, 50.0)])
def test_judging_again_has_the_time_that_is_left_over(run: float, again: float) -> None:
    """It may take what the rules left of the time, up to twice as much as they took, and always half of the whole."""
    clock = Clock()
    budget = Budget(replace(QUICK, total=100.0), RULES, clock=clock)
    clock.now += run
    assert budget.has_time_again()
    clock.now += again - 1.0
    assert budget.has_time_again()
    clock.now += 2.0
    assert not budget.has_time_again()


def test_explorers_share_a_part_of_the_run() -> None:
    """Two explorers, after rules that took nine seconds, share a tenth of the whole by their weights."""
    clock = Clock()
    budget = Budget(replace(QUICK, exploring=0.1), [*RULES, *(exploring := _exploring(1.0, 3.0))], clock=clock)
    for rule in RULES:
        budget.share(rule)
    clock.now += 9.0
    shares = [budget.share(rule) for rule in exploring]
    assert shares == [pytest.approx(0.25), pytest.approx(0.75)]


def test_explorers_of_several_processes_share_as_many_parts() -> None:
    """A tenth of the run's time is twice as many seconds if two rules run at once."""
    clock = Clock()
    budget = Budget(replace(QUICK, exploring=0.1), [*RULES, *(exploring := _exploring(1.0))], jobs=2, clock=clock)
    for rule in RULES:
        budget.share(rule)
    clock.now += 9.0
    assert budget.share(exploring[0]) == pytest.approx(2.0)


def test_a_slow_connector_leaves_time_to_explore() -> None:
    """The other rules end early enough, so that explorers have their part, and the run keeps the profile's time."""
    clock = Clock()
    profile = replace(QUICK, exploring=0.25)
    budget = Budget(profile, [*RULES, *(exploring := _exploring(1.0, 1.0))], clock=clock)
    for rule in RULES:
        share = budget.share(rule)
        clock.now += profile.seconds if share is None else share
    others = clock.now
    for rule in exploring:
        clock.now += budget.share(rule) or 0.0
    assert clock.now - others == pytest.approx(0.25 * profile.total)
    assert clock.now - 1000.0 <= profile.total + 0.001


def test_explorers_alone_have_what_a_rule_has() -> None:
    """If no other rule takes time, they get what a rule gets."""
    exploring = _exploring(2.0)
    assert Budget(QUICK, exploring, clock=Clock()).share(exploring[0]) == 2 * QUICK.seconds


def test_explorers_have_a_little_time_in_a_late_run() -> None:
    """If the other rules took all of the profile's time, explorers still have a quarter of their part of it."""
    clock = Clock()
    budget = Budget(QUICK, [*RULES, *(exploring := _exploring(1.0, 3.0))], clock=clock)
    for rule in RULES:
        budget.share(rule)
    clock.now += QUICK.total + 1.0
    least = 0.25 * QUICK.exploring * QUICK.total
    assert [budget.share(rule) for rule in exploring] == [pytest.approx(0.25 * least), pytest.approx(0.75 * least)]


def test_the_last_rules_have_a_little_time_in_a_late_run() -> None:
    """If the rules before took all of the profile's time, the others still have a quarter of their part of it."""
    clock = Clock()
    budget = Budget(replace(QUICK, exploring=0.0), RULES, clock=clock)
    clock.now += QUICK.total + 1.0
    assert [budget.share(rule) for rule in RULES] == [pytest.approx(0.25 * QUICK.total / len(RULES))] * len(RULES)


def test_a_rule_that_needs_more_examples_has_more_time() -> None:
    """In a late run, shares are as the numbers of examples; but few examples do not make a share tiny."""
    clock = Clock()
    scaled = [RuleInfo(f"a/{examples}", Level.MUST, "", examples=examples) for examples in (1.0, 0.5, 0.02)]
    shares = []
    for rule in scaled:
        budget = Budget(QUICK, [rule, *RULES], clock=clock)
        clock.now += 0.9 * QUICK.total
        shares.append(budget.share(rule))
    most = shares[0]
    assert most is not None
    assert shares[1:] == [pytest.approx(most / 2, rel=0.01), pytest.approx(most / 4, rel=0.01)]
