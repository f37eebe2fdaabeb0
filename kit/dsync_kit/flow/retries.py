"""What dsync repeats, and how long it waits before it does."""

import time
from collections.abc import Callable
from typing import TypeVar

from dsync_kit.errors import ConnectorError

__all__ = ["WAITS", "Stopped", "repeated"]

T = TypeVar("T")

WAITS = (0.5, 0.75, 1.1)
"""Seconds between the tries of a call that is answered with a retryable code."""


class Stopped(Exception):
    """The run is being stopped: what was under way is given up, and begins anew when it is resumed."""


def _is_retryable(error: ConnectorError) -> bool:
    return error.retryable


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def repeated(
    call: Callable[[], T],
    *,
    wait: Callable[[float], bool] = _sleep,
    retryable: Callable[[ConnectorError], bool] = _is_retryable,
    on_retry: Callable[[ConnectorError, float], object] | None = None,
) -> T:
    """Make a call, three times more after retryable codes.

    `wait` sleeps for so many seconds, and says whether to stop: then Stopped is raised. `on_retry` is told the error
    and the seconds before each new try. What the last try raises is raised.
    """
    for seconds in WAITS:
        try:
            return call()
        except ConnectorError as error:
            if not retryable(error):
                raise
            if on_retry is not None:
                on_retry(error, seconds)
        if wait(seconds):
            raise Stopped
    return call()
