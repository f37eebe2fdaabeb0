"""The rules `metadata/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.metadata import namespace_metadata

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*namespace_metadata.RULES,)
