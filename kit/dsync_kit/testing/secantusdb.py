"""A server that speaks MongoDB's protocol, on loopback: SecantusDB, from the PyPI package `secantusdb`.

It is a process of its own, and nothing of it is imported.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from dsync_kit.errors import UsageError
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.process import OwnedProcess, find_program

__all__ = ["SecantusDB"]

_HOST = "127.0.0.1"


class SecantusDB:
    """One server, a replica set of one member, with its data in a temporary folder; a context manager, or `start`,
    `stop`.

    What it has acknowledged survives SIGKILL, unless `durable` is False, which makes it faster. Raises UsageError where
    `secantusd-py` is not installed, or does not come up within `start_timeout` seconds.
    """

    def __init__(self, *, durable: bool = True, start_timeout: float = 60.0) -> None:
        self._durable = durable
        self._start_timeout = start_timeout
        self._port = 0
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None

    @property
    def uri(self) -> str:
        """The server's address, for example `mongodb://127.0.0.1:27017`."""
        return f"mongodb://{_HOST}:{self._port}"

    def start(self) -> Self:
        """Start the server; returns when it takes connections."""
        self._folder = Path(tempfile.mkdtemp(prefix="dsync-kit-secantusdb-"))
        try:
            # It ends at once where another process has taken the free port meanwhile.
            for attempt in range(3):
                (self._port,) = free_ports(1)
                if self._comes_up(self._folder, last=attempt == 2):
                    break
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server, remove its data. Calling it again does nothing."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The server is killed with SIGKILL; after the context it is back at its port, with its data."""
        if self._folder is None or self._process is None:
            raise UsageError("the server has not been started")
        self._process.kill()
        try:
            yield
        finally:
            self._comes_up(self._folder, last=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _comes_up(self, folder: Path, *, last: bool) -> bool:
        """Whether the server answers; where this is the `last` attempt, UsageError if it does not."""
        process = self._process = OwnedProcess(
            [
                find_program("secantusd-py", package="secantusdb"),
                *("--host", _HOST, "--port", str(self._port), "--storage-path", str(folder / "data")),
                *(("--sync-on-commit",) if self._durable else ()),
            ],
            log=folder / "log",
            environ=os.environ,
        )
        deadline = time.monotonic() + self._start_timeout
        while process.running and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.05)
        words = process.last_words()
        process.stop()
        if last:
            raise UsageError(f"SecantusDB did not come up: {words}")
        return False

    def _answers(self) -> bool:
        try:
            socket.create_connection((_HOST, self._port), timeout=1).close()
        except OSError:
            return False
        return True
