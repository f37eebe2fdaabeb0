"""The rules `schema/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.schema import outside

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*outside.RULES,)
