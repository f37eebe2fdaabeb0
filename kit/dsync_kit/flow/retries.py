"""Retries as dsync makes them, and the waits before them."""

import time
from collections.abc import Callable
from typing import TypeVar

from dsync_kit.errors import ConnectorError

__all__ = ["WAITS", "Stopped", "repeated"]

T = TypeVar("T")

WAITS = (0.5, 0.75, 1.1)
"""Seconds to wait before each retry of a call that got a retryable code."""


class Stopped(Exception):
    """The run is being stopped: unfinished work is dropped, and starts over when the run is resumed."""


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
    """Make a call, and repeat it up to three times after retryable codes. The last error is raised.

    `wait` sleeps for so many seconds; if it returns True, Stopped is raised. `on_retry` gets the error and the wait in
    seconds before each retry.
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
