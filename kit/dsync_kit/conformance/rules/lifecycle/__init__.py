"""The rules `lifecycle/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.lifecycle import life_cycle

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*life_cycle.RULES,)
