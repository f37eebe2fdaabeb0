"""StreamUpdates: a stream that resumes from any cursor gives all later updates."""

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower, Sent
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.documents.strategies import removals, update_to
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.stream.conditions import EVERY_KIND_ARRIVES, LIVE, RESUME
from dsync_kit.conformance.rules.stream.sampled_cursors import resume_sample
from dsync_kit.protocol import UPDATE_TYPE_UPDATE

__all__ = ["RULES", "resume_from"]

_CURSORS = "Partition and update cursors are self-contained: they work on another instance of the connector, after a "
_PLANNED = (*EVERY_KIND_ARRIVES, "stream/from-plan")

_TRIED_CURSORS = 5


@rule(
    "stream/resume",
    RESUME,
    needs=(Need.UPDATES,),
    hint="the cursor points to the end of the log, or one update too far, instead of to the message's last update",
    after=_PLANNED,
    examples=0.5,
)
def resume(case: Case) -> None:
    """A stream resumes from every cursor that it sent, without a gap."""
    if case.declared.can_change and case.declared.loads:
        _write_then_resume(case, Scene(case))
    else:
        resume_sample(case)


@rule(
    "stream/resume-filtered",
    RESUME,
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.MULTI_NAMESPACE_PLAN),
    hint="with several namespaces, updates of one move the cursor past another's unsent updates",
    after=(*_PLANNED, "stream/resume", "stream/namespaces-apart"),
    examples=0.5,
)
def resume_filtered(case: Case) -> None:
    """If writes alternate between namespaces, no cursor skips an update."""
    scene = Scene(case, namespaces=2)
    if case.found.makes_namespaces:
        scene.add([scene.document(value, "not streamed") for value in scene.ids[:1]])
    _write_then_resume(case, scene)


@rule(
    "stream/resume-many",
    RESUME,
    needs=LIVE,
    hint="part of a batch carries the cursor of the whole batch, which skips the unsent rest",
    after=(*_PLANNED, "stream/many", "stream/resume"),
    examples=0.02,
    fills=0.1,
)
def resume_many(case: Case) -> None:
    """No cursor within 1,500 updates of one call skips any of them."""
    scene = Scene(case)
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    (name,) = scene.namespaces
    scene.change(name, many_updates(case, 1500, scene.data_type))
    follower = follower or scene.follow()
    follower.converge(scene.wanted(), what="1,500 updates at once")
    follower.cancel()
    scene.mark()
    _resume_each(case, scene, follower)


@rule(
    "stream/resume-elsewhere",
    _CURSORS + "restart",
    needs=(*LIVE, Need.ELSEWHERE),
    hint="the cursor is a key into the memory of the instance that sent it",
    after=(*_PLANNED, "stream/resume"),
    examples=0.1,
)
def resume_elsewhere(case: Case) -> None:
    """Another instance resumes from the plan's cursor, and from every cursor that the stream sent, without a gap."""
    scene = Scene(case)
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower = scene.follow()
    follower.converge(scene.wanted(), what="the first instance's stream")
    follower.cancel()
    scene.mark()
    second = case.others.elsewhere()
    elsewhere = scene.follow(driver=second)
    elsewhere.converge(scene.wanted(), what="another instance's stream from the plan's cursor")
    elsewhere.cancel()
    _resume_each(case, scene, follower, driver=second)


@rule(
    "stream/cursor-lasts",
    _CURSORS + "restart, and later (an update cursor must outlive the whole initial copy)",
    needs=LIVE,
    hint="a later plan or an earlier stream moves the position, because the connector keeps it, not the cursor",
    after=(*_PLANNED, "stream/resume"),
    examples=0.44,
)
def cursor_lasts(case: Case) -> None:
    """A plan's cursor gives all later updates, repeatedly, whatever was planned, listed and streamed meanwhile."""
    scene = Scene(case)
    (name,) = scene.namespaces
    for call_name, call in scene.history():
        scene.change(call_name, call)
    later = scene.plan()
    held = scene.wanted()
    case.read(name, scene.data_type, expected=len(scene.ids))
    scene.mark()
    for cursor, holding, what in (
        (later, held, "the second plan's cursor"),
        (scene.cursor, None, "a second plan and a stream from the first plan's cursor"),
        (scene.cursor, None, "another stream from the first plan's cursor"),
        (later, held, "the second plan's cursor, streamed from again"),
    ):
        follower = scene.follow(cursor, holding=holding)
        follower.converge(scene.wanted(), what=what)
        follower.cancel()


_BACKLOG = 200


@rule(
    "stream/backlog",
    "and later (an update cursor must outlive the whole initial copy)",
    needs=LIVE,
    hint="the log of changes is compacted: what it drops, such as deletes, never reaches a stream that begins before",
    after=(*_PLANNED, "updates/many", "stream/cursor-lasts"),
    examples=0.02,
    fills=0.05,
)
def backlog(case: Case) -> None:
    """Hundreds of changes of one namespace between a plan and its stream arrive: overwrites and, if any, deletes."""
    scene = Scene(case)
    (name,) = scene.namespaces
    documents, changed = (case.numbered(_BACKLOG, scene.data_type, prefix="log", v=version) for version in range(2))
    scene.write(name, documents)
    cursor, holding = scene.plan(), scene.wanted()
    third = _BACKLOG // 3
    if case.deletes:
        scene.change(name, removals(documents[:third], scene.data_type))
    for version in (changed, documents):
        scene.change(name, [update_to(UPDATE_TYPE_UPDATE, document, scene.data_type) for document in version[third:]])
    scene.mark()
    follower = scene.follow(cursor, holding=holding)
    follower.converge(scene.wanted(), what="hundreds of changes since the plan")


def _write_then_resume(case: Case, scene: Scene) -> None:
    """Write in several calls, stream them, write more, and resume from each cursor that came."""
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    for name, call in scene.history(max_calls=5, max_updates=3):
        scene.change(name, call)
    scene.mark()
    follower = follower or scene.follow()
    follower.converge(scene.wanted(), what="a stream from the plan's cursor")
    follower.cancel()
    scene.mark()
    _resume_each(case, scene, follower)


def _resume_each(case: Case, scene: Scene, follower: Follower, driver: Driver | None = None) -> None:
    """Stream from some of the cursors that a follower saw, each with what a sink held at that point."""
    cursors = follower.cursors()
    if not cursors:
        raise case.decline("no message has a cursor")
    step = max(1, len(cursors) // _TRIED_CURSORS)
    for sent in [*cursors[:-1:step], cursors[-1]]:
        what = f"a stream from the cursor that came with update {sent.updates}"
        resume_from(scene, follower, sent, what=what, driver=driver)


def resume_from(scene: Scene, follower: Follower, sent: Sent, *, what: str, driver: Driver | None = None) -> None:
    """Stream from a cursor that a follower saw, with what a sink held at that point. `what` names this stream."""
    resumed = scene.follow(sent.cursor, holding=follower.held_after(sent.updates), driver=driver)
    resumed.converge(scene.wanted(), what=what)
    resumed.cancel()


RULES = (
    resume,
    resume_filtered,
    resume_many,
    resume_elsewhere,
    cursor_lasts,
    backlog,
)
