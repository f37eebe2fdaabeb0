"""A child process that ends with this one, whatever ends this one, and however early."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

__all__ = ["GuardedProcess", "signals_held"]

# `read` returns when this process's end of the pipe closes, which no way of dying can prevent.
_GUARD = """
read _
n=$2
[ "$n" = 0 ] || kill -s TERM "$1"
while [ "$n" -gt 0 ]; do kill -0 -- "-$1" || exit; sleep 1; n=$((n - 1)); done
kill -s KILL -- "-$1"
"""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GuardedProcess:
    """A process in a session and a group of its own.

    Where this process dies, of SIGKILL for one, its group is killed, after SIGTERM and `grace` seconds if some are
    given. `options` are those of `subprocess.Popen`. Raises OSError where it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, grace: int = 0, **options: Any) -> None:
        self._left: int | None = None
        # An interrupt must not come between the start of a process and the moment that somebody knows of it.
        with signals_held():
            self._process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603 - the caller's
            try:
                self._guard = subprocess.Popen(  # noqa: S603
                    ["/bin/sh", "-c", _GUARD, "guard", str(self.pid), str(grace)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # not interrupted together with its owner
                )
            except BaseException:
                self.signal(signal.SIGKILL)
                self._process.wait()
                raise

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group, too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """What it has ended with, as `subprocess` says it: below zero for a signal; None while it lives."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return not self.running

    def interrupt(self) -> None:
        """Send SIGTERM to the process itself, which may end what it has started in order."""
        if self.running:
            self._process.terminate()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its group."""
        with suppress(ProcessLookupError):  # it has ended already
            os.killpg(self.pid, number)

    def end(self, *, grace: float = 0.0) -> None:
        """End its group: by SIGTERM if there is a `grace`, in seconds, then by SIGKILL. Twice is harmless."""
        if self._left is not None:
            return
        # First the guard: the number of a process that has ended may be given to another.
        self._guard.kill()
        self._guard.communicate()
        if grace and self.running:
            self.signal(signal.SIGTERM)
            self.wait(grace)
        self.signal(signal.SIGKILL)  # also what it has left behind
        self._left = self._process.wait()


@contextmanager
def signals_held() -> Iterator[None]:
    """Keep the signals that interrupt a command until the context is left; in other threads than the main one, which
    they do not interrupt, it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        came.append(number)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in _ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, signal.SIG_DFL, None):
                before[number] = signal.signal(number, hold)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        for held in came:
            signal.raise_signal(held)
