"""A connector in this process: a registered URI or name, or a folder and a URI."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
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
    """The target that `URI [options]` configures. `folder` is the connector's, if it was named.

    Raises UsageError for words that are no options of the connector.
    """
    settings, rest = configure(connector, words)
    if rest:
        raise UsageError(f"{redact_uri(words[0])}: {rest[0]!r} is not one of its options")
    local = _Local(connector, settings, words, calls, folder, harness)
    return Target(redact_uri(settings.uri), local.open, folder, settings.redact)


@dataclass(frozen=True, slots=True)
class _Local:
    """A configured connector: what it takes to open it here, or in another process."""

    connector: RegisteredConnector
    settings: ConnectorSettings
    words: Sequence[str]
    calls: Calls
    folder: Path | None
    harness: Harness | None

    @contextmanager
    def open(self) -> Iterator[OpenTarget]:
        """The open target. Its `stop` and `start` replace the instance that runs."""
        with ExitStack() as running:
            first = running.enter_context(self._opened())
            earlier = self.calls.earlier
            yield OpenTarget(
                title=redact_uri(self.settings.uri),
                api=self._client(first),
                connector=first,
                harness=self.harness,
                settings=self.settings,
                create=self._create,
                second=self._second,
                process=partial(self._process, self.folder),
                earlier=partial(self._process, earlier) if earlier is not None else None,
                folder=self.folder,
                stop=running.close,
                start=lambda: self._client(running.enter_context(self._opened())),
            )

    def _create(self) -> Connector:
        return create(self.connector, self.settings, timeout=self.calls.timeout, watch=self.calls.watch)

    def _opened(self) -> AbstractContextManager[Connector]:
        return torn_down(self._create(), timeout=self.calls.timeout, watch=self.calls.watch)

    def _client(self, connector: Connector) -> LocalClient:
        return LocalClient(connector, timeout=self.calls.timeout, watch=self.calls.watch)

    @contextmanager
    def _second(self) -> Iterator[ConnectorApi]:
        with self._opened() as other:
            yield self._client(other)

    def _process(self, folder: Path | None) -> Process:
        """A process that serves the connector, from this folder if there is one."""
        # -P: the working folder may contain a connector with the name of a library that it imports.
        command = [sys.executable, "-P", "-m", "dsync_kit.cli.kit", "serve", *([str(folder)] if folder else [])]
        command += [*self.words, "--address", "{address}"]
        return Process(
            command,
            self.connector.name,
            redact=self.settings.redact,
            timeout=self.calls.timeout,
            watch=self.calls.watch,
            folder=self.calls.folder,
            sharing=["--reuse-port"],
        )
