"""The rules `plan/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.plan import generate_plan

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*generate_plan.RULES,)
