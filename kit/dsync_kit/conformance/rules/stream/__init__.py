"""The rules `stream/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.stream import (
    arriving,
    contents,
    heartbeats,
    messages,
    namespaces,
    resuming,
    side_by_side,
    staying_open,
    tables,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *messages.RULES,
    *arriving.RULES,
    *namespaces.RULES,
    *tables.RULES,
    *contents.RULES,
    *staying_open.RULES,
    *resuming.RULES,
    *side_by_side.RULES,
    *heartbeats.RULES,
)
