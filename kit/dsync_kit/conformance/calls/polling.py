"""Polls a connector until it shows what is expected."""

import itertools
import time
from collections.abc import Callable, Iterator

from dsync_kit.conformance.results.outcome import Violation

__all__ = ["LONGEST_LAG", "awaited", "pauses", "rest"]

LONGEST_LAG = 3.0
"""Seconds within which writes must become visible, if nobody has said how long that may take."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.1

_PAUSES = 12
"""About how many looks are enough, however long one may have to wait."""

_REST = 3
"""After a look, there is none for so many times its duration: a busy store that is always asked lags even more."""


def awaited(look: Callable[[], object], seconds: float) -> float | None:
    """Call `look` until it raises no Violation; raises that of the first call that began after `seconds`.

    Returns when the last call that raised one began (`time.monotonic`), None if none did.
    """
    end, failed = time.monotonic() + seconds, None
    for pause in pauses(seconds):
        began = time.monotonic()
        try:
            look()
            break
        except Violation:
            if began >= end:
                raise
        failed = began
        time.sleep(rest(pause, time.monotonic() - began))
    return failed


def rest(pause: float, looked: float) -> float:
    """How many seconds to sleep after a look that took `looked` seconds: the `pause`, or longer."""
    return max(pause, _REST * looked)


def pauses(seconds: float) -> Iterator[float]:
    """Seconds to pause after each look if something may take so many seconds: more and more, up to a limit."""
    longest = max(_LONGEST_PAUSE, seconds / _PAUSES)
    doubled = itertools.takewhile(lambda pause: pause < longest, (_FIRST_PAUSE * 2**n for n in itertools.count()))
    return itertools.chain(doubled, itertools.repeat(longest))
