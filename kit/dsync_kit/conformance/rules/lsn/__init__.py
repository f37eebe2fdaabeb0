"""The rules `lsn/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.lsn import stream_lsn

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*stream_lsn.RULES,)
