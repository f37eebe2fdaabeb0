"""The rules `against/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.against import versions

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*versions.RULES,)
