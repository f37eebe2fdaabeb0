"""What the servers for tests have in common: they start on free ports, can be interrupted, and leave nothing behind."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, Self

from dsync_kit.bounds.scratch import ScratchFolder
from dsync_kit.errors import UsageError
from dsync_kit.testing.process import OwnedProcess

__all__ = ["HOST", "LocalServer"]

HOST = "127.0.0.1"

_ATTEMPTS = 3
_PAUSE = 0.05
"""Seconds between two checks whether the server is ready."""


class LocalServer(ABC):
    """One server on loopback, with its data in a temporary folder; a context manager, or `start` and `stop`.

    `start_timeout` is in seconds. A subclass sets `name`, which errors show, and defines how the server is run; with
    `in_memory`, its data is in memory if there is room.
    """

    name: ClassVar[str]
    in_memory: ClassVar[bool] = False

    def __init__(self, *, start_timeout: float = 60.0) -> None:
        self._start_timeout = start_timeout
        self._scratch = ExitStack()
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None

    @abstractmethod
    def _choose_ports(self) -> None:
        """Choose free ports, for one attempt to start."""

    @abstractmethod
    def _command(self, folder: Path) -> Sequence[str]:
        """The program and its arguments, with the data in the folder. Raises UsageError if it is not installed."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server is ready."""

    def _environ(self) -> Mapping[str, str]:
        """The environment that the program gets."""
        return os.environ

    def _user(self) -> str | None:
        """The user that the program runs as; None for this process's user."""
        return None

    def _end(self) -> None:
        """End the process, and keep the data."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    @property
    def pid(self) -> int:
        """The id of the server's process. Raises UsageError if none runs."""
        if self._process is None:
            raise UsageError(f"{self.name} has not been started")
        return self._process.pid

    def start(self) -> Self:
        """Start the server; returns when it is ready.

        Raises UsageError if its program is not installed, ends, or is not ready within `start_timeout`.
        """
        self._folder = self._scratch.enter_context(ScratchFolder(in_memory=self.in_memory)).path
        try:
            self._come_up(self._folder)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server, remove its data. Calling it again does nothing."""
        self._end()
        self._folder = None
        self._scratch.close()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Nothing answers at the address while the context is open; then the server is back there, with its data.

        Raises UsageError if the server has not been started, or does not come back.
        """
        if self._folder is None:
            raise UsageError(f"{self.name} has not been started")
        self._end()
        try:
            yield
        finally:
            self._run(self._folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _come_up(self, folder: Path) -> None:
        for _ in range(_ATTEMPTS - 1):
            self._choose_ports()
            try:
                return self._run(folder)
            except _EndedError:
                pass  # another process may have taken a port first
        self._choose_ports()
        return self._run(folder)

    def _run(self, folder: Path) -> None:
        """Run the program until it is ready. Raises UsageError if it ends before, or takes too long."""
        self._process = OwnedProcess(
            self._command(folder), log=folder / "log", environ=self._environ(), cwd=folder, user=self._user()
        )
        self._await(self._process, self._answers)

    def _await(self, process: OwnedProcess, ready: Callable[[], bool]) -> None:
        """Return when a process is ready. Raises UsageError if it ends before, or takes too long."""
        deadline = time.monotonic() + self._start_timeout
        while process.running:
            if ready():
                return
            if time.monotonic() > deadline:
                raise UsageError(
                    f"{self.name} was not ready within {self._start_timeout:g} seconds: {process.last_words()}"
                )
            time.sleep(_PAUSE)
        self._end()
        raise _EndedError(f"{self.name} ended while it started: {process.last_words()}")


class _EndedError(UsageError):
    """The program ended before it was ready."""
