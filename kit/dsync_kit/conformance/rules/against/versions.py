"""A new version of a connector continues with the data, plans and cursors of the previous version."""

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.takeover.takeover import Takeover
from dsync_kit.conformance.results.rule_info import Need

__all__ = ["RULES"]

_DURABLE = "OK means **durable**: the page is never sent again, and a remote connector gets no flush and no teardown."
_CURSORS = (
    "Partition and update cursors are self-contained: they work on another instance of the connector, after a restart, "
    "and later (an update cursor must outlive the whole initial copy)."
)
_ID = "`id` … must be the same after a restart, and different for different data."
_ONCE = 0.04


@rule(
    "against/starts",
    _DURABLE,
    needs=(Need.EARLIER,),
    hint="it does not read what the previous version stored, or its options have changed",
    after=("durability/starts-again",),
    examples=_ONCE,
)
def starts(case: Case) -> None:
    """A new version starts on the data of the previous version."""
    _judge(case, "starts-again")


@rule(
    "against/id",
    _ID,
    needs=(Need.EARLIER,),
    hint="the id is derived from different facts: flows that know the old id start over",
    after=("info/stable", "info/id-of-data", "durability/id", "against/starts"),
    examples=_ONCE,
)
def same_id(case: Case) -> None:
    """GetInfo's id is the same in the new version."""
    _judge(case, "id")


@rule(
    "against/documents",
    _DURABLE,
    needs=(Need.EARLIER, Need.LOADING, Need.READING, Need.SINK),
    hint="the layout of the store has changed, and data in the old layout is neither read nor converted",
    after=("durability/write-data", "durability/write-updates", "against/starts"),
    examples=_ONCE,
)
def documents(case: Case) -> None:
    """The new version returns the documents that the previous version wrote and updated, unchanged."""
    _judge(case, "write-data", "write-updates")


@rule(
    "against/plan",
    _CURSORS,
    needs=(Need.EARLIER, Need.LOADING, Need.LISTING),
    hint="the format of a partition's cursor has changed: read the old format, too (Cursor.upgrade)",
    after=("durability/plan", "against/starts", "against/documents"),
    examples=_ONCE,
)
def plan(case: Case) -> None:
    """The new version lists the partitions of a plan that the previous version made."""
    _judge(case, "plan")


@rule(
    "against/page-cursor",
    _CURSORS,
    needs=(Need.EARLIER, Need.LOADING, Need.LISTING),
    hint="the format of a page's cursor has changed: read the old format, too (Cursor.upgrade)",
    after=("list/page-boundaries", "against/starts", "against/documents", "against/plan"),
    examples=_ONCE,
)
def page_cursor(case: Case) -> None:
    """The new version continues a listing from a page cursor of the previous version."""
    _judge(case, "page-cursor")


@rule(
    "against/stream",
    _CURSORS,
    needs=(Need.EARLIER, Need.LOADING, Need.CHANGING, Need.UPDATES),
    hint="the format of an update cursor has changed: read the old format, too (Cursor.upgrade)",
    after=("durability/cursor", "durability/resume", "against/starts", "against/documents"),
    examples=_ONCE,
)
def stream(case: Case) -> None:
    """The new version resumes streams from cursors that the previous version planned or sent."""
    _judge(case, "cursor", "resume")


def _judge(case: Case, *topics: str) -> None:
    found = Takeover.between_versions(case, case.draw(st.integers(0, min(case.bulk, 2) - 1), "versions"))
    if found.declined:
        case.checks = 0  # so far, only the previous version was checked
        raise case.decline(found.declined)
    if found.topics.keys().isdisjoint(topics):
        one_page = topics == ("page-cursor",)
        raise case.decline("one page holds everything" if one_page else "the new version does not get that far")
    case.checks += 1
    for topic in topics:
        if (violation := found.topics.get(topic)) is not None:
            raise violation


RULES = (starts, same_id, documents, plan, page_cursor, stream)
