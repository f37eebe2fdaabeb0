"""Everything that dsync may do, in any order: one after another, at once, and beside other instances."""

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.exploring.explorer import explore
from dsync_kit.conformance.case.rule import Rule, rule
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules import flow, get_by_ids, lsn, metadata, plan, stream, updates, write
from dsync_kit.conformance.rules import list as listing

__all__ = ["RULES"]

_STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
_AT_ONCE = "is safe when called at once from several writers"
_CURSORS = (
    "Partition and update cursors are self-contained: they work on another instance of the connector, after a restart"
)


def _musts(*areas: tuple[Rule, ...]) -> tuple[str, ...]:
    """The rules of which a mixture shows what they show alone."""
    return tuple(found.id for area in areas for found in area if found.level is Level.MUST)


_ALONE = _musts(
    plan.RULES, listing.RULES, metadata.RULES, write.RULES, updates.RULES, stream.RULES, lsn.RULES, flow.RULES
) + tuple(found.id for found in get_by_ids.RULES)


@rule(
    "explore/in-order",
    _STATE,
    needs=(Need.LOADING, Need.READING),
    hint="none of these calls fails alone: read the calls from the end, and look for what the connector remembers of "
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
    hint="two of the calls that were made at once disturb each other: they share something without a lock, or give it "
    "up between two steps of one change",
    after=(*_ALONE, "explore/in-order"),
    explores=1.5,
    attempts=10,
)
def at_once(case: Case) -> None:
    """While several callers read and write, reads return what was acknowledged, and nothing that was never written."""
    explore(case, at_once=True)


@rule(
    "explore/elsewhere",
    _CURSORS,
    needs=(Need.LOADING, Need.READING, Need.ELSEWHERE),
    hint="an instance remembers what the others have to know, too",
    after=(*_ALONE, "explore/in-order"),
    explores=0.5,
)
def elsewhere(case: Case) -> None:
    """Everything also agrees with a second instance on the same data, restarts, and outages of the backend."""
    explore(case, elsewhere=True)


@rule(
    "explore/lookups",
    "as many items as ids, in their order; empty data for what is missing",
    level=Level.SHOULD,
    needs=(Need.LOADING, Need.READING, Need.SOURCE, Need.GET_BY_IDS),
    hint="a lookup gives what a cache holds, or a StreamLSN counts what is there instead of what was written",
    after=(*_ALONE, "explore/in-order"),
    explores=0.4,
)
def lookups(case: Case) -> None:
    """After any sequence of calls, GetByIds returns the current documents, and StreamLSN's counts never decrease."""
    explore(case, lookups=True)


RULES = (in_order, at_once, elsewhere, lookups)
