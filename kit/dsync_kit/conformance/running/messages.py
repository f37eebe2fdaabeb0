"""What the process that says what came of a run, and those that judge the connector, say to each other."""

from dataclasses import dataclass
from pathlib import Path

from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["Chosen", "Ended", "Named", "Orders", "Secrets", "Task"]


@dataclass(frozen=True, slots=True)
class Named:
    """A target as it was typed. `timeout` is in seconds, for each call."""

    word: str
    options: tuple[str, ...] = ()
    insecure: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What to judge, and how.

    `rules` are globs, all rules without any; `documents` are the words of `--documents`; `known_failures` is a file.
    `edition` is the one that was asked for; None leaves it to the connector.
    `database` is the folder that keeps this connector's failing examples, `runs` the one that keeps what namespaces
    a run has taken; None for neither. `settle` are seconds by which reads may lag behind writes; None to find it out.
    `choices` make the one example by which each rule is judged, if they are given; `without` are the features that it
    was not to show.
    """

    target: Named
    profile: Profile
    seed: int
    rules: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    known_failures: Path | None = None
    edition: str | None = None
    strict: bool = False
    database: Path | None = None
    runs: Path | None = None
    settle: float | None = None
    choices: str = ""
    without: Features = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The ids of the rules that were asked for, in their order, and what there is to say about every rule."""

    ids: tuple[str, ...]
    rules: tuple[RuleInfo, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A rule to be judged, by its id; its examples may take so many seconds, None leaves it to the profile.

    `without` are the features that no example may show, where it is judged again.
    """

    rule: str
    seconds: float | None = None
    without: Features = ()


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
