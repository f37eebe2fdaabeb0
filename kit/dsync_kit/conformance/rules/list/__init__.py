"""The rules `list/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.list import conversions, listing, meanwhile, page_bounds, page_cursors

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *listing.RULES,
    *page_bounds.RULES,
    *page_cursors.RULES,
    *meanwhile.RULES,
    *conversions.RULES,
)
