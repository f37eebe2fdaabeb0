"""StreamUpdates: cursors that come without updates."""

import time

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene, many_updates
from dsync_kit.conformance.rules.stream.conditions import LIVE, RESUME
from dsync_kit.conformance.rules.stream.resuming import resume_from

__all__ = ["RULES"]

_WRITING_SECONDS = 1.5
"""Long enough for several heartbeats of a source that sends one every half second; times the profile's bulk."""

_MOST_BULK = 4
_MOST_CALLS = 300
_TRIED_CURSORS = 8


@rule(
    "stream/resume-heartbeats",
    RESUME,
    needs=LIVE,
    hint="a heartbeat carries the end of the log, beyond updates that the stream has yet to send",
    after=("stream/stays-open", "stream/resume", "stream/resume-many"),
    examples=0.02,
)
def resume_heartbeats(case: Case) -> None:
    """No cursor of a message without updates skips any update that was written at the same time."""
    remembered = case.subject.remembered
    if remembered.streamed and not remembered.heartbeats:
        raise case.does_not_apply("its streams have sent no cursor without updates")
    pause = case.draw(st.sampled_from([0.005, 0.02]), "seconds between two writes")
    scene = Scene(case)
    follower = scene.follow()
    (name,) = scene.namespaces
    bulk = min(case.bulk, _MOST_BULK)
    end = time.monotonic() + _WRITING_SECONDS * bulk
    for number in range(_MOST_CALLS * bulk):
        scene.change(name, many_updates(case, 1, scene.data_type, f"beat{number:04}"))
        if time.monotonic() > end:
            break
        time.sleep(pause)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream while documents are written")
    follower.cancel()
    beats = [sent for sent in follower.sent if sent.idle]
    if not beats:
        raise case.decline("no heartbeat came while documents were written")
    for sent in beats[:: len(beats) // _TRIED_CURSORS + 1]:
        what = f"a stream from a heartbeat that came after {sent.updates} updates"
        resume_from(scene, follower, sent, what=what)


RULES = (resume_heartbeats,)
