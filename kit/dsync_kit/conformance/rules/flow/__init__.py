"""The rules `flow/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.flow import live, whole_flows

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*whole_flows.RULES, *live.RULES)
