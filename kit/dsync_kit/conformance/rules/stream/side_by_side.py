"""StreamUpdates beside other calls, beside other streams, and after many that were cancelled."""

import time

from dsync_kit.conformance.case import hanging_up
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.rules.stream.conditions import EVERY_KIND_ARRIVES, LIVE, RESUME
from dsync_kit.errors import ConnectorError

__all__ = ["RULES"]

_AT_ONCE = 0.1
_COUNTED_SECONDS = 0.5
_ONE_AT_A_TIME = "it refuses a second stream while one is open"
_ONE_AFTER_ANOTHER = "a second stream waits until the first one is cancelled"


@rule(
    "stream/beside-lsn",
    "It opens StreamLSN at the start (whatever the capability says) with the plan's update cursor",
    needs=LIVE,
    hint="StreamLSN and StreamUpdates read from one queue, and take each other's updates",
    after=EVERY_KIND_ARRIVES,
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
    needs=LIVE,
    hint="a stream shares a connection or a slot with other calls, which end it",
    after=EVERY_KIND_ARRIVES,
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
    needs=LIVE,
    hint="the streams read from one queue: each update goes to only one of them",
    after=(*EVERY_KIND_ARRIVES, "stream/beside-lsn"),
    examples=0.28,
)
def parallel(case: Case) -> None:
    """Each of three parallel streams has all updates, if only after the others have ended, or only one is accepted."""
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
                if not follower.updates and _comes_alone(scene, follower, followers):
                    raise case.decline(_ONE_AFTER_ANOTHER) from violation
                raise
            refused.append(violation)
        else:
            if any(other.reader.error is not None for other in followers):
                raise case.decline(_ONE_AT_A_TIME)
    if len(refused) == len(followers):
        raise refused[0]
    if refused:
        raise case.decline(_ONE_AT_A_TIME)


def _comes_alone(scene: Scene, follower: Follower, followers: list[Follower]) -> bool:
    """Whether a stream that has sent nothing has all updates once the others are cancelled."""
    for other in followers:
        if other is not follower:
            other.cancel()
    try:
        follower.converge(scene.wanted())
    except Violation:
        return False
    return True


@rule(
    "stream/cancel",
    "The stream ends promptly when cancelled",
    needs=LIVE,
    hint="the stream's loop does not check whether the caller is gone, and keeps its thread or connection",
    after=EVERY_KIND_ARRIVES,
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


RULES = (
    beside_lsn,
    undisturbed,
    parallel,
    cancel,
)
