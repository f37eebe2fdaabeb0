"""The rules `write/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.write import write_data

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*write_data.RULES,)
