"""Opens and cancels many streams in a row, which must leave nothing behind."""

import time
from collections.abc import Callable
from typing import TypeVar

from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.case.case import Case
from dsync_kit.protocol import GetInfoRequest, StreamLSNResponse, StreamUpdatesResponse

__all__ = ["GRACE_SECONDS", "PAUSE_SECONDS", "open_and_cancel"]

GRACE_SECONDS = 5.0
"""Seconds for a handler to end that checks now and then whether its caller is still there."""

PAUSE_SECONDS = 0.2
"""Seconds until a refused stream is opened again: the old ones may take a moment to end."""

_STREAMS = 80
_SECONDS = 6.0
_FIRST_SECONDS = 1.0
_AT_WORK_SECONDS = 0.001
"""Seconds until the handler waits for the next update. If cancelled between two updates, it would end by luck."""

M = TypeVar("M", bound=StreamUpdatesResponse | StreamLSNResponse)


def open_and_cancel(case: Case, open_stream: Callable[[], StreamReader[M]], name: str) -> str:
    """Open and cancel 80 streams, or as many as time allows. Returns what was done in words: "after 80 streams …".

    Raises Violation if one of them does not end, or if the connector stops answering.
    """
    began = time.monotonic()
    opened: list[StreamReader[M]] = []
    while len(opened) < _STREAMS and time.monotonic() - began < _SECONDS:
        stream = open_stream()
        opened.append(stream)
        stream.next(_FIRST_SECONDS)
        time.sleep(_AT_WORK_SECONDS)
        stream.cancel()
    grace = time.monotonic() + GRACE_SECONDS
    goes_on = sum(not stream.join(max(0.0, grace - time.monotonic())) for stream in opened)
    case.check(
        not goes_on,
        "cancelled streams continue",
        expected=f"the end of each within {GRACE_SECONDS:.0f} seconds",
        seen=f"{goes_on} of {len(opened)} continue",
    )
    what = f"after {len(opened)} {name} were opened and cancelled"
    case.within(GRACE_SECONDS, lambda: case.api.get_info(GetInfoRequest()), f"GetInfo does not answer {what}")
    return what
