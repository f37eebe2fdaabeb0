"""The rules `info/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.info import get_info

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*get_info.RULES,)
