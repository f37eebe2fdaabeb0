"""The rules `identity/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.identity import other_data

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*other_data.RULES,)
