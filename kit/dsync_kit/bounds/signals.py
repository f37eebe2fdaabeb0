"""Receives signals whatever the threads of the process are doing."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["ENDING", "watch_signals"]

ENDING = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask a process to end."""


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Does nothing. Without a handler, the system would end the process."""


def watch_signals(
    call: Callable[[], object], *, handler: Callable[[int, FrameType | None], None] = _nothing
) -> Callable[[], None]:
    """Call `call` in a thread for each SIGINT and SIGTERM; the returned function ends that. Call it in the main thread.

    Python runs `handler` in the main thread when that next runs. That may be never: if the signal comes just before the
    main thread begins to wait, or if the system delivers it to another thread, nothing wakes it. But the operating
    system's handler writes to a pipe at once, which a thread reads.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outer = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, handler) for number in ENDING}

    def read() -> None:
        while came := os.read(reading, 1):
            if came[0] in ENDING:
                call()
        os.close(reading)

    threading.Thread(target=read, name="signals", daemon=True).start()

    def leave() -> None:
        for number, old in before.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(outer)
        os.close(writing)

    return leave
