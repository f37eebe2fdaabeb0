"""StreamUpdates: cursors, how long a stream lives, and several readers at once."""

import time
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case import hanging_up
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower, Sent
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.sampling import sample, sampled_namespaces
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DataType, StreamUpdatesResponse

__all__ = ["RESUME", "RULES", "resume_from"]

RESUME = (
    "`next_cursor` covers the message's updates and all earlier ones: streaming from it again gives every later update"
)
_CURSORS = "Partition and update cursors are self-contained: they work on another instance of the connector, after a "
_LIVE = (Need.UPDATES, Need.LOADING, Need.CHANGING)
_WRITTEN = ("updates/model", "write/read-back")
_ARRIVES = ("stream/opens", "stream/stays-open", "stream/inserts", "stream/overwrites", "stream/deletes", *_WRITTEN)
_PLANNED = (*_ARRIVES, "stream/from-plan")

_TRIED_CURSORS = 5
_IDLE_SECONDS = 15.0
"""The longest pause without updates: long enough for a driver that gives up after ten seconds."""

_AT_ONCE = 0.1
_COUNTED_SECONDS = 0.5
_ONE_AT_A_TIME = "it refuses a second stream while one is open"


@rule(
    "stream/stays-open",
    "it does not end by itself while the source lives, unless the source is finite",
    needs=_LIVE,
    hint="the stream ends when it has caught up, or after some time without updates",
    after=("stream/opens",),
    examples=0.01,
)
def stays_open(case: Case) -> None:
    """A stream continues after it has caught up, and after a pause without updates."""
    scene = Scene(case)
    follower = scene.follow()
    for seconds in (0.0, min(_IDLE_SECONDS, 0.6 * case.bulk**2)):
        scene.mark()
        follower.converge(scene.wanted(), what="reading an open stream", owner="stream/inserts")
        end = time.monotonic() + seconds
        while not follower.reader.ended and (left := end - time.monotonic()) > 0:
            follower.message(left)
        case.check(
            not follower.reader.ended,
            "the stream ended by itself although the source is live",
            expected="an open stream",
            seen=follower.reader.error or f"its end, {seconds:.1f} seconds after it had caught up",
        )
    scene.mark()
    follower.converge(scene.wanted(), what="a stream after a pause without updates")


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
        _resume_sample(case)


@rule(
    "stream/resume-filtered",
    RESUME,
    needs=(*_LIVE, Need.TWO_NAMESPACES, Need.MULTI_NAMESPACE_PLAN),
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
    needs=_LIVE,
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
    needs=(*_LIVE, Need.ELSEWHERE),
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
    second = case.elsewhere()
    elsewhere = scene.follow(driver=second)
    elsewhere.converge(scene.wanted(), what="another instance's stream from the plan's cursor")
    elsewhere.cancel()
    _resume_each(case, scene, follower, driver=second)


@rule(
    "stream/cursor-lasts",
    _CURSORS + "restart, and later (an update cursor must outlive the whole initial copy)",
    needs=_LIVE,
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


@rule(
    "stream/beside-lsn",
    "It opens StreamLSN at the start (whatever the capability says) with the plan's update cursor",
    needs=_LIVE,
    hint="StreamLSN and StreamUpdates read from one queue, and take each other's updates",
    after=_ARRIVES,
    examples=0.44,
)
def beside_lsn(case: Case) -> None:
    """A stream has all updates even if StreamLSN was opened with the same cursor and has already counted some."""
    scene = Scene(case)
    counts = case.enter(case.driver.stream_lsn(scene.cursor, scene.asked))
    for name, call in scene.history():
        scene.change(name, call)
    counts.until(_COUNTED_SECONDS, lambda message: message.lsn > 0)  # as it does while dsync copies
    follower = scene.follow()
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream beside StreamLSN")


@rule(
    "stream/undisturbed",
    "it does not end by itself while the source lives",
    needs=_LIVE,
    hint="a stream shares a connection or a slot with other calls, which end it",
    after=_ARRIVES,
    examples=0.22,
)
def undisturbed(case: Case) -> None:
    """A stream survives another plan, a listing, and a StreamLSN that is opened and cancelled.

    The plan may be refused: a source with one replication slot cannot plan updates while a stream is open.
    """
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    scene.mark()
    follower.converge(scene.wanted(), what="a stream before other calls")
    with case.driver.stream_lsn(scene.cursor, scene.asked) as counts:
        counts.next(_AT_ONCE)
    counts.join(hanging_up.GRACE_SECONDS)
    refused = False
    try:
        scene.plan()
    except ConnectorError as error:
        expect_final(case, error, "a plan while a stream is open")
        refused = True
    case.read(name, scene.data_type, expected=len(scene.ids))
    scene.mark()
    follower.converge(scene.wanted(), what="a stream after another plan, a listing and a cancelled StreamLSN")
    if refused:
        raise case.decline("it refuses a plan with updates while a stream is open, as `dsync verify` asks for one")


@rule(
    "stream/parallel",
    RESUME,
    needs=_LIVE,
    hint="the streams read from one queue: each update goes to only one of them",
    after=(*_ARRIVES, "stream/beside-lsn"),
    examples=0.28,
)
def parallel(case: Case) -> None:
    """Each of three parallel streams has all updates, or only one stream is accepted."""
    scene = Scene(case)
    followers = [scene.follow() for _ in range(3)]
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    refused: list[Violation] = []
    for follower in followers:
        try:
            follower.converge(scene.wanted(), what="one of three streams at once")
        except Violation as violation:
            # Nobody knows which of them reaches the connector first.
            if follower.reader.error is None:
                raise
            refused.append(violation)
        else:
            if any(other.reader.error is not None for other in followers):
                raise case.decline(_ONE_AT_A_TIME)
    if len(refused) == len(followers):
        raise refused[0]
    if refused:
        raise case.decline(_ONE_AT_A_TIME)


@rule(
    "stream/cancel",
    "The stream ends promptly when cancelled",
    needs=_LIVE,
    hint="the stream's loop does not check whether the caller is gone, and keeps its thread or connection",
    after=_ARRIVES,
    examples=0.02,
)
def cancel(case: Case) -> None:
    """After 80 streams are opened and cancelled, the next stream works, and so do other calls."""
    scene = Scene(case)
    scene.mark()  # so that a stream has something to send at once
    what = hanging_up.open_and_cancel(
        case, lambda: case.driver.stream_updates(scene.cursor, scene.asked, scene.data_type), "streams"
    )
    _stream_again(scene, what)


def _stream_again(scene: Scene, what: str) -> None:
    """A new stream, retried for a while if it is refused, because the old ones may take a moment to go."""
    end = time.monotonic() + hanging_up.GRACE_SECONDS
    while True:
        # Nothing is written before: a write would wake a forgotten stream, and free its thread.
        follower = scene.follow()
        try:
            follower.converge(scene.wanted(), what=f"a stream {what}")
        except Violation as violation:
            if follower.reader.error is None or time.monotonic() > end:
                # Whatever goes wrong here is due to the cancelled streams: before, it worked.
                raise Violation(violation.message, expected=violation.expected, seen=violation.seen) from violation
            time.sleep(hanging_up.PAUSE_SECONDS)
        else:
            return


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
    first: dict[bytes, Sent] = {}
    for sent in follower.sent:
        first.setdefault(sent.cursor, sent)
    cursors = list(first.values())
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


def _resume_sample(case: Case) -> None:
    """Stream again from cursors of a source that cannot be changed: what came after them once must come again."""
    for data_type, messages in sample(case).items():
        # Of several messages with one cursor, the first one counts: the others come after the cursor.
        first: dict[bytes, int] = {}
        for place, message in enumerate(messages):
            first.setdefault(message.next_cursor, place)
        cursors = [cursor for cursor in first if cursor]
        for cursor in cursors[:: max(1, len(cursors) // _TRIED_CURSORS)]:
            after = first[cursor] + 1
            # Of several updates of one id, the last one is enough, and a repeated one need not be repeated again.
            missing = _changes(messages[after:], data_type, but=messages[:after])
            _comes_again(case, cursor, data_type, missing)


def _comes_again(case: Case, cursor: bytes, data_type: DataType, missing: set[tuple[str, bytes]]) -> None:
    """Check that a stream from a cursor is accepted, and has updates of all these documents."""
    expected, end = len(missing), time.monotonic() + case.subject.patience.seconds
    with case.driver.stream_updates(cursor, sampled_namespaces(case), data_type) as stream:
        seconds = 0.5  # long enough for a refusal
        while (message := stream.next(seconds)) is not None:
            missing -= _changes([message], data_type)
            if not missing:
                break
            seconds = max(0.0, end - time.monotonic())
        case.check(
            stream.error is None,
            "a cursor that the stream sent is refused",
            expected="the updates after it",
            seen=stream.error,
        )
    case.check(
        not missing,
        "a stream that resumes from a cursor lacks updates that had followed that cursor",
        expected=f"updates of the same {expected} documents",
        seen=f"none of {len(missing)} of them",
    )


def _changes(
    messages: Sequence[StreamUpdatesResponse], data_type: DataType, *, but: Sequence[StreamUpdatesResponse] = ()
) -> set[tuple[str, bytes]]:
    """The documents that messages change, by updates that other messages do not have. Other rules report bad ids."""
    known = {(message.namespace, update.SerializeToString()) for message in but for update in message.updates}
    changed = set()
    for message in messages:
        for update in message.updates:
            with suppress(InvalidArgument):
                if (message.namespace, update.SerializeToString()) not in known:
                    changed.add((message.namespace, key_of(update.id, data_type)))
    return changed


RULES = (
    stays_open,
    resume,
    resume_filtered,
    resume_many,
    resume_elsewhere,
    cursor_lasts,
    beside_lsn,
    undisturbed,
    parallel,
    cancel,
)
