"""The rules `updates/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.updates import histories, single, unusual

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *single.RULES,
    *histories.RULES,
    *unusual.RULES,
)
