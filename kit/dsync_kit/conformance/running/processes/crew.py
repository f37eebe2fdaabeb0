"""The processes that judge a connector, so that its code never runs in the process that reports.

This module imports nothing slow: first the processes start, then they and their owner import at the same time.
"""

import multiprocessing.connection
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from dsync_kit.bounds.guarded import GuardedProcess
from dsync_kit.bounds.interruption import interrupt_on
from dsync_kit.bounds.scratch import ScratchFolder

__all__ = ["ORDERLY_SECONDS", "Crew", "Member"]

ORDERLY_SECONDS = 10
"""Seconds that a process may take to stop its connector and its backend after its owner was killed."""

_SHOWN_OUTPUT = 2000


class Member:
    """One process. `channel` carries its messages; `board` is the file with what is under way in it."""

    def __init__(self, scratch: ScratchFolder, number: int) -> None:
        self.board = scratch.path / f"{number}.board"
        self._output = scratch.path / f"{number}.output"
        here, there = socket.socketpair()
        self.channel = multiprocessing.connection.Connection(here.detach())
        path = [folder or str(Path.cwd()) for folder in sys.path]
        # Nothing is garbage yet while modules are imported: the process collects from then on.
        code = (
            f"import gc, sys; gc.disable(); sys.path[:] = {path!r}; "
            f"from {__package__}.worker import main; main({there.fileno()}, {str(self.board)!r})"
        )
        with there, self._output.open("wb") as output:
            self._process = GuardedProcess(
                [sys.executable, "-P", "-c", code],
                grace=ORDERLY_SECONDS,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(there.fileno(), scratch.lock),
                env={**os.environ, "TMPDIR": str(scratch.path)},
            )

    @property
    def status(self) -> int | None:
        """Its exit status as in `subprocess`; None while it runs."""
        return self._process.status

    def interrupt(self) -> None:
        """Ask it to stop its connector and its backend, and to exit."""
        self._process.interrupt()

    def wait(self, seconds: float) -> bool:
        """Wait for its end for so many seconds; returns whether it has ended."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """Kill it now, with its whole process group."""
        self._process.end()
        self.channel.close()

    def output(self) -> str:
        """The end of its direct output: the last words of the interpreter or of a C library."""
        with self._output.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _SHOWN_OUTPUT))
            return file.read().decode("utf-8", "replace").strip()


class Crew:
    """A number of processes, which live while the context is open. Without a number, it is one, and more may be hired.

    Meanwhile, SIGTERM makes this process clean up as Ctrl-C does.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = jobs
        self._stack = ExitStack()
        self._scratch: ScratchFolder | None = None
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with ExitStack() as stack:
            self._scratch = stack.enter_context(ScratchFolder())
            self._stack = stack
            self._start(self._jobs or 1)
            self._stack = stack.pop_all()
        return self

    def hire(self, jobs: int) -> list[Member]:
        """Start further processes, up to `jobs`, unless a number was given; returns the new ones."""
        before = len(self.members)
        if self._jobs is None:
            self._start(jobs - before)
        return self.members[before:]

    def _start(self, count: int) -> None:
        if self._scratch is None:
            raise RuntimeError("the context is not open")
        for _ in range(count):
            member = Member(self._scratch, len(self.members) + 1)
            self._stack.callback(member.end)
            self.members.append(member)

    def __exit__(self, *_: object) -> None:
        self._stack.close()
