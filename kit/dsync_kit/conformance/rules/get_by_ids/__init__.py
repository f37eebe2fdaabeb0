"""The rules `get-by-ids/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.get_by_ids import answers

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*answers.RULES,)
