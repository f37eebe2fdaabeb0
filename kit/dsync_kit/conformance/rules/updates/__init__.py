"""The rules `updates/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.updates import write_updates

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*write_updates.RULES,)
