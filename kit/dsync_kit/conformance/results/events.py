"""What the engine tells while it runs; the last event is `RunFinished`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsync_kit.conformance.results.outcome import Outcome, Result
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.targets.typed import TypedOptions

__all__ = [
    "Event",
    "Held",
    "JudgedAgain",
    "KitBroke",
    "Resolved",
    "RuleFinished",
    "RuleStarted",
    "RunFinished",
    "RunStarted",
    "StillRunning",
]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The target was found, and its options fit; nothing has been asked of it yet."""

    title: str
    options: TypedOptions
    rules: tuple[RuleInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What a namespace holds, as the rules take it: its documents' schema as JSON has it, and where that comes from.

    `schema` is None where documents may have any fields, or where nothing was found out. The namespace `*` stands for
    all that are not named.
    """

    namespace: str
    origin: str
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The connector answers; these rules will be looked at."""

    target: str
    db_type: str
    version: str
    capabilities: tuple[str, ...]
    seed: int
    profile: str
    rules: tuple[RuleInfo, ...]
    notes: tuple[str, ...]
    terms: Terms = field(default_factory=Terms)
    documents: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleStarted:
    """A rule begins."""

    rule: RuleInfo


@dataclass(frozen=True, slots=True)
class StillRunning:
    """A rule has been running for some time, or what comes before the first one, where `rule` is empty.

    `seconds` are how long, `doing` the last call, or other step, that is under way; empty where there is none.
    """

    rule: str
    seconds: float
    doing: str


@dataclass(frozen=True, slots=True)
class RuleFinished:
    """A rule has ended."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """A rule begins again, after all others, apart from a feature of a failure that explains its own."""

    rule: RuleInfo
    feature: str


@dataclass(frozen=True, slots=True)
class KitBroke:
    """What the kit logs of a mistake of its own, with its traceback."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Everything has ended."""

    result: Result


Event = Resolved | RunStarted | RuleStarted | StillRunning | RuleFinished | JudgedAgain | KitBroke | RunFinished
