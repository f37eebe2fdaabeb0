"""Anything in any order: what only a mixture of operations shows."""

from dsync_kit.conformance.rules.explore import mixtures

__all__ = ["RULES"]

RULES = (*mixtures.RULES,)
