"""The rules `stream/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.stream import arriving, contents, heartbeats, messages, namespaces, resuming

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *messages.RULES,
    *arriving.RULES,
    *namespaces.RULES,
    *contents.RULES,
    *resuming.RULES,
    *heartbeats.RULES,
)
