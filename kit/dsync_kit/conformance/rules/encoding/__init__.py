"""The rules `encoding/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.encoding import structure, values

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *values.RULES,
    *structure.RULES,
)
