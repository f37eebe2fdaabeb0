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
    # Early: the other rules leave out the forms that these find broken.
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
    # Late, because a store that keeps a log reads all of it again in each new instance.
    *limits.RULES,
    *packaging.RULES,
    *identity.RULES,
    # Last: their time is a share of what the others took.
    *explore.RULES,
)
