"""What a command points at: a folder, a registered URI or name, `grpc://HOST:PORT`, `exec:COMMAND`."""

import logging
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dsync_kit.bounds.patience import CALL_SECONDS, Kind, Patience, TooLong, Watch, unwatched
from dsync_kit.client import ConnectorApi, GrpcClient, LocalClient
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError, UsageError, is_interrupt
from dsync_kit.output.redaction import redact_target, redact_uri
from dsync_kit.registry import RegisteredConnector, connector_for, folder_at, load_folder, unknown_connector
from dsync_kit.settings import ConnectorSettings
from dsync_kit.targets.process import Process
from dsync_kit.testing.harness import Harness, load_harness
from dsync_kit.usage import TargetError

__all__ = ["OpenTarget", "Process", "Target", "TargetError", "configure", "find_connector", "resolve", "torn_down"]

logger = logging.getLogger(__name__)

_REACH_SECONDS = 5.0


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


@dataclass(frozen=True, slots=True)
class _Calls:
    """How calls are made: the seconds that each may take, what sees them, and where processes run."""

    timeout: float | None
    watch: Watch
    # A connector in this process may change the working folder.
    folder: Path = field(default_factory=Path.cwd)


def resolve(
    word: str,
    options: Sequence[str] = (),
    *,
    insecure: bool = False,
    gzip: bool = False,
    timeout: float | None = CALL_SECONDS,
    watch: Watch = unwatched,
) -> Target:
    """The target that `word` and the connector's `options` name.

    `insecure` and `gzip` are for what answers over gRPC; `timeout` is in seconds, for each unary call (None is without
    limit, as dsync calls); `watch` sees the calls, and what else is done with the connector's code. Raises UsageError
    where nothing matches, or an option does not fit.
    """
    calls = _Calls(timeout, watch)
    if word.lower().startswith("grpc://"):
        _no_options(word, options)
        return _grpc_target(word, calls, insecure=insecure, gzip=gzip)
    if word.startswith("exec:"):
        _no_options(word, options)
        return _exec_target(word.removeprefix("exec:"), calls)
    with watch("loading the connector", Kind.STEP):
        connector, folder = find_connector(word)
        harness = None
        if folder is not None and not (options and not options[0].startswith("-")):
            harness = load_harness(folder)
    if folder is None:
        return _configured_target(connector, [word, *options], calls)
    if harness is None:
        return _configured_target(connector, options, calls, folder=folder)
    return _harness_target(connector, harness, folder, options, calls)


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


def create(
    connector: RegisteredConnector,
    settings: ConnectorSettings,
    *,
    timeout: float | None = None,
    watch: Watch = unwatched,
) -> Connector:
    """The connector with these settings; it may take `timeout` seconds to make.

    Raises TargetError, which tells no secrets, where it cannot be made.
    """
    uri = redact_uri(settings.uri)
    try:
        with watch(f"making the connector of {uri}", Kind.STEP):
            return Patience(timeout).call(lambda: connector.create(settings))
    except UsageError as error:
        raise UsageError(settings.redact(str(error))) from None
    except ConnectorError as error:
        raise TargetError(f"{uri}: {settings.redact(error.message)}") from None
    except TooLong as error:
        raise TargetError(f"{uri}: it cannot be made: {error}") from None
    except BaseException as error:
        if is_interrupt(error):
            raise
        # A traceback would quote secrets; the last place in the author's own code is what he needs of it.
        places = traceback.extract_tb(error.__traceback__)
        place = next((at for at in reversed(places) if "site-packages" not in at.filename), places[-1])
        reason = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        raise TargetError(f"{uri}: it cannot be made: {settings.redact(reason)}") from None


@contextmanager
def torn_down(connector: Connector, *, timeout: float | None = None, watch: Watch = unwatched) -> Iterator[Connector]:
    """The connector, torn down at the end, which may take `timeout` seconds.

    A teardown that fails is logged: it is a rule's business.
    """
    try:
        yield connector
    finally:
        try:
            with watch("the teardown of the connector", Kind.STEP):
                Patience(timeout).call(connector.teardown)
        except BaseException as error:  # what shows it takes the secrets out
            if is_interrupt(error):
                raise
            logger.exception("the teardown of %s failed", type(connector).__name__)


def _no_options(word: str, options: Sequence[str]) -> None:
    if options:
        flags = [option.partition("=")[0] for option in options if option.startswith("-")]
        raise UsageError(
            f"{word.partition(':')[0]}: takes no connector options, but {', '.join(flags or ['some'])} given"
        )


def _configured_target(
    connector: RegisteredConnector,
    words: Sequence[str],
    calls: _Calls,
    *,
    folder: Path | None = None,
    harness: Harness | None = None,
) -> Target:
    settings, rest = configure(connector, words)
    if rest:
        raise UsageError(f"{redact_uri(words[0])}: {rest[0]!r} is no option of it")
    served = [str(folder) if folder else "", *words]

    def make() -> Connector:
        return create(connector, settings, timeout=calls.timeout, watch=calls.watch)

    def opened() -> AbstractContextManager[Connector]:
        return torn_down(make(), timeout=calls.timeout, watch=calls.watch)

    def client(of: Connector) -> LocalClient:
        return LocalClient(of, timeout=calls.timeout, watch=calls.watch)

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        @contextmanager
        def second() -> Iterator[ConnectorApi]:
            with opened() as other:
                yield client(other)

        def process() -> Process:
            # -P: the working folder may hold a connector that is called like the library that it imports.
            command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "serve", *filter(None, served)]
            command += ["--address", "{address}"]
            return Process(command, connector.name, redact=settings.redact, watch=calls.watch, folder=calls.folder)

        with opened() as first:
            yield OpenTarget(
                title=redact_uri(settings.uri),
                api=client(first),
                connector=first,
                harness=harness,
                settings=settings,
                create=make,
                second=second,
                process=process,
                folder=folder,
            )

    return Target(redact_uri(settings.uri), open_target, folder, settings.redact)


def _harness_target(
    connector: RegisteredConnector,
    harness_type: type[Harness],
    folder: Path,
    options: Sequence[str],
    calls: _Calls,
) -> Target:
    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as stack:
            words = stack.enter_context(_backend(harness := harness_type(), folder, calls.watch))
            target = _configured_target(connector, [*words, *options], calls, folder=folder, harness=harness)
            yield replace(stack.enter_context(target.open()), elsewhere=elsewhere)

    @contextmanager
    def elsewhere() -> Iterator[ConnectorApi]:
        with open_target() as other:
            yield other.api

    return Target(str(folder), open_target, folder)


@contextmanager
def _backend(harness: Harness, folder: Path, watch: Watch) -> Iterator[list[str]]:
    """What the harness runs the connector on, from start to stop. Raises TargetError where it does not start."""
    try:
        running = harness.running()
        with watch("start() of conformance.py", Kind.STEP):
            words = running.__enter__()
    except (UsageError, TargetError):
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        message = f"{type(error).__name__}: {error}"
        raise TargetError(f"{folder}: the backend of its conformance.py does not start: {message}") from error
    try:
        yield words
    finally:
        with watch("stop() of conformance.py", Kind.STEP):
            running.__exit__(None, None, None)


def _grpc_target(word: str, calls: _Calls, *, insecure: bool, gzip: bool) -> Target:
    address = word[len("grpc://") :].rstrip("/")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "@" in host:
        raise UsageError(f"{redact_uri(word)!r} is no address: expected grpc://HOST:PORT, and no more")

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as stack:

            def connect() -> GrpcClient:
                client = GrpcClient(address, insecure=insecure, gzip=gzip, timeout=calls.timeout, watch=calls.watch)
                return stack.enter_context(client)

            client = connect()
            if not client.wait_until_ready(_REACH_SECONDS):
                advice = "" if insecure else " (it is tried with TLS: for clear text add --insecure)"
                raise TargetError(f"nothing answers at {word}: is the connector running there?{advice}")
            yield OpenTarget(title=word, api=client, connect=connect)

    return Target(word, open_target)


def _exec_target(command: str, calls: _Calls) -> Target:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"exec: the command cannot be read as a shell reads it: {error}") from None
    if not words:
        raise UsageError("exec: needs a command, for example 'exec:./connector --listen {address}'")
    title = redact_target(f"exec:{command}")
    if not any("{address}" in word or "{port}" in word for word in words):
        raise UsageError(f"{title} has neither {{address}} nor {{port}}: where is it told to listen?")

    def process() -> Process:
        return Process(words, words[0], timeout=calls.timeout, watch=calls.watch, folder=calls.folder)

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        @contextmanager
        def second() -> Iterator[ConnectorApi]:
            with process() as other:
                yield other.api

        with process() as first:
            yield OpenTarget(title=title, api=first.api, second=second, process=process)

    return Target(title, open_target)
