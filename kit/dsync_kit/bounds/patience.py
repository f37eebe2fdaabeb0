"""Calls into a connector's own code: how long they may take, and who may see which of them are under way."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

__all__ = ["CALL_SECONDS", "CallThread", "Kind", "Patience", "TooLong", "Watch", "unwatched"]

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
        task: _Task[T] = _Task(function)
        try:
            thread = _idle.pop()
        except IndexError:  # all are busy, or stuck
            thread = CallThread()
        thread.tasks.put(task)
        return task.wait(self.seconds)


class _Task(Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._returned: list[T] = []
        self._raised: BaseException | None = None
        self._ended = threading.Lock()
        self._ended.acquire()

    def run(self) -> None:
        try:
            self._returned.append(self._function())
        except BaseException as error:
            self._raised = error

    def end(self) -> None:
        self._ended.release()

    def wait(self, seconds: float) -> T:
        if not self._ended.acquire(timeout=seconds):
            raise TooLong(f"it took longer than {seconds:g} seconds")
        if self._raised is not None:
            try:
                raise self._raised
            finally:
                self._raised = None  # its traceback leads back to this object
        return self._returned.pop()


class CallThread(threading.Thread):
    """A thread in which calls are made, used again: a new one for each would take longer than many calls do."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="call")
        self.tasks: SimpleQueue[_Task[Any]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Make the calls that are given to it, one after another."""
        while True:
            task = self.tasks.get()
            task.run()
            _idle.append(self)
            task.end()
            del task  # and with it what the call has returned


_idle: list[CallThread] = []
"""The threads of this process that have nothing to do."""
