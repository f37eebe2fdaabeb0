"""The rules find what is broken: each broken connector of the catalogue fails the rule that it names."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dsync_kit.conformance.results.profile import PROFILES, Profile
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.rules.lifecycle import life_cycle
from dsync_kit.flow import retries

from .catalogue import FAULTS
from .conftest import shorten
from .fault import Fault, judge

_RULES = {rule.id: rule for rule in RULES}

_APART = (
    "stream",
    "lsn",
    "get-by-ids",
    "limits",
    "durability",
    "against",
    "faults",
    "secrets",
    "flow",
    "packaging",
    "identity",
)
"""Areas whose rules rest on many others. In campaigns, those others judge their faults, too, and must all pass. If one
failed, the rule would be shown as its consequence, for a reason that is not the fault's."""


def _apart(fault: Fault) -> bool:
    return fault.rule.partition("/")[0] in _APART


def _profile(fault: Fault) -> Profile:
    # What is rare may take more examples than the quick profile draws, however slow the machine.
    rare = fault.difficulty == "rare" or fault.rule.startswith("flow/")
    seconds = 60.0 if _RULES[fault.rule].explores else 20.0
    return replace(PROFILES["standard" if rare else "quick"], shrinking=0.0, seconds=seconds)


def _chosen() -> Iterator[Fault]:
    """The first fault of each rule; a campaign judges the others. Those of typed stores come last, because most of them
    break a rule as an untyped connector does."""
    judged: Counter[str] = Counter()
    for fault in sorted(FAULTS, key=lambda fault: fault.name.startswith("typed-")):
        if judged[fault.rule] < _IN_EACH_RUN:
            judged[fault.rule] += 1
            yield fault


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these connectors owe an answer that never comes, so the kit waits as long as it may."""
    shorten(monkeypatch, 0.7)
    monkeypatch.setattr(life_cycle, "_THREAD_SECONDS", 1.0)
    monkeypatch.setattr(retries, "WAITS", tuple(seconds / 5 for seconds in retries.WAITS))


_IN_EACH_RUN = 1
_IN_EVERY_RUN = list(_chosen())
_IN_CAMPAIGNS = [fault for fault in FAULTS if fault not in _IN_EVERY_RUN or _apart(fault)]


@pytest.mark.parametrize("fault", _IN_EVERY_RUN, ids=lambda fault: fault.name)
def test_a_fault_is_found_by_its_rule(fault: Fault) -> None:
    """The rule that a broken connector names fails."""
    _assert_found(fault, (fault.rule,), _profile(fault))


@pytest.mark.campaign
@pytest.mark.parametrize("fault", _IN_CAMPAIGNS, ids=lambda fault: fault.name)
def test_a_fault_is_found_as_a_root_cause(fault: Fault) -> None:
    """The rule that a broken connector names fails, and is not shown as a consequence of another one."""
    if not _apart(fault):
        _assert_found(fault, (fault.rule,), _profile(fault))
        return
    # A consequence can be distinguished from its cause only by small examples.
    profile = replace(PROFILES["standard" if fault.rule.startswith("flow/") else "quick"], shrinking=0.5)
    _assert_found(fault, (fault.rule, *_RULES[fault.rule].after), profile)


def _assert_found(fault: Fault, rules: tuple[str, ...], profile: Profile) -> None:
    outcomes = {outcome.rule: outcome for outcome in judge(fault, rules, profile=profile).outcomes}
    outcome = outcomes[fault.rule]
    failed = {name: found.failure.message for name, found in outcomes.items() if found.failure is not None}
    assert outcome.violated, f"{fault.reason} {outcome.reason}; failed: {failed}"
    assert outcome.cause == "", f"a consequence: {failed}"


def test_every_fault_is_judged() -> None:
    """The tests above judge every fault in the catalogue, and for every rule, one fault in every run."""
    judged = {fault.name for fault in (*_IN_EVERY_RUN, *_IN_CAMPAIGNS)}
    assert judged == {fault.name for fault in FAULTS}
    assert {fault.rule for fault in _IN_EVERY_RUN} == {fault.rule for fault in FAULTS}


def test_every_rule_has_a_fault() -> None:
    """For every rule, there is a fault that it finds."""
    assert not _RULES.keys() - {fault.rule for fault in FAULTS}


def test_every_fault_names_a_rule() -> None:
    """A fault's rule exists, and its reason says where such a fault occurs."""
    assert not [fault.name for fault in FAULTS if fault.rule not in _RULES or not fault.reason]
