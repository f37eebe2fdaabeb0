"""Everything that dsync may do, in any order: in sequence, at once, and beside other instances."""

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.exploring.explorer import explore
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules import flow, get_by_ids, lsn, metadata, plan, stream, updates, write
from dsync_kit.conformance.rules import list as listing

__all__ = ["RULES"]

_STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
_AT_ONCE = "is safe when several writers call it at once"
_CURSORS = (
    "Partition and update cursors are self-contained: they work on another instance of the connector, after a restart"
)


def _musts(*areas: tuple[Rule, ...]) -> tuple[str, ...]:
    """The MUST rules of these areas: a mixture also shows what they show alone."""
    return tuple(found.id for area in areas for found in area if found.level is Level.MUST)


_ALONE = _musts(
    plan.RULES, listing.RULES, metadata.RULES, write.RULES, updates.RULES, stream.RULES, lsn.RULES, flow.RULES
) + tuple(found.id for found in get_by_ids.RULES)


@rule(
    "explore/in-order",
    _STATE,
    needs=(Need.LOADING, Need.READING),
    hint="none of these calls fails alone: read them from the end, and look for what the connector remembers from "
    "an earlier one",
    after=_ALONE,
    explores=1.0,
)
def in_order(case: Case) -> None:
    """After any sequence of writes, listings and streams, everything agrees."""
    explore(case)


@rule(
    "explore/at-once",
    _AT_ONCE,
    needs=(Need.LOADING, Need.READING),
    hint="two simultaneous calls disturb each other: they share something without a lock, or release the lock "
    "between two steps of one change",
    after=(*_ALONE, "explore/in-order"),
    explores=1.5,
    attempts=10,
)
def at_once(case: Case) -> None:
    """While several callers read and write, reads return what was acknowledged, and never anything else."""
    explore(case, at_once=True)


@rule(
    "explore/elsewhere",
    _CURSORS,
    needs=(Need.LOADING, Need.READING, Need.ELSEWHERE),
    hint="an instance keeps to itself what the others need to know",
    after=(*_ALONE, "explore/in-order"),
    explores=0.5,
)
def elsewhere(case: Case) -> None:
    """Everything still agrees with a second instance on the same data, restarts, and outages of the backend."""
    explore(case, elsewhere=True)


@rule(
    "explore/lookups",
    "returns one item for each id, in the same order, with empty data if the document is missing",
    level=Level.SHOULD,
    needs=(Need.LOADING, Need.READING, Need.SOURCE, Need.GET_BY_IDS),
    hint="a lookup returns what a cache holds, or StreamLSN counts what exists instead of what was written",
    after=(*_ALONE, "explore/in-order"),
    explores=0.4,
)
def lookups(case: Case) -> None:
    """After any sequence of calls, GetByIds returns the current documents, and StreamLSN's counts never decrease."""
    explore(case, lookups=True)


RULES = (in_order, at_once, elsewhere, lookups)
