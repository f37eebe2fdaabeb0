"""The rules, one module per area; `RULES` lists them in the order in which they run."""

from dsync_kit.conformance.rule import Rule
from dsync_kit.conformance.rules import (
    encoding,
    errors,
    get_by_ids,
    info,
    lifecycle,
    listing,
    lsn,
    metadata,
    plan,
    resuming,
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
    *resuming.RULES,
    *lsn.RULES,
    *get_by_ids.RULES,
    *encoding.RULES,
    *errors.RULES,
    *lifecycle.RULES,
)
