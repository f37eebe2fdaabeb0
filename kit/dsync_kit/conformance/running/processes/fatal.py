"""A process that died while it judged a connector: who is to blame, and how it is reported."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from dsync_kit.bounds.patience import Kind
from dsync_kit.conformance.results.outcome import Failure, Finding, Status
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.running.processes.board import UnderWay

__all__ = ["Death", "stuck"]

_STUCK_SECONDS = 5.0
"""The process itself abandons a late call. After this many more seconds, or twice the time, all of it is blocked."""

_STEP_SECONDS = 600.0
"""Seconds that anything else may take: starting a backend may have to fetch an image."""

_OTHERS = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Signals from outside: from somebody, or from the kernel if memory runs out."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended, what was under way in it, and its last output.

    `status` is as in `subprocess`, None while it runs; `stuck` says why the owner killed it.
    """

    status: int | None
    under_way: tuple[UnderWay, ...]
    output: str
    stuck: str = ""

    @property
    def calls(self) -> list[str]:
        """The running calls into the connector, the last one last."""
        return [doing.name for doing in self.under_way if doing.kind is not Kind.STEP]

    @property
    def blamed(self) -> bool:
        """Whether the connector is to blame: it was being called, and nobody else killed the process."""
        return bool(self.calls) and (bool(self.stuck) or self.status not in _OTHERS)

    def finding(self, rule: RuleInfo, seconds: float) -> Finding:
        """The finding about the running rule. A violation is one of a MUST, whatever the rule's own level."""
        if not self.blamed:
            reason = f"{self._ended()} while it ran{self._doing()}"
            return Finding(rule.id, rule.level, Status.ERRORED, examples=1, seconds=seconds, reason=reason)
        failure = Failure(
            message="the connector hangs, and its process with it" if self.stuck else "the connector ends its process",
            expected="an answer to every call, even if it is an error",
            seen=self.stuck or f"{self._ended()} during {self.calls[-1]}",
            hint="the call holds the interpreter's lock: it loops in a C library"
            if self.stuck
            else "it called os._exit(), or a C library crashed: see the end of its output",
            example=(),
            transcript=tuple(f"  {call} → (no answer)" for call in self.calls),
            reproducible=True,
            log=tuple(self.output.splitlines()),
        )
        return Finding(rule.id, Level.MUST, Status.FAILED, examples=1, seconds=seconds, failure=failure)

    def problem(self, rule: RuleInfo | None) -> str:
        """Why the run could not continue."""
        ending = f"; its output ends with:\n{self.output}" if self.output and not self.blamed else ""
        if rule is not None:
            return f"{self._ended()} in {rule.id}: the rules after it did not run{ending}"
        return f"{self._ended()} before the first rule{self._doing()}{ending}"

    def _ended(self) -> str:
        if self.stuck:
            return f"the connector's process was ended ({self.stuck})"
        if self.status is None:
            return "the connector's process closed its connection to the kit"
        if self.status < 0:
            try:
                name = signal.Signals(-self.status).name
            except ValueError:
                name = f"signal {-self.status}"
            more = " (by someone, or for lack of memory)" if self.status == -signal.SIGKILL else ""
            return f"the connector's process was ended by {name}{more}"
        return f"the connector's process ended with status {self.status}"

    def _doing(self) -> str:
        return f", during {self.under_way[-1].name}" if self.under_way else ""


def stuck(under_way: Sequence[UnderWay], timeout: float | None) -> str:
    """Why a process must be killed, if one of its steps takes far too long; else empty.

    The process itself abandons a call after `timeout` seconds, unless all of it is blocked.
    """
    now = monotonic()
    for doing in under_way:
        seconds = now - doing.since
        if doing.kind is Kind.CALL and timeout is not None and seconds > timeout + max(timeout, _STUCK_SECONDS):
            return f"{doing.name} did not answer within {timeout:g} seconds, and could not be cancelled"
        if doing.kind is Kind.STEP and seconds > _STEP_SECONDS:
            return f"{doing.name} did not end within {_STEP_SECONDS:g} seconds"
    return ""
