"""The rules `stream/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.stream import contents, resuming, streaming

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *streaming.RULES,
    *contents.RULES,
    *resuming.RULES,
)
