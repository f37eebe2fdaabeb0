"""Signals that arrive whatever the threads of a process do."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["watch_signals"]

_ENDING = (signal.SIGINT, signal.SIGTERM)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler must be in place, or the system ends the process."""


def watch_signals(
    call: Callable[[], object], *, handler: Callable[[int, FrameType | None], None] = _nothing
) -> Callable[[], None]:
    """Call `call` in a thread for each SIGINT and SIGTERM; the function that comes back puts an end to it.

    `handler` is Python's own, in the main thread when that next runs. It may never do so: where the signal comes just
    before the main thread begins to wait, or the system hands it to another thread, nothing wakes it. The operating
    system's handler writes to a pipe at once. To be called in the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outer = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, handler) for number in _ENDING}

    def read() -> None:
        while came := os.read(reading, 1):
            if came[0] in _ENDING:
                call()
        os.close(reading)

    threading.Thread(target=read, name="signals", daemon=True).start()

    def leave() -> None:
        for number, old in before.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(outer)
        os.close(writing)

    return leave
