"""The rules `packaging/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.packaging import folder

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*folder.RULES,)
