"""Streams that are opened and cancelled, many in a row: nothing of them may be left."""

import time
from collections.abc import Callable
from typing import TypeVar

from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.case.case import Case
from dsync_kit.protocol import GetInfoRequest, StreamLSNResponse, StreamUpdatesResponse

__all__ = ["GRACE_SECONDS", "PAUSE_SECONDS", "open_and_cancel"]

GRACE_SECONDS = 5.0
"""A handler that looks now and then whether the caller is there ends within that."""

PAUSE_SECONDS = 0.2
"""Until a stream is opened again that was refused: the old ones may take a moment to go."""

_STREAMS = 80
_SECONDS = 6.0
_FIRST_SECONDS = 1.0
_AT_WORK_SECONDS = 0.004
"""Until the handler waits for the next update: one that is between two updates when it is cancelled ends by luck."""

M = TypeVar("M", bound=StreamUpdatesResponse | StreamLSNResponse)


def open_and_cancel(case: Case, open_stream: Callable[[], StreamReader[M]], name: str) -> str:
    """Open and cancel 80 streams, or as many as there is time for. What was done, in words: "after 80 streams …".

    Raises Violation where one of them goes on, or where the connector answers no more.
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
