"""A connector in this process: a registered URI or name, or a folder and a URI."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from dsync_kit.bounds.patience import Kind, Patience, TooLong, Watch, unwatched
from dsync_kit.client import ConnectorApi, LocalClient
from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError, UsageError, is_interrupt
from dsync_kit.output.redaction import redact_uri
from dsync_kit.registry import RegisteredConnector
from dsync_kit.settings import ConnectorSettings
from dsync_kit.targets.process import Process
from dsync_kit.targets.target import Calls, OpenTarget, Target
from dsync_kit.testing.harness import Harness
from dsync_kit.usage import TargetError

__all__ = ["configure", "configured_target", "create", "torn_down"]

logger = logging.getLogger(__name__)


def configure(connector: RegisteredConnector, words: Sequence[str]) -> tuple[ConnectorSettings, list[str]]:
    """The settings given by `URI [options]` at the start of `words`, and the remaining words."""
    return connector.settings.parse(words, os.environ)


def create(
    connector: RegisteredConnector,
    settings: ConnectorSettings,
    *,
    timeout: float | None = None,
    watch: Watch = unwatched,
) -> Connector:
    """Create the connector with these settings, within `timeout` seconds.

    Raises TargetError, without secrets, if that fails.
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
        raise TargetError(f"{uri}: it cannot be created: {error}") from None
    except BaseException as error:
        if is_interrupt(error):
            raise
        # A traceback would quote secrets. Its author only needs the last line of their own code.
        places = traceback.extract_tb(error.__traceback__)
        place = next((at for at in reversed(places) if "site-packages" not in at.filename), places[-1])
        reason = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        raise TargetError(f"{uri}: it cannot be created: {settings.redact(reason)}") from None


@contextmanager
def torn_down(connector: Connector, *, timeout: float | None = None, watch: Watch = unwatched) -> Iterator[Connector]:
    """The connector, which is torn down at the end within `timeout` seconds.

    A failing teardown is only logged here: a rule checks it.
    """
    try:
        yield connector
    finally:
        try:
            with watch("the teardown of the connector", Kind.STEP):
                Patience(timeout).call(connector.teardown)
        except BaseException as error:  # secrets are removed where it is shown
            if is_interrupt(error):
                raise
            logger.exception("the teardown of %s failed", type(connector).__name__)


def configured_target(
    connector: RegisteredConnector,
    words: Sequence[str],
    calls: Calls,
    *,
    folder: Path | None = None,
    harness: Harness | None = None,
) -> Target:
    settings, rest = configure(connector, words)
    if rest:
        raise UsageError(f"{redact_uri(words[0])}: {rest[0]!r} is not one of its options")

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

        def process(of: Path | None = folder) -> Process:
            # -P: the working folder may contain a connector with the name of a library that it imports.
            command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "serve", *([str(of)] if of else []), *words]
            command += ["--address", "{address}"]
            return Process(
                command,
                connector.name,
                redact=settings.redact,
                timeout=calls.timeout,
                watch=calls.watch,
                folder=calls.folder,
                sharing=["--reuse-port"],
            )

        with ExitStack() as running:
            first = running.enter_context(opened())

            def start() -> ConnectorApi:
                return client(running.enter_context(opened()))

            yield OpenTarget(
                title=redact_uri(settings.uri),
                api=client(first),
                connector=first,
                harness=harness,
                settings=settings,
                create=make,
                second=second,
                process=process,
                earlier=partial(process, calls.earlier) if calls.earlier is not None else None,
                folder=folder,
                stop=running.close,
                start=start,
            )

    return Target(redact_uri(settings.uri), open_target, folder, settings.redact)
