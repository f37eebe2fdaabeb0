"""The rules `write/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.write import concurrency, keys, pages, referring

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *pages.RULES,
    *keys.RULES,
    *referring.RULES,
    *concurrency.RULES,
)
