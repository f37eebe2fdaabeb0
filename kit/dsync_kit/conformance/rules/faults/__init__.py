"""The rules `faults/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.faults import outages, throttling

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*outages.RULES, *throttling.RULES)
