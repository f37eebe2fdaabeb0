"""Signals that ask a command to end, as a KeyboardInterrupt that is not lost."""

import os
import signal
import threading
from types import FrameType

__all__ = ["heed", "interrupt_on"]

# Python drops exceptions raised in these: Hypothesis's callback of the garbage collector, and finalizers.
_DEAF = frozenset({"gc_callback", "__del__"})
_AGAIN_SECONDS = 0.05
_asked = threading.Event()


def interrupt_on(*numbers: signal.Signals) -> None:
    """Raise KeyboardInterrupt in the main thread when one of these signals comes.

    SIGHUP stays ignored where it is: `nohup` asks for that.
    """
    _asked.clear()
    for number in numbers:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def heed() -> None:
    """Raise KeyboardInterrupt if a signal has come, but another library caught the exception that it raised."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.set()
    while frame is not None:
        if frame.f_code.co_name in _DEAF:
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
