"""A child process that ends with this one, however and whenever this one ends."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

__all__ = ["GuardedProcess", "signals_held"]

# `read` returns when this process's end of the pipe closes, and that happens however it dies.
_GUARD = """
read _
n=$2
[ "$n" = 0 ] || kill -s TERM "$1"
while [ "$n" -gt 0 ]; do kill -0 -- "-$1" || exit; sleep 1; n=$((n - 1)); done
kill -s KILL -- "-$1"
"""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GuardedProcess:
    """A process in its own session and process group.

    If this process dies, even of SIGKILL, the group is killed; with a `grace` in seconds, it gets SIGTERM first.
    `options` are those of `subprocess.Popen`. Raises OSError if it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, grace: int = 0, **options: Any) -> None:
        self._left: int | None = None
        # An interrupt right after the start must not leave behind a process that nobody knows of.
        with signals_held():
            self._process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603 - the caller's
            try:
                self._guard = subprocess.Popen(  # noqa: S603
                    ["/bin/sh", "-c", _GUARD, "guard", str(self.pid), str(grace)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C interrupts only its owner
                )
            except BaseException:
                self.signal(signal.SIGKILL)
                self._process.wait()
                raise

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status as in `subprocess`: negative for a signal, None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end for so many seconds; returns whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return not self.running

    def interrupt(self) -> None:
        """Send SIGTERM to the process alone, so that it can shut down its children."""
        if self.running:
            self._process.terminate()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its group."""
        with suppress(ProcessLookupError):  # it has already ended
            os.killpg(self.pid, number)

    def end(self, *, grace: float = 0.0) -> None:
        """End its group: with SIGTERM if there is a `grace` (in seconds), then with SIGKILL. Again does no harm."""
        if self._left is not None:
            return
        # First the guard: the id of an ended process may be used again.
        self._guard.kill()
        self._guard.communicate()
        if grace and self.running:
            self.signal(signal.SIGTERM)
            self.wait(grace)
        self.signal(signal.SIGKILL)  # also kills what it has left behind
        self._left = self._process.wait()


@contextmanager
def signals_held() -> Iterator[None]:
    """Delay the signals that interrupt a command until the context is left.

    They interrupt only the main thread; in other threads this does nothing.
    """
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
