"""The rules `durability/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.durability import crashes

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*crashes.RULES,)
