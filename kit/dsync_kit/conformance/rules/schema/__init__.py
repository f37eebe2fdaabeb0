"""The rules `schema/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.schema import acknowledged, several, single

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *single.RULES,
    *several.RULES,
    *acknowledged.RULES,
)
