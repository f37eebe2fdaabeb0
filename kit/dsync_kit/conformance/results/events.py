"""What the engine tells while it runs; the last event is `RunFinished`."""

from dataclasses import dataclass

from dsync_kit.conformance.results.outcome import Outcome, Result
from dsync_kit.conformance.results.rule_info import RuleInfo

__all__ = ["Event", "RuleFinished", "RuleStarted", "RunFinished", "RunStarted"]


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


@dataclass(frozen=True, slots=True)
class RuleStarted:
    """A rule begins."""

    rule: RuleInfo


@dataclass(frozen=True, slots=True)
class RuleFinished:
    """A rule has ended."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Everything has ended."""

    result: Result


Event = RunStarted | RuleStarted | RuleFinished | RunFinished
