"""The rules `list/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.list import conversions, listing, meanwhile

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *listing.RULES,
    *meanwhile.RULES,
    *conversions.RULES,
)
