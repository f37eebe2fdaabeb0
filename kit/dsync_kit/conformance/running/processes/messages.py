"""The messages between the process that reports and the processes that judge."""

from dataclasses import dataclass
from pathlib import Path

from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["Chosen", "Ended", "Named", "Orders", "Secrets", "Task"]


@dataclass(frozen=True, slots=True)
class Named:
    """A target as the user typed it. `timeout` is in seconds, for each call."""

    word: str
    options: tuple[str, ...] = ()
    insecure: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What to judge, and how.

    `rules` are globs; without any, all rules run. `documents` are the words of `--documents`. `known_failures` and
    `known_flaky` are files. `edition` is the requested one; None leaves it to the connector. `earlier` is a folder with
    an earlier version of the connector, or None. `database` is the folder for this connector's failing examples,
    `corpus` replaces it if examples with which an explorer reached something new are kept, too. `runs` is the one for
    journals of namespaces; each may be None. `settle` is by how many seconds reads may lag behind writes; with None,
    the kit finds out. If there are `choices`, each rule is judged only by the example that they reproduce;
    `without` are the features that it must not show.
    """

    target: Named
    profile: Profile
    seed: int
    rules: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    known_failures: Path | None = None
    known_flaky: Path | None = None
    edition: str | None = None
    earlier: Path | None = None
    strict: bool = False
    database: Path | None = None
    runs: Path | None = None
    settle: float | None = None
    choices: str = ""
    corpus: Path | None = None
    without: Features = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The ids of the requested rules, in order, and the descriptions of all rules."""

    ids: tuple[str, ...]
    rules: tuple[RuleInfo, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """The id of a rule to judge, and the seconds that its examples may take; None means the profile's limit.

    `without` are the features that no example may show, if it is judged again.
    """

    rule: str
    seconds: float | None = None
    without: Features = ()


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts that must not appear in the process's output."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker's last message: notes, or why it could not continue.

    `notes` are about the connector, `left` about what this worker left behind. `usage` is a mistake of the user,
    `problem` any other problem.
    """

    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problem: str = ""
    usage: str = ""
