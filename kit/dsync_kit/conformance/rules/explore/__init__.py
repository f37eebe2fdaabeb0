"""Anything in any order: bugs that only a mixture of operations shows."""

from dsync_kit.conformance.rules.explore import mixtures

__all__ = ["RULES"]

RULES = (*mixtures.RULES,)
