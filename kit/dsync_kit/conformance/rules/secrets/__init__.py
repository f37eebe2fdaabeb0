"""The rules `secrets/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.secrets import texts

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*texts.RULES,)
