"""The rules, one module per area; `RULES` lists them in the order in which they run."""

from dsync_kit.conformance.rule import Rule
from dsync_kit.conformance.rules import (
    conversions,
    durability,
    encoding,
    errors,
    faults,
    flow,
    get_by_ids,
    identity,
    info,
    lifecycle,
    limits,
    listing,
    listing_meanwhile,
    lsn,
    metadata,
    packaging,
    plan,
    requests,
    resuming,
    secrets,
    stream,
    stream_contents,
    updates,
    write,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *info.RULES,
    *plan.RULES,
    *listing.RULES,
    *listing_meanwhile.RULES,
    *conversions.RULES,
    *metadata.RULES,
    *write.RULES,
    *updates.RULES,
    *stream.RULES,
    *stream_contents.RULES,
    *resuming.RULES,
    *lsn.RULES,
    *get_by_ids.RULES,
    *encoding.RULES,
    *errors.RULES,
    *requests.RULES,
    *lifecycle.RULES,
    *durability.RULES,
    *faults.RULES,
    *secrets.RULES,
    *flow.RULES,
    # Late, since a store that keeps a log reads it all again in each new instance.
    *limits.RULES,
    *packaging.RULES,
    *identity.RULES,
)
