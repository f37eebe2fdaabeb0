"""A connector in its own process, which a verification starts, kills and restarts."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Self

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


class Process:
    """A connector in its own process; a context manager. It is ready when GetInfo answers.

    `{address}` and `{port}` in the command are replaced. The process ends with the context, and with this process,
    however that ends. `timeout` limits each unary call, in seconds; `watch` sees each call; `folder` is the folder in
    which it runs, by default the current one.
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
    ) -> None:
        self._command = command
        self._timeout = timeout
        self._watch = watch
        self._name = name
        self._redact = redact
        self._folder = folder
        self._process: GuardedProcess | None = None
        self._client: GrpcClient | None = None
        self._log: IO[bytes] | None = None
        self._address = ""
        self._pinned = False

    @property
    def address(self) -> str:
        """Where it listens, or last listened, as HOST:PORT; empty before the first start."""
        return self._address

    def pin(self) -> None:
        """Start it at the address that it has from now on, so that callers find it there again after a restart."""
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
        if not self._pinned:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._address = f"127.0.0.1:{free.getsockname()[1]}"
        address, port = self._address, self._address.rpartition(":")[2]
        words = [word.replace("{address}", address).replace("{port}", port) for word in self._command]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in kill()
        try:
            self._process = GuardedProcess(
                words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=self._folder
            )
        except OSError as error:
            raise TargetError(f"{words[0]} cannot be started: {error.strerror}") from error
        self._client = GrpcClient(address, insecure=True, timeout=self._timeout, watch=self._watch)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            heed()  # gRPC drops what a signal raises in its callbacks
            if not self._process.running:
                raise self._failed(f"ended with status {self._process.status} before it answered at {address}")
            if time.monotonic() > deadline:
                raise self._failed(f"does not answer at {address} after {_START_SECONDS:.0f} seconds")

    def _end(self, grace: float) -> None:
        if self._client is not None and not grace:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._process.end(grace=grace)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _answers(self) -> bool:
        if self._client is None or not self._client.wait_until_ready(0.2):
            return False
        try:
            self._client.get_info(GetInfoRequest())
        except ConnectorError as error:
            return error.code is not StatusCode.UNAVAILABLE  # an error is also an answer
        return True

    def _failed(self, problem: str) -> TargetError:
        output = ""
        if self._log is not None:
            self._log.seek(0)
            output = self._log.read()[-2000:].decode("utf-8", "replace").strip()
        return TargetError(
            self._redact(f"{self._name} {problem}" + (f"; its output ends with:\n{output}" if output else ""))
        )
