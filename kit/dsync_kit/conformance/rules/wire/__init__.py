"""The rules `wire/…`."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules.wire import forms

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*forms.RULES,)
