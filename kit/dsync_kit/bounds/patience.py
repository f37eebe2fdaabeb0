"""Calls into a connector's own code: how long they may take, and who may see which of them are under way."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

__all__ = ["CALL_SECONDS", "Attempt", "CallThread", "Kind", "Patience", "TooLong", "Watch", "unwatched"]

T = TypeVar("T")

CALL_SECONDS = 30.0
"""How long a call may take; dsync waits for ever, a verification must end."""

_HASTE_SECONDS = 3.0


class Kind(StrEnum):
    """What is under way in a connector's code."""

    CALL = "call"
    """An RPC that answers once: its time is limited."""
    STREAM = "stream"
    """A message of a stream is waited for, which may rightly take for ever."""
    STEP = "step"
    """Anything else: the connector is loaded, made or torn down, or its backend is started."""


Watch = Callable[[str, Kind], AbstractContextManager[object]]
"""Gives a context that is open for as long as what is named is under way."""


def unwatched(_name: str, _kind: Kind) -> AbstractContextManager[object]:
    """A watch that sees nothing."""
    return nullcontext()


class TooLong(Exception):
    """What was called did not return in time."""


class Patience:
    """How long one connector's calls may take: `seconds` for each, None without a limit.

    Once a call has taken longer, `lose` leaves no call more than a few seconds: a connector that hangs is not waited
    for again and again.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def lose(self) -> float:
        """The limit that was exceeded, in seconds; from now on it is shorter."""
        limit, self.seconds = self.seconds or 0.0, min(self.seconds or _HASTE_SECONDS, _HASTE_SECONDS)
        return limit

    def call(self, function: Callable[[], T]) -> T:
        """What the function returns or raises. Raises TooLong where it takes longer; it is left to its thread."""
        if self.seconds is None:
            return function()
        attempt = Attempt(function)
        if not attempt.ends(self.seconds):
            raise TooLong(f"it took longer than {self.seconds:g} seconds")
        return attempt.answer()


class Attempt(Generic[T]):
    """A call that is made in a thread, so that waiting for its answer can end.

    `raised` is what a call that has ended raised, None where it returned.
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
        """Whether the call ends within so many seconds from now; if not, it is left to its thread."""
        self._over = self._over or self._ended.acquire(timeout=seconds)
        return self._over

    def answer(self) -> T:
        """What a call that has ended returned, or raised; once."""
        if self.raised is not None:
            try:
                raise self.raised
            finally:
                self.raised = None  # its traceback leads back to this object
        return self._returned.pop()

    def run(self) -> None:
        """Make the call, in the thread."""
        try:
            self._returned.append(self._function())
        except BaseException as error:
            self.raised = error

    def end(self) -> None:
        """Say that the call has ended, in the thread."""
        self._ended.release()


class CallThread(threading.Thread):
    """A thread in which calls are made, used again: a new one for each would take longer than many calls do."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="call")
        self.attempts: SimpleQueue[Attempt[Any]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Make the calls that are given to it, one after another."""
        while True:
            attempt = self.attempts.get()
            attempt.run()
            _idle.append(self)
            attempt.end()
            del attempt  # and with it what the call has returned


_idle: list[CallThread] = []
"""The threads of this process that have nothing to do."""
