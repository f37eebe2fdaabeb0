"""StreamUpdates: all updates arrive, and their order leads to the source's state."""

import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import updates_partition
from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.stream.conditions import ARRIVES, LIVE, OPENS, STATE
from dsync_kit.conformance.verdicts.copies import held
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError

__all__ = ["RULES"]

_CONTENT = "a text that is longer than most ids "

_MANY = 1500
_BESIDE, _FEW = 20, 5
"""Calls beside a large one, and their updates."""


@rule(
    "stream/inserts",
    STATE,
    needs=LIVE,
    hint="inserted documents are not streamed, or the plan's position is taken too late",
    after=OPENS,
    examples=0.5,
)
def inserts(case: Case) -> None:
    """Documents inserted while the stream is open arrive."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    scene.change(name, [scene.insert(value, "inserted") for value in scene.absent])
    scene.converge_from_cursor(follower, "inserting while the stream is open")  # it may begin after the first writes


@rule(
    "stream/overwrites",
    STATE,
    needs=LIVE,
    hint="changes to existing documents are not streamed, or arrive with the old state",
    after=ARRIVES,
    examples=0.5,
    about=FeatureKind.WRITTEN_AGAIN,
)
def overwrites(case: Case) -> None:
    """Changes to existing documents arrive with the new state, whether their size changes or not."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    for content in ("again", "a third time"):  # they were written with "first"
        scene.change(name, [scene.overwrite(value, content) for value in scene.ids])
        follower.converge(scene.wanted(), what="changing documents while the stream is open")


@rule(
    "stream/deletes",
    STATE,
    needs=(*LIVE, Need.DELETING),
    hint="deletes are not streamed, or carry the wrong id",
    after=ARRIVES,
    examples=0.5,
    about=FeatureKind.DELETES,
)
def deletes(case: Case) -> None:
    """Deletes arrive, even if the same call inserts a document with another id, but with the same content."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    moved, free = scene.present[0], scene.absent[0]
    # A column may hold a short text alone; of a long one, most blocks of two documents are the same.
    short, long = _CONTENT * 3, _CONTENT * 30
    for call in (
        [scene.delete(moved)],
        [scene.insert(moved, short)],
        [scene.delete(moved), scene.insert(free, short)],
        [scene.overwrite(free, long)],
        [scene.delete(free), scene.insert(moved, long)],
    ):
        scene.change(name, call)
        follower.converge(scene.wanted(), what="deleting while the stream is open")


@rule(
    "stream/write-data",
    STATE,
    needs=(*LIVE, Need.SINK),
    hint="only what WriteUpdates writes is streamed, not the pages of WriteData",
    after=ARRIVES,
    examples=0.5,
)
def write_data(case: Case) -> None:
    """Documents that WriteData writes arrive, whether new or overwritten."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    scene.write(name, [scene.document(value, "written") for value in scene.ids])
    follower.converge(scene.wanted(), what="writing a page while the stream is open")


@rule(
    "stream/from-plan",
    "The update position is taken **before** any data is read, so that nothing written meanwhile is lost.",
    needs=LIVE,
    hint="the stream begins when it is opened, instead of at the cursor",
    after=ARRIVES,
    examples=0.5,
)
def from_plan(case: Case) -> None:
    """Writes between the plan and the opening of the stream arrive."""
    scene = Scene(case)
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower = scene.follow()
    scene.converge_from_cursor(follower, "writing between plan and stream")


_BACKLOG_SECONDS = 30.0
"""How long a stream may take to send all that was written during the run."""


@rule(
    "stream/from-first-plan",
    "The update position is taken **before** any data is read, so that nothing written meanwhile is lost.",
    needs=(*LIVE, Need.SINK),
    hint="before the first change, the log is empty or does not exist: the plan gets no position, and the stream "
    "begins too late",
    after=(*ARRIVES, "stream/from-plan", "stream/cursor-lasts"),
    examples=0.05,
)
def from_first_plan(case: Case) -> None:
    """What is written after a plan arrives, even if nothing had ever been written before the plan."""
    first = case.found.first_plan
    if first is None:
        raise case.decline("no plan could be made before the kit had written something")
    data_type = case.data_type()
    if not case.found.makes_namespaces:
        case.keep_to(first.namespace)
        case.subject.note_existing(first.namespace)
    document = case.document(case.identifier(data_type), {"v": "first"}, data_type)
    case.write(first.namespace, [document], data_type)
    follower = Follower(case, first.cursor, [first.namespace], data_type)
    (wanted,) = held(Model(data_type, [document]))
    looked_at = 0

    def reached() -> bool:
        nonlocal looked_at
        new, looked_at = follower.updates[looked_at:], len(follower.updates)
        return any(key_of(update.id, data_type) == wanted for _, update in new)

    def missing() -> Violation:
        return Violation(
            "a stream from a plan made before anything was written lacks a document",
            expected=f"{show_document(document)} in {first.namespace!r}",
            seen=f"{len(follower.updates)} updates, without it",
        )

    # First comes all that the run has written so far.
    end = time.monotonic() + _BACKLOG_SECONDS
    while follower.comes():
        if reached():
            case.checks += 1
            return
        if time.monotonic() > end:
            raise case.decline("its stream takes long to send all that has been written since the first plan")
    follower.until(reached, missing)


@rule(
    "stream/while-listing",
    STATE,
    needs=(*LIVE, Need.LISTING),
    hint="a write during the listing of a partition, or just before the plan, is in neither the listing nor the stream",
    after=(*ARRIVES, "stream/from-plan", "stream/overwrites", "stream/deletes", "list/complete"),
    examples=0.6,
)
def while_listing(case: Case) -> None:
    """Listing a plan's partitions during writes, then streaming from its cursor, gives the source's state.

    What was written just before the plan, and is not listed yet if reads lag, is streamed, too.
    """
    scene = Scene(case)
    (name,) = scene.namespaces
    calls = [call for _, call in scene.history(max_calls=4)]
    copied: dict[bytes, bytes] = {}
    with case.subject.settling.at_once():
        before = "just before the plan"
        scene.change(name, [scene.overwrite(scene.present[0], before), scene.insert(scene.absent[0], before)])
        # Later calls may write the same ids again, but not this one.
        scene.change(name, many_updates(case, 1, scene.data_type, "before"))
        plan = case.driver.plan([name], updates=True)
        case.check(bool(plan.updates_partitions), "the plan has no updates partition", owner=Owner.PLAN_UPDATES_FLAG)
        for partition in plan.partitions:
            for page in case.driver.restarted_pages(partition, scene.data_type):
                copied |= held(Model(scene.data_type, case.without_foreign(name, page, scene.data_type)))
                if calls:
                    scene.change(name, calls.pop(0))
    for call in calls:
        scene.change(name, call)
    scene.mark()
    follower = scene.follow(updates_partition(plan).cursor, holding={name: copied})
    follower.converge(scene.wanted(), what="listing and then streaming")


@rule(
    "stream/order",
    "all updates of one id in order through one writer",
    needs=LIVE,
    hint="updates are sorted, grouped by id, or read from several logs at once, so that an old state comes last",
    after=(*ARRIVES, "stream/overwrites", "stream/deletes"),
    examples=0.6,
    about=FeatureKind.WRITTEN_AGAIN,
)
def order(case: Case) -> None:
    """If an id is updated several times, in one call or in several, the last update wins."""
    scene = Scene(case)
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    (name,) = scene.namespaces
    for number, (_, call) in enumerate(scene.history(max_calls=4, max_updates=8)):
        last, other = (scene.ids[(number + more) % len(scene.ids)] for more in (0, 1))
        pair = [scene.insert(other, number), scene.delete(other)] if case.deletes else []
        overwrites = [scene.overwrite(last, f"{number}-{step}") for step in range(3)]
        scene.change(name, [*call, *(reversed(pair) if number % 2 else pair), *overwrites])
    scene.mark()
    (follower or scene.follow()).converge(scene.wanted(), what="several updates of one id")


@rule(
    "stream/many",
    "streaming from it again gives every later update",
    needs=LIVE,
    hint="a batch of updates is cut at some size, and the rest is lost; or updates are numbered before they are "
    "committed, and the stream skips those that are committed late",
    after=(*ARRIVES, "updates/many", "updates/concurrent"),
    examples=0.02,
    fills=0.1,
)
def many(case: Case) -> None:
    """1,500 updates of one call arrive, and so do those of another writer meanwhile."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    updates = many_updates(case, _MANY + _BESIDE * _FEW, scene.data_type)
    large, beside = updates[:_MANY], [updates[start : start + _FEW] for start in range(_MANY, len(updates), _FEW)]
    try:
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(scene.change, name, large)
            # A harness need not be safe for several threads.
            while case.declared.is_sink and beside and not writing.done():
                scene.change(name, beside.pop())
            writing.result()
    except ConnectorError as error:
        if not error.retryable:
            raise
        raise case.decline(f"it is busy while another call is written ({error})") from error
    others = (_BESIDE - len(beside)) * _FEW
    scene.mark()
    follower.converge(scene.wanted(), what=f"1,500 updates of one call, and {others} of others meanwhile")


@rule(
    "stream/emptied",
    "it does not end by itself while the source lives",
    needs=(*LIVE, Need.DELETING),
    hint="a namespace vanishes with its last document: the stream ends, fails, or misses the next document",
    after=(*ARRIVES, "stream/from-plan", "stream/write-data"),
    examples=0.44,
    about=FeatureKind.DELETES,
)
def emptied(case: Case) -> None:
    """After a namespace's last document is deleted, a stream continues, and sends documents written later."""
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    at_once = case.draw(st.booleans(), "deleted in one call")
    removals = [scene.delete(value) for value in scene.present]
    for call in [removals] if at_once else [[removal] for removal in removals]:
        scene.change(name, call)
    follower.converge(scene.wanted(), what="a stream of a namespace whose last document is deleted")
    first, *rest = scene.ids
    if case.draw(st.booleans(), "written by WriteData"):
        scene.write(name, [scene.document(first, "again")])
    else:
        scene.change(name, [scene.insert(first, "again")])
    follower.converge(scene.wanted(), what="a stream of a namespace that is written to after it was empty")
    scene.change(name, [scene.delete(first)])
    scene.change(name, [scene.insert(value, "once more") for value in rest])
    follower.converge(scene.wanted(), what="a stream of a namespace that was empty twice")


RULES = (inserts, overwrites, deletes, write_data, from_plan, from_first_plan, while_listing, order, many, emptied)
