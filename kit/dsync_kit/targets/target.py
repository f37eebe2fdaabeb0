"""What a command points at: a folder, a registered URI or name, `grpc://HOST:PORT`, `exec:COMMAND`."""

import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Self

from grpc import StatusCode

from dsync_kit.client import ConnectorApi, GrpcClient, LocalClient
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError, UsageError
from dsync_kit.protocol import GetInfoRequest
from dsync_kit.registry import RegisteredConnector, connector_for, folder_at, load_folder, unknown_connector
from dsync_kit.settings import ConnectorSettings, redact_target, redact_uri
from dsync_kit.testing.harness import Harness, load_harness

__all__ = ["OpenTarget", "Process", "Target", "TargetError", "configure", "find_connector", "resolve", "torn_down"]

CALL_SECONDS = 30.0
"""How long a call may take; dsync waits for ever, a verification must end."""

logger = logging.getLogger(__name__)

_REACH_SECONDS = 5.0
_START_SECONDS = 30.0


class TargetError(Exception):
    """The target cannot be reached or started: nothing can be said about it."""


@dataclass(frozen=True)
class OpenTarget:
    """A connector that answers.

    `connector` is the object itself where it lives in this process, `create` makes another one; `second` opens another
    instance on the same data; `process` makes a process of its own that serves the same data, to be killed and started
    again. `folder` is the connector's own, where one was named. `connect` opens another connection to the instance,
    which ends with the target. `elsewhere` opens a connector on a scratch area of its own, with other data.
    """

    title: str
    api: ConnectorApi
    connector: Connector | None = None
    harness: Harness | None = None
    settings: ConnectorSettings | None = None
    create: Callable[[], Connector] | None = None
    second: Callable[[], AbstractContextManager[ConnectorApi]] | None = None
    process: "Callable[[], Process] | None" = None
    folder: Path | None = None
    connect: Callable[[], ConnectorApi] | None = None
    elsewhere: Callable[[], AbstractContextManager[ConnectorApi]] | None = None


@dataclass(frozen=True)
class Target:
    """What the user named: `open` makes it answer, and ends what it started. `redact` takes the secrets that were
    typed out of a text."""

    title: str
    open: Callable[[], AbstractContextManager[OpenTarget]] = field(repr=False)
    folder: Path | None = None
    redact: Callable[[str], str] = field(default=str, repr=False)


def resolve(
    word: str,
    options: Sequence[str] = (),
    *,
    insecure: bool = False,
    gzip: bool = False,
    timeout: float | None = CALL_SECONDS,
) -> Target:
    """The target that `word` and the connector's `options` name.

    `insecure`, `gzip` and `timeout` (seconds for each unary call; None is without limit, as dsync calls) are for what
    answers over gRPC. Raises UsageError where nothing matches, or an option does not fit.
    """
    if word.lower().startswith("grpc://"):
        _no_options(word, options)
        return _grpc_target(word, insecure=insecure, gzip=gzip, timeout=timeout)
    if word.startswith("exec:"):
        _no_options(word, options)
        return _exec_target(word.removeprefix("exec:"), timeout)
    connector, folder = find_connector(word)
    if folder is not None:
        if options and not options[0].startswith("-"):
            return _configured_target(connector, options, folder=folder)
        return _harness_target(connector, load_harness(folder), folder, options)
    return _configured_target(connector, [word, *options])


def find_connector(word: str) -> tuple[RegisteredConnector, Path | None]:
    """The registered connector that `word` names; with its folder, if it is one."""
    if (folder := folder_at(word)) is not None:
        return load_folder(folder), folder
    connector = connector_for(word)
    if connector is None:
        raise unknown_connector(word)
    return connector, None


def configure(connector: RegisteredConnector, words: Sequence[str]) -> tuple[ConnectorSettings, list[str]]:
    """The settings that `URI [options]` at the front of `words` say, and the words that are left."""
    return connector.settings.parse(words, os.environ)


def create(connector: RegisteredConnector, settings: ConnectorSettings) -> Connector:
    """The connector with these settings. Raises TargetError, which tells no secrets, where it cannot be made."""
    try:
        return connector.create(settings)
    except UsageError as error:
        raise UsageError(settings.redact(str(error))) from None
    except ConnectorError as error:
        raise TargetError(f"{redact_uri(settings.uri)}: {settings.redact(error.message)}") from None
    except Exception as error:
        # A traceback would quote secrets; the last place in the author's own code is what he needs of it.
        places = traceback.extract_tb(error.__traceback__)
        place = next((at for at in reversed(places) if "site-packages" not in at.filename), places[-1])
        reason = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        raise TargetError(f"{redact_uri(settings.uri)}: it cannot be made: {settings.redact(reason)}") from None


@contextmanager
def torn_down(connector: Connector) -> Iterator[Connector]:
    """The connector, torn down at the end. A teardown that fails is logged: it is a rule's business."""
    try:
        yield connector
    finally:
        try:
            connector.teardown()
        except Exception:  # what shows it takes the secrets out
            logger.exception("the teardown of %s failed", type(connector).__name__)


def _no_options(word: str, options: Sequence[str]) -> None:
    if options:
        flags = [option.partition("=")[0] for option in options if option.startswith("-")]
        raise UsageError(
            f"{word.partition(':')[0]}: takes no connector options, but {', '.join(flags or ['some'])} given"
        )


def _configured_target(
    connector: RegisteredConnector, words: Sequence[str], *, folder: Path | None = None, harness: Harness | None = None
) -> Target:
    settings, rest = configure(connector, words)
    if rest:
        raise UsageError(f"{redact_uri(words[0])}: {rest[0]!r} is no option of it")
    served = [str(folder) if folder else "", *words]

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        @contextmanager
        def second() -> Iterator[ConnectorApi]:
            with torn_down(create(connector, settings)) as other:
                yield LocalClient(other)

        def process() -> Process:
            # -P: the working folder may hold a connector that is called like the library that it imports.
            command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "serve", *filter(None, served)]
            return Process([*command, "--address", "{address}"], connector.name, redact=settings.redact)

        with torn_down(create(connector, settings)) as first:
            yield OpenTarget(
                title=redact_uri(settings.uri),
                api=LocalClient(first),
                connector=first,
                harness=harness,
                settings=settings,
                create=lambda: create(connector, settings),
                second=second,
                process=process,
                folder=folder,
            )

    return Target(redact_uri(settings.uri), open_target, folder, settings.redact)


def _harness_target(
    connector: RegisteredConnector, harness_type: type[Harness], folder: Path, options: Sequence[str]
) -> Target:
    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        harness = harness_type()
        with ExitStack() as stack:
            try:
                words = stack.enter_context(harness.running())
            except (UsageError, TargetError):
                raise
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
                raise TargetError(f"{folder}: the backend of its conformance.py does not start: {message}") from error
            target = _configured_target(connector, [*words, *options], folder=folder, harness=harness)
            yield replace(stack.enter_context(target.open()), elsewhere=elsewhere)

    @contextmanager
    def elsewhere() -> Iterator[ConnectorApi]:
        with open_target() as other:
            yield other.api

    return Target(str(folder), open_target, folder)


def _grpc_target(word: str, *, insecure: bool, gzip: bool, timeout: float | None) -> Target:
    address = word[len("grpc://") :].rstrip("/")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "@" in host:
        raise UsageError(f"{redact_uri(word)!r} is no address: expected grpc://HOST:PORT, and no more")

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as stack:

            def connect() -> GrpcClient:
                return stack.enter_context(GrpcClient(address, insecure=insecure, gzip=gzip, timeout=timeout))

            client = connect()
            if not client.wait_until_ready(_REACH_SECONDS):
                advice = "" if insecure else " (it is tried with TLS: for clear text add --insecure)"
                raise TargetError(f"nothing answers at {word}: is the connector running there?{advice}")
            yield OpenTarget(title=word, api=client, connect=connect)

    return Target(word, open_target)


def _exec_target(command: str, timeout: float | None) -> Target:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"exec: the command cannot be read as a shell reads it: {error}") from None
    if not words:
        raise UsageError("exec: needs a command, for example 'exec:./connector --listen {address}'")
    title = redact_target(f"exec:{command}")
    if not any("{address}" in word or "{port}" in word for word in words):
        raise UsageError(f"{title} has neither {{address}} nor {{port}}: where is it told to listen?")

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        @contextmanager
        def second() -> Iterator[ConnectorApi]:
            with Process(words, words[0], timeout=timeout) as other:
                yield other.api

        with Process(words, words[0], timeout=timeout) as first:
            yield OpenTarget(title=title, api=first.api, second=second, process=lambda: Process(words, words[0]))

    return Target(title, open_target)


class Process:
    """A connector as a process of its own. `{address}` and `{port}` in the command are replaced; ready when GetInfo
    answers. Entering starts it, leaving ends it. `timeout` is in seconds, for each unary call."""

    def __init__(
        self,
        command: Sequence[str],
        name: str,
        *,
        redact: Callable[[str], str] = lambda text: text,
        timeout: float | None = CALL_SECONDS,
    ) -> None:
        self._command = command
        self._timeout = timeout
        self._name = name
        self._redact = redact
        self._process: subprocess.Popen[bytes] | None = None
        self._client: GrpcClient | None = None
        self._log: IO[bytes] | None = None

    @property
    def api(self) -> ConnectorApi:
        """The client of the process that runs now."""
        if self._client is None:
            raise TargetError(f"{self._name} is not running")
        return self._client

    def start(self) -> None:
        """Start it, on a free port. Raises TargetError with the end of its output where it does not answer."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        address = f"127.0.0.1:{port}"
        words = [word.replace("{address}", address).replace("{port}", str(port)) for word in self._command]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in kill()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True
            )
        except OSError as error:
            self.kill()
            raise TargetError(f"{words[0]} cannot be started: {error.strerror}") from error
        self._client = GrpcClient(address, insecure=True, timeout=self._timeout)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None:
                self._fail(f"ended with status {self._process.returncode} before it answered at {address}")
            if time.monotonic() > deadline:
                self._fail(f"does not answer at {address} after {_START_SECONDS:.0f} seconds")

    def kill(self) -> None:
        """SIGKILL it, with what it started; nothing it has not made durable survives."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):  # then kill() ends it the hard way
                self._process.wait(timeout=5)
        self.kill()

    def _answers(self) -> bool:
        if self._client is None or not self._client.wait_until_ready(0.2):
            return False
        try:
            self._client.get_info(GetInfoRequest())
        except ConnectorError as error:
            return error.code is not StatusCode.UNAVAILABLE  # an error is an answer, too
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return  # it has ended already

    def _fail(self, problem: str) -> None:
        output = ""
        if self._log is not None:
            self._log.seek(0)
            output = self._log.read()[-2000:].decode("utf-8", "replace").strip()
        self.kill()
        raise TargetError(
            self._redact(f"{self._name} {problem}" + (f"; its output ends with:\n{output}" if output else ""))
        )
