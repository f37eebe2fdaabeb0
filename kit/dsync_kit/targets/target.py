"""What a command points at, and what it is when it answers; each kind of target has a module beside this one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from dsync_kit.bounds.patience import Watch
from dsync_kit.client import ConnectorApi
from dsync_kit.connector import Connector
from dsync_kit.settings import ConnectorSettings
from dsync_kit.targets.process import Process
from dsync_kit.testing.harness import Harness

__all__ = ["Calls", "OpenTarget", "Target"]


@dataclass(frozen=True)
class OpenTarget:
    """A connector that answers.

    `connector` is the object itself where it lives in this process, `create` makes another one; `second` opens another
    instance on the same data; `process` makes a process of its own that serves the same data, to be killed and started
    again. `folder` is the connector's own, where one was named. `connect` opens another connection to the instance,
    which ends with the target. `elsewhere` opens a connector on a scratch area of its own, with other data.
    `restart` ends the instance, and gives the client of another one that takes its place. Raises TargetError where that
    does not start.
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
    restart: Callable[[], ConnectorApi] | None = None


@dataclass(frozen=True)
class Target:
    """What the user named: `open` makes it answer, and ends what it started. `redact` takes the secrets that were
    typed out of a text."""

    title: str
    open: Callable[[], AbstractContextManager[OpenTarget]] = field(repr=False)
    folder: Path | None = None
    redact: Callable[[str], str] = field(default=str, repr=False)


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls are made: the seconds that each may take, what sees them, and where processes run."""

    timeout: float | None
    watch: Watch
    # A connector in this process may change the working folder.
    folder: Path = field(default_factory=Path.cwd)
