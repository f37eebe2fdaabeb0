"""The rules `limits/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.limits import calls, documents, sizes

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*sizes.RULES, *documents.RULES, *calls.RULES)
