"""The order in which rules run."""

from collections.abc import Sequence
from typing import TypeVar

from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["in_order"]

R = TypeVar("R", bound=RuleInfo)


def in_order(rules: Sequence[R], *, fills_up: bool) -> list[R]:
    """The rules as they should run.

    Where nothing can be removed, each listing reads everything that was ever written: rules that write much come last,
    even after explorers.
    """
    return sorted(rules, key=lambda rule: rule.fills) if fills_up else list(rules)
