"""What the process that says what came of a run, and those that judge the connector, say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.conformance.results.profile import Profile

__all__ = ["Ended", "Named", "Orders", "Secrets", "Task"]


@dataclass(frozen=True, slots=True)
class Named:
    """A target as it was typed. `timeout` is in seconds, for each call."""

    word: str
    options: tuple[str, ...] = ()
    insecure: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What to judge, and how. A plan cannot be sent: its rules are functions."""

    target: Named
    profile: Profile
    seed: int
    namespaces: tuple[str, ...]
    known_failures: Mapping[str, str]
    database: Path | None
    runs: Path | None


@dataclass(frozen=True, slots=True)
class Task:
    """A rule to be judged: by the one example that `choices` make, if there are any."""

    rule: str
    choices: str = ""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be seen in what the process writes."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker's last message: what was found out, or why it could not go on.

    `usage` is a problem with what was typed, `problem` any other.
    """

    notes: tuple[str, ...] = ()
    problem: str = ""
    usage: str = ""
