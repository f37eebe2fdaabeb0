"""Calls into a connector's code: their time limits, and a watch on those that are running."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

__all__ = ["CALL_SECONDS", "Attempt", "CallThread", "Kind", "Patience", "TooLong", "Watch", "unwatched"]

T = TypeVar("T")

CALL_SECONDS = 30.0
"""Seconds that a call may take: dsync waits for ever, but a verification must end."""

_HASTE_SECONDS = 3.0

_ITEM_SECONDS = 0.015
"""Seconds that a call may take in addition for each of its documents: some stores write row by row."""

_MOST_IN_ADDITION = 0.8
"""The most time that a large call gets in addition, as a part of the limit of others."""

_FORGIVEN = 1
"""How many calls may take too long before the limit stays short: each costs the whole limit."""


class Kind(StrEnum):
    """The kind of a call into a connector's code."""

    CALL = "call"
    """An RPC with one answer: its time is limited."""
    STREAM = "stream"
    """Waiting for a message of a stream, which may legally take for ever."""
    STEP = "step"
    """Anything else: the connector is loaded, created or torn down, or its backend is started."""


Watch = Callable[[str, Kind], AbstractContextManager[object]]
"""Returns a context that is open while the named call runs."""


def unwatched(_name: str, _kind: Kind) -> AbstractContextManager[object]:
    """A watch that ignores everything."""
    return nullcontext()


class TooLong(Exception):
    """A call did not return within its limit, which was so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it took longer than {seconds:g} seconds")
        self.seconds = seconds


class Patience:
    """The time limit for each call of a connector: `seconds`, or None for no limit.

    After a call has taken longer, `lose` shortens the limit to a few seconds, so as not to wait for a hanging connector
    again and again. A slow connector still gets twice the time of its slowest answer. After the first such call, the
    limit is only short until another call is answered: a correct connector may stand still for once.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._whole = seconds
        self._slowest = 0.0
        self._lost = 0

    def answered(self, seconds: float) -> None:
        """Note that a call was answered after so many seconds."""
        self._slowest = max(self._slowest, seconds)
        if self._lost <= _FORGIVEN:
            self.seconds = self._whole

    def limit(self, items: int) -> float | None:
        """Seconds for a call with so many documents or updates: a large one gets more time; None for no limit."""
        if self.seconds is None:
            return None
        return self.seconds + min(items * _ITEM_SECONDS, self.seconds * _MOST_IN_ADDITION)

    def lose(self) -> None:
        """Shorten the limit."""
        haste = max(_HASTE_SECONDS, 2 * self._slowest)
        self._lost += self.seconds == self._whole
        self.seconds = min(self.seconds or haste, haste)

    def call(self, function: Callable[[], T], items: int = 0) -> T:
        """Call the function with so many documents or updates; returns or raises what it does.

        If it takes longer than the limit, abandons it and raises TooLong.
        """
        limit = self.limit(items)
        if limit is None:
            return function()
        attempt, began = Attempt(function), time.monotonic()
        if not attempt.ends(limit):
            raise TooLong(limit)
        self.answered(time.monotonic() - began)
        return attempt.answer()


class Attempt(Generic[T]):
    """A call in a thread, so that the caller can stop waiting for it.

    `raised` is the exception of an ended call; None if it returned.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._returned: list[T] = []
        self.raised: BaseException | None = None
        self._ended = threading.Lock()
        self._ended.acquire()
        self._over = False
        try:
            thread = _idle.pop()
        except IndexError:  # all are busy, or stuck
            thread = CallThread()
        thread.attempts.put(self)

    def ends(self, seconds: float) -> bool:
        """Wait for the call's end for so many seconds; returns whether it has ended. If not, abandons it."""
        self._over = self._over or self._ended.acquire(timeout=seconds)
        return self._over

    def answer(self) -> T:
        """Return or raise what the ended call did. Call it only once."""
        if self.raised is not None:
            try:
                raise self.raised
            finally:
                self.raised = None  # its traceback refers to this object
        return self._returned.pop()

    def run(self) -> None:
        """Make the call, in the thread."""
        try:
            self._returned.append(self._function())
        except BaseException as error:
            self.raised = error

    def end(self) -> None:
        """Mark the call as ended, in the thread."""
        self._ended.release()


class CallThread(threading.Thread):
    """A reusable thread for calls: starting a new one for each would take longer than many calls."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="call")
        self.attempts: SimpleQueue[Attempt[Any]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Make the given calls one after another."""
        while True:
            attempt = self.attempts.get()
            attempt.run()
            _idle.append(self)
            attempt.end()
            del attempt  # and with it the call's return value


_idle: list[CallThread] = []
"""The idle threads of this process."""
