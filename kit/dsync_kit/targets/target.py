"""A target that the user named, and an open one. Each kind of target has a module beside this one."""

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

    What a target does not offer is None. `connector` is the object, if it is in this process; `create` creates another
    one. `second` opens another instance on the same data. `process` starts a separate process on the same data, which
    can be killed and restarted, and `earlier` one of an earlier version of the connector. `folder` is the connector's
    folder. `connect` opens another connection to the instance; it closes with the target. `elsewhere` opens a connector
    on a separate scratch area with other data. `stop` ends the instance, and `start` then starts its successor, and
    returns the client. All of them raise TargetError if something does not start.
    """

    title: str
    api: ConnectorApi
    connector: Connector | None = None
    harness: Harness | None = None
    settings: ConnectorSettings | None = None
    create: Callable[[], Connector] | None = None
    second: Callable[[], AbstractContextManager[ConnectorApi]] | None = None
    process: "Callable[[], Process] | None" = None
    earlier: "Callable[[], Process] | None" = None
    folder: Path | None = None
    connect: Callable[[], ConnectorApi] | None = None
    elsewhere: Callable[[], AbstractContextManager[ConnectorApi]] | None = None
    stop: Callable[[], None] | None = None
    start: Callable[[], ConnectorApi] | None = None


@dataclass(frozen=True)
class Target:
    """What the user named. `open` starts what is needed, and stops it at the end; `redact` removes typed secrets from a
    text."""

    title: str
    open: Callable[[], AbstractContextManager[OpenTarget]] = field(repr=False)
    folder: Path | None = None
    redact: Callable[[str], str] = field(default=str, repr=False)


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls are made: their time limit in seconds, who watches them, and where processes run; and the folder of an
    earlier version of the connector."""

    timeout: float | None
    watch: Watch
    earlier: Path | None = None
    # Kept now: a connector in this process may change the working folder.
    folder: Path = field(default_factory=Path.cwd)
