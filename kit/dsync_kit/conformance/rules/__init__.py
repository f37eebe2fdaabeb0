"""The rules, one module per area; `RULES` lists them in the order in which they run."""

from dsync_kit.conformance.rule import Rule
from dsync_kit.conformance.rules import (
    encoding,
    errors,
    info,
    lifecycle,
    listing,
    metadata,
    plan,
    stream,
    updates,
    write,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *info.RULES,
    *plan.RULES,
    *listing.RULES,
    *metadata.RULES,
    *write.RULES,
    *updates.RULES,
    *stream.RULES,
    *encoding.RULES,
    *errors.RULES,
    *lifecycle.RULES,
)
