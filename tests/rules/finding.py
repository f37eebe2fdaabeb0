"""That a broken connector is found by the rule that it names, and by that one for a reason of its own."""

from dataclasses import replace

from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES

from .fault import Fault, judge

__all__ = ["assert_found"]

_RULES = {rule.id: rule for rule in RULES}


def assert_found(fault: Fault) -> None:
    """The fault's rule fails, and none of those that would explain its failure does."""
    explaining = [name for name in _RULES[fault.rule].after if name in _RULES]
    profile = replace(PROFILES["standard" if fault.rule.startswith("flow/") else "quick"], shrinking=0.5)
    result = judge(fault, [fault.rule, *explaining], profile=profile)
    outcomes = {outcome.rule: outcome for outcome in result.outcomes}
    failed = {name: outcome.failure.message for name, outcome in outcomes.items() if outcome.failure is not None}
    assert outcomes[fault.rule].status is Status.FAILED, f"{fault.rule} is {outcomes[fault.rule]}; failed: {failed}"
    assert outcomes[fault.rule].cause == "", f"a consequence: {failed}"
