"""The events that the engine emits. The last one is `RunFinished`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsync_kit.conformance.results.outcome import Outcome, Result
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.targets.typed import TypedOptions

__all__ = [
    "AssumedSchema",
    "ConnectorOption",
    "Event",
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
    """The target was found, and its options are valid; it has not been called yet."""

    title: str
    options: TypedOptions
    rules: tuple[RuleInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class AssumedSchema:
    """What a namespace holds, as the rules assume: the JSON Schema of its documents, and where that comes from.

    `schema` is None if documents may have any fields, or if nothing was found out. The namespace `*` stands for all
    others.
    """

    namespace: str
    origin: str
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ConnectorOption:
    """An option of the connector, as its README lists it. `env` are the variables that set it, too."""

    flag: str
    metavar: str
    help: str
    default: str
    required: bool
    env: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The connector answers; these rules will be judged.

    `fills_up` says whether what is written to it stays, `shares` whether rules that run at the same time write to the
    same namespaces, and `lag` by how many seconds its reads may lag behind its writes.
    """

    target: str
    db_type: str
    version: str
    capabilities: tuple[str, ...]
    seed: int
    profile: str
    rules: tuple[RuleInfo, ...]
    notes: tuple[str, ...]
    terms: Terms = field(default_factory=Terms)
    documents: tuple[AssumedSchema, ...] = ()
    connector_options: tuple[ConnectorOption, ...] = ()
    fills_up: bool = False
    shares: bool = False
    lag: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleStarted:
    """A rule begins."""

    rule: RuleInfo


@dataclass(frozen=True, slots=True)
class StillRunning:
    """A rule has been running for `seconds`; with an empty `rule`, the preparation before the first rule.

    `doing` is the last call or other step that is running; empty if there is none.
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
    """A rule is judged again, after all others, apart from features of the failure that explains its own."""

    rule: RuleInfo
    feature: str


@dataclass(frozen=True, slots=True)
class KitBroke:
    """A bug in the kit: its log with the traceback."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Everything has ended."""

    result: Result


Event = Resolved | RunStarted | RuleStarted | StillRunning | RuleFinished | JudgedAgain | KitBroke | RunFinished
