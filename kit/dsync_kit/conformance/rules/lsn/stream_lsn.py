"""StreamLSN: the number of updates since a cursor."""

import time
from collections.abc import Callable

from grpc import StatusCode

from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.case import hanging_up
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.documents import decode_id, id_of
from dsync_kit.protocol import StreamLSNResponse

__all__ = ["RULES"]

_COUNTS = "`lsn` never decreases: it counts updates since the cursor."
_ENDS = "It ends when cancelled, and no later than StreamUpdates."
_HARMLESS = "It opens StreamLSN at the start (whatever the capability says) …; UNIMPLEMENTED or an immediate end is "
_LIVE = (Need.UPDATES, Need.LSN, Need.LOADING, Need.CHANGING)

_SOON = 1.0
_AT_ONCE = 0.02
_PATIENCE = 8.0
"""A count shows progress: it may be updated only now and then."""

# A source may count more than one for an update: a delete and an insert, or a marker for the commit.
_MOST_PER_UPDATE = 10
_SPARE = 100
_MANY = 300
"""More than a byte can count."""


@rule(
    "lsn/opens",
    _COUNTS,
    level=Level.SHOULD,
    needs=(Need.UPDATES, Need.LSN),
    hint="lsn_stream is declared, but StreamLSN is missing, or does not accept the plan's cursor",
    examples=0.1,
)
def opens(case: Case) -> None:
    """StreamLSN opens with the plan's update cursor, and does not fail."""
    if case.declared.can_change and case.declared.loads:
        scene = Scene(case)
        scene.mark()
        stream = _open(case, scene)
        stream.next(case.subject.patience.seconds)
    else:
        asked = case.subject.existing()[:1]
        stream = case.enter(case.driver.stream_lsn(case.driver.updates_partition(asked).cursor, asked))
        stream.next(_SOON)
    case.check(
        stream.error is None,
        "StreamLSN fails, opened with the plan's update cursor",
        expected="a stream of counts",
        seen=stream.error,
    )


@rule(
    "lsn/counts",
    _COUNTS,
    level=Level.SHOULD,
    needs=_LIVE,
    hint="the count does not grow with every update: it counts messages or calls, or only one kind of update",
    after=("lsn/opens", "stream/inserts", "updates/delete", "updates/model"),
    examples=0.44,
)
def counts(case: Case) -> None:
    """After n documents were inserted, overwritten or deleted, the count reaches n."""
    scene = Scene(case)
    (name,) = scene.namespaces
    there = case.numbered(8, scene.data_type, prefix="there")
    scene.write(name, there)
    scene.cursor = scene.plan()
    stream = _open(case, scene)
    written = 0
    for number in range(2):
        updates = many_updates(case, 3 + 4 * number, scene.data_type, f"part{number}")
        written += len(updates)
        scene.change(name, updates)
        # This rule's own violation, which may be a consequence of the rules before it.
        _read(case, stream, lambda message: message.lsn >= written, expected=f"{written} or more", owner="")  # noqa: B023
    # Of documents untouched since the cursor: updates of one id may be counted as one.
    identifiers = [decode_id(id_of(document, scene.data_type)[0]) for document in there]
    for change in (scene.overwrite, scene.delete) if case.deletes else (scene.overwrite,):
        scene.change(name, [change(identifiers.pop()) for _ in range(len(there) // 2)])
        written += len(there) // 2
        _read(case, stream, lambda message: message.lsn >= written, expected=f"{written} or more", owner="")  # noqa: B023


@rule(
    "lsn/monotone",
    _COUNTS,
    level=Level.SHOULD,
    needs=_LIVE,
    hint="deletes lower the count, or it starts again with each message",
    after=("lsn/opens",),
    examples=0.22,
)
def monotone(case: Case) -> None:
    """The count never decreases."""
    scene = Scene(case)
    stream = _open(case, scene)
    (name,) = scene.namespaces
    last, inserted = 0, 0

    def not_less(message: StreamLSNResponse) -> None:
        nonlocal last
        case.check(message.lsn >= last, "the count decreases", expected=f"{last} or more", seen=message.lsn)
        last = message.lsn

    for number, count in enumerate((3, 3, _MANY)):
        updates = many_updates(case, count, scene.data_type, f"part{number}")
        scene.change(name, updates)
        undone = scene.delete(scene.ids[0]) if case.deletes else scene.overwrite(scene.ids[0], "undone")
        scene.change(name, [undone, scene.insert(scene.ids[0], number), undone])
        inserted += len(updates)
        _read(case, stream, lambda message: message.lsn >= inserted, not_less)  # noqa: B023 - called at once
    for _ in range(_MANY):  # it may send the count again and again
        if (message := stream.next(_AT_ONCE)) is None:
            break
        not_less(message)


@rule(
    "lsn/since-cursor",
    _COUNTS,
    level=Level.SHOULD,
    needs=_LIVE,
    hint="lsn is the position in the log, or a time, instead of the number of updates since the cursor",
    after=("lsn/opens", "lsn/counts"),
    examples=0.28,
)
def since_cursor(case: Case) -> None:
    """The count starts at the cursor, not at the beginning of the log."""
    scene = Scene(case)
    (name,) = scene.namespaces
    scene.change(name, many_updates(case, 3 * _SPARE, scene.data_type, "before"))
    scene.cursor = scene.plan()
    stream = _open(case, scene)
    updates = many_updates(case, 3, scene.data_type, "after")
    scene.change(name, updates)
    highest = 0

    def note(message: StreamLSNResponse) -> None:
        nonlocal highest
        highest = max(highest, message.lsn)

    _read(case, stream, lambda message: message.lsn >= len(updates), note)
    sent = len(updates)
    if highest > sent * _MOST_PER_UPDATE + _SPARE:
        # A plan's position may be earlier than the plan: then the stream sends earlier writes again.
        follower = scene.follow()
        follower.converge(scene.wanted(), what="the stream that is counted")
        sent = len(follower.updates)
    case.check(
        highest <= sent * _MOST_PER_UPDATE + _SPARE,
        "the count is far beyond the number of updates since the cursor",
        expected=f"about {sent}, as many as StreamUpdates sends from there",
        seen=highest,
    )


@rule(
    "lsn/cancel",
    _ENDS,
    needs=_LIVE,
    hint="the stream's loop does not check whether the caller is gone, and keeps its thread or connection",
    after=("lsn/opens", "stream/cancel"),
    examples=0.02,
)
def cancel(case: Case) -> None:
    """After 80 StreamLSN calls are opened and cancelled, the next one works."""
    scene = Scene(case)
    scene.mark()
    what = hanging_up.open_and_cancel(case, lambda: case.driver.stream_lsn(scene.cursor, scene.asked), "StreamLSN")
    end = time.monotonic() + hanging_up.GRACE_SECONDS
    while time.monotonic() < end:
        stream = _open(case, scene)
        if stream.next(hanging_up.GRACE_SECONDS) is not None:
            return
        time.sleep(hanging_up.PAUSE_SECONDS)
    raise Violation(f"StreamLSN does not answer {what}", expected="a count", seen=str(stream.error or "nothing"))


@rule(
    "lsn/ends-with-updates",
    _ENDS,
    needs=(Need.UPDATES, Need.LSN, Need.FINITE),
    hint="StreamUpdates ends with the source, but StreamLSN keeps waiting",
    after=("lsn/opens", "stream/stays-open"),
    examples=0.02,
)
def ends_with_updates(case: Case) -> None:
    """If StreamUpdates ends by itself, so does StreamLSN."""
    asked = _asked(case)
    cursor = case.driver.updates_partition(asked).cursor
    updates = case.enter(case.driver.stream_updates(cursor, asked, case.data_type(case.declared.source_types)))
    stream = case.enter(case.driver.stream_lsn(cursor, asked))
    end = time.monotonic() + _SOON
    while not updates.ended and updates.next(max(0.0, end - time.monotonic())) is not None:
        continue
    if not updates.ended:
        raise case.decline("StreamUpdates does not end by itself")
    end = time.monotonic() + case.subject.patience.seconds
    while not stream.ended and time.monotonic() < end:
        stream.next(max(0.0, end - time.monotonic()))
    case.check(stream.ended, "StreamLSN continues after StreamUpdates has ended", expected="its end", seen="no end")


@rule(
    "lsn/undeclared",
    _HARMLESS + "harmless.",
    level=Level.SHOULD,
    needs=(Need.UPDATES, Need.NO_LSN),
    hint="dsync calls StreamLSN even if it is not declared: answer UNIMPLEMENTED",
    examples=0.04,
)
def undeclared(case: Case) -> None:
    """If lsn_stream is not declared, StreamLSN answers UNIMPLEMENTED, ends, or counts anyway."""
    asked = _asked(case)
    stream = case.enter(case.driver.stream_lsn(case.driver.updates_partition(asked).cursor, asked))
    while not stream.ended and stream.next(_SOON) is not None:
        continue
    case.check(
        stream.error is None or stream.error.code is StatusCode.UNIMPLEMENTED,
        "StreamLSN, which is not declared, fails in an unexpected way",
        expected="UNIMPLEMENTED, or the end of the stream",
        seen=stream.error,
    )


def _asked(case: Case) -> list[str]:
    return [case.loaded(min_size=1)[0]] if case.declared.loads else list(case.subject.existing()[:1])


def _open(case: Case, scene: Scene) -> StreamReader[StreamLSNResponse]:
    stream = case.driver.stream_lsn(scene.cursor, scene.asked)
    case.enter(stream)
    return stream


def _read(
    case: Case,
    stream: StreamReader[StreamLSNResponse],
    enough: Callable[[StreamLSNResponse], bool],
    look: Callable[[StreamLSNResponse], None] = lambda _: None,
    expected: str = "a count of all updates",
    owner: str = "lsn/counts",
) -> None:
    """Read until a message is `enough`. Raises Violation if none is."""
    case.checks += 1
    began, last = time.monotonic(), None
    patience = case.subject.patience
    end = began + (patience.seconds if patience.uncounted else max(patience.seconds, _PATIENCE))
    while (message := stream.next(max(0.0, end - time.monotonic()))) is not None:
        look(message)
        if enough(message):
            return
        last = message.lsn
    case.subject.patience.miscounted()
    counted = "no count" if last is None else f"no more than {last}"
    seen = stream.error or ("the end of the stream" if stream.ended else counted)
    raise Violation(
        "StreamLSN does not count all updates",
        expected=expected,
        seen=str(seen),
        owner="lsn/opens" if stream.error else owner,
    )


RULES = (opens, counts, monotone, since_cursor, cancel, ends_with_updates, undeclared)
