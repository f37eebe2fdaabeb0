"""Whole flows: plan, listing, stream and resume in any interleaving with writes."""

from dataclasses import dataclass, field
from enum import Enum

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver, updates_partition
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.copies import Held, held
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.protocol import Partition

__all__ = ["RULES"]

_STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
_NEEDS = (Need.UPDATES, Need.LOADING, Need.CHANGING, Need.LISTING)
_AFTER = (
    "list/complete",
    "stream/opens",
    "stream/stays-open",
    "stream/inserts",
    "stream/overwrites",
    "stream/deletes",
    "stream/from-plan",
    "stream/while-listing",
    "stream/order",
    "stream/resume",
)


class Copying(Enum):
    """What may happen while a plan's partitions are listed."""

    WRITE = "the source is written to"
    PAGE = "a page is listed"
    RESTART = "the partition is listed from the start again"


class Streaming(Enum):
    """What may happen while updates are streamed."""

    WRITE = "the source is written to"
    READ = "the stream is read until nothing is left"
    PEEK = "one message of the stream is read"
    RESUME = "the stream is opened again from the last cursor"
    LEAVE = "one message is read, and the stream is opened again from its cursor"
    MOVE = "the stream is opened again on another instance"


# Updates get lost by a write at the wrong moment, and when a stream is left half read.
_COPYING = (Copying.WRITE, Copying.WRITE, Copying.PAGE, Copying.PAGE, Copying.RESTART)
_STREAMING = (*Streaming, Streaming.LEAVE, Streaming.LEAVE)


@dataclass
class _Flow:
    """One flow from the source, and what its sink should hold."""

    case: Case
    scene: Scene
    sink: dict[str, Held] = field(default_factory=dict)
    cursor: bytes = b""
    follower: Follower | None = None

    def copy(self, steps: list[Copying]) -> None:
        """Plan and list, with `steps` in between, then finish the listing."""
        plan = self.case.driver.plan(self.scene.asked, updates=True)
        self.cursor = updates_partition(plan).cursor
        self.sink = {name: {} for name in self.scene.asked}
        left = list(steps)
        for partition in plan.partitions:
            self._partition(partition, left)

    def _partition(self, partition: Partition, steps: list[Copying]) -> None:
        kind = self.scene.data_type
        pages = self.case.driver.restarted_pages(partition, kind)
        while True:
            step = steps.pop(0) if steps else Copying.PAGE
            if step is Copying.WRITE:
                self.write()
            elif step is Copying.RESTART:
                pages = self.case.driver.restarted_pages(partition, kind)
            elif (page := next(pages, None)) is None:
                return
            else:
                own = self.case.without_foreign(partition.namespace, page, kind)
                # WriteData overwrites by id.
                self.sink.setdefault(partition.namespace, {}).update(held(Model(kind, by_id(own, kind).values())))

    def stream(self, steps: list[Streaming], other: Driver | None) -> None:
        """Stream, with `steps` in between, until the sink holds what the source holds."""
        driver: Driver | None = None
        self._open(driver)
        for step in steps:
            if step is Streaming.WRITE:
                self.write()
            elif step is Streaming.READ:
                self._catch_up()
            elif step is Streaming.PEEK:
                self._read_one()
            elif step is Streaming.LEAVE:
                self._read_one()
                self._open(driver)
            else:
                driver = other if step is Streaming.MOVE and driver is None else None
                self._open(driver)
        self._catch_up()

    def write(self) -> None:
        """One drawn call."""
        for name, call in self.scene.history(max_calls=1, max_updates=6):
            self.scene.change(name, call)

    def _open(self, driver: Driver | None) -> None:
        if self.follower is not None:
            self.follower.cancel()
            self.sink = self.follower.held_after(len(self.follower.updates))
            self.cursor = self.follower.sent[-1].cursor if self.follower.sent else self.cursor
        self.follower = self.scene.follow(self.cursor, holding=self.sink, driver=driver)

    def _read_one(self) -> None:
        if self.follower is not None and self.follower.behind(self.scene.wanted()):
            self.follower.message(self.case.subject.patience.seconds)

    def _catch_up(self) -> None:
        self.scene.mark()
        if self.follower is not None:
            self.follower.converge(self.scene.wanted(), what="the flow")


@rule(
    "flow/converges",
    _STATE,
    needs=_NEEDS,
    hint="an update is lost, or comes too early, in just this interleaving: read the transcript from the end",
    after=_AFTER,
    examples=1.5,
)
def converges(case: Case) -> None:
    """Whatever the interleaving of writes, pages, streams and resumes, a sink ends with the source's state."""
    _run(case, Scene(case))


@rule(
    "flow/namespaces",
    _STATE,
    needs=(*_NEEDS, Need.TWO_NAMESPACES, Need.MULTI_NAMESPACE_PLAN),
    hint="with several namespaces, an update of one is lost or misplaced in just this interleaving",
    after=(*_AFTER, "plan/multi-namespace", "stream/namespaces-apart", "stream/resume-filtered", "flow/converges"),
)
def namespaces(case: Case) -> None:
    """The same holds for a flow of two namespaces."""
    _run(case, Scene(case, namespaces=2))


def _run(case: Case, scene: Scene) -> None:
    flow = _Flow(case, scene)
    flow.copy(case.draw(st.lists(st.sampled_from(_COPYING), min_size=2, max_size=6), "while copying"))
    elsewhere = case.offers(Need.SECOND_INSTANCE)
    choices = [step for step in _STREAMING if elsewhere or step is not Streaming.MOVE]
    steps = case.draw(st.lists(st.sampled_from(choices), min_size=2, max_size=8), "while streaming")
    flow.stream(steps, case.others.second() if Streaming.MOVE in steps else None)


RULES = (converges, namespaces)
