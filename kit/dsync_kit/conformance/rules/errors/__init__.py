"""The rules `errors/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.errors import codes, requests, writes

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *writes.RULES,
    *requests.RULES,
    *codes.RULES,
)
