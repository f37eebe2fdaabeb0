"""The rules, a folder for each area; `RULES` lists them in the order in which they run."""

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules import (
    against,
    durability,
    encoding,
    errors,
    explore,
    faults,
    flow,
    get_by_ids,
    identity,
    info,
    lifecycle,
    limits,
    lsn,
    metadata,
    packaging,
    plan,
    schema,
    secrets,
    stream,
    updates,
    wire,
    write,
)
from dsync_kit.conformance.rules import (
    list as listing,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *info.RULES,
    # Early: what they find is kept out of the examples of all others.
    *wire.RULES,
    *plan.RULES,
    *listing.RULES,
    *metadata.RULES,
    *write.RULES,
    *updates.RULES,
    *stream.RULES,
    *lsn.RULES,
    *get_by_ids.RULES,
    *encoding.RULES,
    *schema.RULES,
    *errors.RULES,
    *lifecycle.RULES,
    *durability.RULES,
    *against.RULES,
    *faults.RULES,
    *secrets.RULES,
    *flow.RULES,
    # Late, since a store that keeps a log reads it all again in each new instance.
    *limits.RULES,
    *packaging.RULES,
    *identity.RULES,
    # Last: their part of the time is of what the others have taken.
    *explore.RULES,
)
