"""StreamUpdates: how long a stream lives."""

import time

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.rules.stream.conditions import LIVE

__all__ = ["RULES"]

_IDLE_SECONDS, _LONGEST_IDLE_SECONDS = 2.4, 15.0
"""The pause without updates, and the longest: long enough for a driver that gives up after ten seconds."""


@rule(
    "stream/stays-open",
    "it does not end by itself while the source lives, unless the source is finite",
    needs=LIVE,
    hint="the stream ends when it has caught up, or after some time without updates",
    after=("stream/opens",),
    examples=0.01,
)
def stays_open(case: Case) -> None:
    """A stream continues after it has caught up, and after a pause without updates."""
    scene = Scene(case)
    follower = scene.follow()
    for seconds in (0.0, min(_LONGEST_IDLE_SECONDS, _IDLE_SECONDS * case.bulk**2)):
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


RULES = (stays_open,)
