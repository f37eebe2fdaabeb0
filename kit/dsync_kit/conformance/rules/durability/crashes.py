"""Acknowledged writes, plans and cursors outlive the process."""

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
_ONCE = 0.04


@rule(
    "durability/starts-again",
    _DURABLE,
    needs=(Need.RESTART,),
    hint="a lock file or half a record of the killed process is in the way",
    examples=_ONCE,
)
def starts_again(case: Case) -> None:
    """A connector can start again after it was killed."""
    _judge(case, "starts-again")


@rule(
    "durability/id",
    "`id` … must be the same after a restart, and different for different data.",
    needs=(Need.RESTART,),
    hint="each process makes a new id, instead of deriving it from what identifies the data",
    after=("info/stable", "info/id-of-data", "durability/starts-again"),
    examples=_ONCE,
)
def same_id(case: Case) -> None:
    """GetInfo's id is the same after a restart."""
    _judge(case, "id")


@rule(
    "durability/write-data",
    _DURABLE,
    needs=(Need.RESTART, Need.LOADING, Need.READING, Need.SINK),
    hint="documents are kept in memory and written later: WriteData must not answer before they are on disk",
    after=("durability/starts-again",),
    examples=_ONCE,
)
def write_data(case: Case) -> None:
    """Pages that WriteData acknowledged survive a SIGKILL."""
    _judge(case, "write-data")


@rule(
    "durability/write-updates",
    _DURABLE,
    needs=(Need.RESTART, Need.LOADING, Need.READING, Need.SINK),
    hint="updates are kept in memory and written later: WriteUpdates must not answer before they are on disk",
    after=("durability/starts-again", "durability/write-data"),
    examples=_ONCE,
)
def write_updates(case: Case) -> None:
    """Updates that WriteUpdates acknowledged, including deletes, survive a SIGKILL."""
    _judge(case, "write-updates")


@rule(
    "durability/plan",
    _CURSORS,
    needs=(Need.RESTART, Need.LOADING, Need.LISTING),
    hint="a partition's cursor is a key into the memory of the process that made the plan",
    after=(
        "plan/self-contained",
        "durability/starts-again",
        "durability/write-data",
        "list/repeatable",
    ),
    examples=_ONCE,
)
def plan(case: Case) -> None:
    """A plan's partitions can be listed after a restart."""
    _judge(case, "plan")


@rule(
    "durability/cursor",
    _CURSORS,
    needs=(Need.RESTART, Need.LOADING, Need.CHANGING, Need.UPDATES),
    hint="the plan's update cursor is a position in the memory of the process that made it",
    after=("stream/opens", "stream/from-plan", "stream/resume", "durability/starts-again", "durability/write-data"),
    examples=_ONCE,
)
def cursor(case: Case) -> None:
    """The plan's update cursor gives all updates after a restart."""
    _judge(case, "cursor")


@rule(
    "durability/resume",
    _CURSORS,
    needs=(Need.RESTART, Need.LOADING, Need.CHANGING, Need.UPDATES),
    hint="the stream's cursors are positions in the memory of the process that sent them",
    after=("stream/opens", "stream/resume", "durability/starts-again", "durability/write-data", "durability/cursor"),
    examples=_ONCE,
)
def resume(case: Case) -> None:
    """After a restart, a stream resumes from the cursors sent before, without a gap."""
    _judge(case, "resume")


def _judge(case: Case, topic: str) -> None:
    found = Takeover.after_crash(case, case.draw(st.integers(0, min(case.bulk, 4) - 1), "crash"))
    if found.declined:
        raise case.decline(found.declined)
    if topic not in found.topics:
        raise case.decline("the crash came too early")
    case.checks += 1
    violation = found.topics[topic]
    if violation is not None:
        raise violation


RULES = (starts_again, same_id, write_data, write_updates, plan, cursor, resume)
