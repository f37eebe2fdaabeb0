"""A connector in its own process, which a verification starts, kills and restarts."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Self

from grpc import StatusCode

from dsync_kit.bounds.guarded import GuardedProcess
from dsync_kit.bounds.interruption import heed
from dsync_kit.bounds.patience import CALL_SECONDS, Watch, unwatched
from dsync_kit.client import ConnectorApi, GrpcClient
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import GetInfoRequest
from dsync_kit.usage import TargetError

__all__ = ["Process"]

_START_SECONDS = 30.0
_END_SECONDS = 5.0
_POLL_SECONDS = 0.02


class Process:
    """A connector in its own process; a context manager. It is ready when GetInfo answers.

    `{address}` and `{port}` in the command are replaced. The process ends with the context, and with this process,
    however that ends. `timeout` limits each unary call, in seconds; `watch` sees each call; `folder` is the folder in
    which it runs, by default the current one. With the words `sharing` after the command, a successor can start at the
    same address; it must then print the address when it listens.
    """

    def __init__(
        self,
        command: Sequence[str],
        name: str,
        *,
        redact: Callable[[str], str] = lambda text: text,
        timeout: float | None = CALL_SECONDS,
        watch: Watch = unwatched,
        folder: Path | None = None,
        sharing: Sequence[str] = (),
    ) -> None:
        self._command = command
        self._sharing = sharing
        self._timeout = timeout
        self._watch = watch
        self._name = name
        self._redact = redact
        self._folder = folder
        self._spawned: _Spawned | None = None
        self._client: GrpcClient | None = None
        self._address = ""
        self._pinned = False

    @property
    def address(self) -> str:
        """Where it listens, or last listened, as HOST:PORT; empty before the first start."""
        return self._address

    @property
    def replaceable(self) -> bool:
        """Whether `replace` works."""
        return bool(self._sharing) and self._pinned

    def pin(self) -> None:
        """Keep the address of the next start from then on, so that callers find it there again after a restart."""
        self._pinned = True

    @property
    def api(self) -> ConnectorApi:
        """The client of the current process."""
        if self._client is None:
            raise TargetError(f"{self._name} is not running")
        return self._client

    def start(self) -> None:
        """Start it on a free port. Raises TargetError, with the end of its output, if it does not answer."""
        try:
            self._start()
        except BaseException:  # even an interrupt leaves nothing behind
            self.kill()
            raise

    def restart(self) -> ConnectorApi:
        """Stop it as its user would, start it again, and return its new client. Raises TargetError as `start` does."""
        self.__exit__()
        self.start()
        return self.api

    def stop(self) -> None:
        """Stop it as its user would. `start` starts it again."""
        self.__exit__()

    def replace(self) -> None:
        """Start a successor at the same address, then stop the predecessor as its user would. It must be `replaceable`.

        Raises TargetError if the successor does not start; the predecessor then goes on.
        """
        successor = self._spawn()
        try:
            self._await(successor, lambda: self._address in successor.output())
        except BaseException:
            successor.end(0.0)
            raise
        predecessor, self._spawned = self._spawned, successor
        if predecessor is not None:
            predecessor.end(_END_SECONDS)

    def kill(self) -> None:
        """SIGKILL it and all processes that it started: only durable data survives."""
        self._end(0.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end(_END_SECONDS)
        finally:
            self.kill()

    def _start(self) -> None:
        if not (self._pinned and self._address):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._address = f"127.0.0.1:{free.getsockname()[1]}"
        self._spawned = self._spawn()
        self._client = GrpcClient(self._address, insecure=True, timeout=self._timeout, watch=self._watch)
        self._await(self._spawned, self._answers)

    def _spawn(self) -> "_Spawned":
        address, port = self._address, self._address.rpartition(":")[2]
        words = [word.replace("{address}", address).replace("{port}", port) for word in self._command]
        log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _Spawned.end
        try:
            process = GuardedProcess(
                [*words, *(self._sharing if self._pinned else ())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        except OSError as error:
            log.close()
            raise TargetError(f"{words[0]} cannot be started: {error.strerror}") from error
        return _Spawned(process, log)

    def _await(self, spawned: "_Spawned", ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            heed()  # gRPC drops what a signal raises in its callbacks
            if not spawned.process.running:
                status = spawned.process.status
                raise self._failed(spawned, f"ended with status {status} before it answered at {self._address}")
            if time.monotonic() > deadline:
                raise self._failed(spawned, f"does not answer at {self._address} after {_START_SECONDS:.0f} seconds")
            time.sleep(_POLL_SECONDS)

    def _end(self, grace: float) -> None:
        if self._client is not None and not grace:
            self._client.close()
            self._client = None
        if self._spawned is not None:
            self._spawned.end(grace)
            self._spawned = None

    def _answers(self) -> bool:
        if self._client is None or not self._client.wait_until_ready(0.2):
            return False
        try:
            self._client.get_info(GetInfoRequest())
        except ConnectorError as error:
            return error.code is not StatusCode.UNAVAILABLE  # an error is also an answer
        return True

    def _failed(self, spawned: "_Spawned", problem: str) -> TargetError:
        output = spawned.output()[-2000:].strip()
        return TargetError(
            self._redact(f"{self._name} {problem}" + (f"; its output ends with:\n{output}" if output else ""))
        )


class _Spawned(NamedTuple):
    """One process, and the file with its output."""

    process: GuardedProcess
    log: IO[bytes]

    def output(self) -> str:
        """What it has printed."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode("utf-8", "replace")

    def end(self, grace: float) -> None:
        """End it, with SIGTERM first if there is a `grace` in seconds."""
        self.process.end(grace=grace)
        self.log.close()
