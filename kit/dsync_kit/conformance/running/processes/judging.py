"""Judges a connector with a crew of processes, and yields the result even if these crash."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.connection import wait

from dsync_kit.bounds.interruption import heed
from dsync_kit.conformance.results.alike import shape_of
from dsync_kit.conformance.results.events import (
    Event,
    JudgedAgain,
    KitBroke,
    Resolved,
    RuleFinished,
    RuleStarted,
    RunFinished,
    RunStarted,
    StillRunning,
)
from dsync_kit.conformance.results.features import Retrial, name_features
from dsync_kit.conformance.results.outcome import Finding, Result
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.running.budget import Budget
from dsync_kit.conformance.running.order import in_order
from dsync_kit.conformance.running.processes.board import UnderWay, read_board
from dsync_kit.conformance.running.processes.crew import Crew, Member
from dsync_kit.conformance.running.processes.fatal import Death, stuck
from dsync_kit.conformance.running.processes.messages import Chosen, Ended, Orders, Secrets, Task
from dsync_kit.conformance.verdicts.consequences import Explainer, outcomes_of
from dsync_kit.conformance.verdicts.narrowing import Narrowing
from dsync_kit.output.redaction import redact_target
from dsync_kit.usage import UsageError

__all__ = ["judge_apart"]

_TICK_SECONDS = 0.5
_END_SECONDS = 60.0
"""Seconds that a process may take to stop its connector and its backend."""

_LEAVE_SECONDS = 5.0
"""Seconds that a process may keep running after its last message: threads of the connector may hold it."""

_LONG_LAG, _WAITING = 1.0, 6
"""If reads lag by so many seconds, so many processes judge a connector at an address: most of the time, they wait."""

_SAID_AFTER = (10.0, 30.0, 60.0)
"""Seconds after which a running step is reported, and then once a minute."""


def judge_apart(
    orders: Orders,
    crew: Crew,
    command: Callable[[str], str],
    *,
    keep: Callable[[Finding], str] = lambda _: "",
) -> Generator[Event, None, None]:
    """Judge a connector with the crew's processes.

    `command` returns the command that shows the failure of a rule again, by its id. `keep` saves a failure at the end
    of the run, and returns the name by which it is found.

    Events come as they happen; the final outcomes are in the order of the rules. Raises UsageError for an impossible
    request. Closing the generator, and KeyboardInterrupt, stop what was started.
    """
    if len(crew.members) > 1 and orders.target.word.startswith("exec:"):
        raise UsageError("--jobs: an exec: target is one process on its own data; leave --jobs out")
    began = time.monotonic()
    team = _Team(orders, crew, command)
    interrupted = False
    try:
        yield from team.events()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        team.end()
    if team.usage:
        raise UsageError(team.usage)
    findings = [team.findings[rule.id] for rule in team.chosen if rule.id in team.findings]
    outcomes = outcomes_of(findings, team.rules.values(), team.terms, replay=team.replay, keep=keep)
    if team.narrowing is not None:
        outcomes = team.narrowing.outcomes(outcomes, replay=team.replay, keep=keep)
    yield RunFinished(
        Result(
            target=team.title,
            db_type=team.started.db_type if team.started else "",
            seed=orders.seed,
            profile=orders.profile.name,
            outcomes=outcomes,
            seconds=time.monotonic() - began,
            strict=orders.strict,
            interrupted=interrupted,
            problem=team.problem,
            notes=tuple(dict.fromkeys(team.notes)),
            edition=team.terms.edition,
        )
    )


@dataclass(eq=False)
class _Worker:
    """A process of the crew, and its current task."""

    member: Member
    rule: RuleInfo | None = None
    """The rule that it is judging."""
    retrial: Retrial | None = None
    """Why it judges that rule again, if it does."""
    idle: bool = False
    """Whether it waits for the findings of others, or for its orders."""
    since: float = field(default_factory=time.monotonic)
    said: int = 0
    """How many times its running step has been reported."""
    ready: bool = False
    last: Ended | None = None
    gone: bool = False
    secrets: tuple[str, ...] = ()

    def under_way(self) -> list[UnderWay]:
        return read_board(self.member.board)

    def takes(self, rule: RuleInfo | None, retrial: Retrial | None = None) -> None:
        self.rule, self.retrial, self.since, self.said, self.idle = rule, retrial, time.monotonic(), 0, False

    def is_due(self) -> float:
        """How many seconds its step has been running, if that is due to be reported; else 0."""
        if self.idle:
            return 0.0
        seconds = time.monotonic() - self.since
        after = _SAID_AFTER[self.said] if self.said < len(_SAID_AFTER) else 60.0 * (self.said - len(_SAID_AFTER) + 2)
        if seconds < after:
            return 0.0
        self.said += 1
        return seconds


class _Team:
    """The processes, the remaining tasks, and the received messages."""

    def __init__(self, orders: Orders, crew: Crew, command: Callable[[str], str]) -> None:
        self._orders = orders
        self._command = command
        self._crew = crew
        self._workers = [_Worker(member, idle=True) for member in crew.members]
        self.rules: dict[str, RuleInfo] = {}
        self.chosen: tuple[RuleInfo, ...] = ()
        self._left: list[RuleInfo] = []
        self.title = redact_target(orders.target.word)
        self.started: RunStarted | None = None
        self._resolved = False
        self._budget: Budget | None = None
        self.narrowing: Narrowing | None = None
        self.findings: dict[str, Finding] = {}
        self.notes: list[str] = []
        self._said: set[str] = set()  # shapes of the notes of earlier processes: all find out the same
        self.problem = ""
        self.usage = ""

    def events(self) -> Iterator[Event]:
        """The events from the processes, until all have sent their last message. A problem of one ends all."""
        self._order(self._workers[:1])
        while (talking := self._talking()) and not (self.problem or self.usage):
            heed()
            for channel in wait([worker.member.channel for worker in talking], timeout=_TICK_SECONDS):
                worker = next(worker for worker in talking if worker.member.channel is channel)
                yield from self._hear(worker)
            for worker in self._talking():
                yield from self._look_at(worker)
        if not (self.problem or self.usage) and len(self.findings) < len(self.chosen):
            self.problem = "not all rules were judged"

    def end(self) -> None:
        """Stop the processes that still run: orderly, as far as they comply and nobody interrupts again."""
        try:
            for worker in self._workers:
                if not worker.gone and worker.last is None:
                    worker.member.interrupt()
            deadline = time.monotonic() + _END_SECONDS
            while (talking := self._talking()) and time.monotonic() < deadline:
                for channel in wait([worker.member.channel for worker in talking], timeout=_TICK_SECONDS):
                    worker = next(worker for worker in talking if worker.member.channel is channel)
                    self._receive(worker)
            for worker in self._workers:
                worker.member.wait(_LEAVE_SECONDS)
        finally:
            for worker in self._workers:
                worker.member.end()

    def _talking(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.last is None and not worker.gone]

    def _send(self, worker: _Worker, message: object) -> None:
        try:
            worker.member.channel.send(message)
        except OSError:
            return  # it has ended, but its last messages are still to be read

    def _receive(self, worker: _Worker) -> object:
        """Its next message, noted if it is about the process itself; None if there are no more."""
        try:
            message: object = worker.member.channel.recv()
        except Exception:  # the channel is closed, or the connector has written something into it
            worker.gone = True
            return None
        match message:
            case Ended():
                worker.last = message
                self.notes += [note for note in message.notes if shape_of(note) not in self._said]
                self._said.update(map(shape_of, message.notes))
                self.notes += message.left
            case Secrets(values):
                worker.secrets = values
        return message

    def _hear(self, worker: _Worker) -> Iterator[Event]:
        match message := self._receive(worker):
            case None:
                yield from self._died(worker)
            case Ended():
                self.problem, self.usage = message.problem, message.usage
            case Chosen(ids, rules) if not self.rules:
                self.rules = {rule.id: rule for rule in rules}
                self.chosen = tuple(self.rules[name] for name in ids)
                self._budget = Budget(self._orders.profile, self.chosen)
            case Resolved() if not self._resolved:
                self._resolved, self.title = True, message.title
                yield replace(message, rules=self.chosen)
            case RunStarted():
                if self.started is None:
                    self.started = replace(message, target=self.title, rules=self.chosen)
                    self._left = list(reversed(in_order(self.chosen, fills_up=message.fills_up)))
                    yield self.started
                    self._begin_others(message)
                worker.ready = True
                yield from self._give(worker)
            case Finding():
                yield from self._finished(message, worker.retrial)
                worker.takes(None)
                for free in (worker, *(other for other in self._talking() if other.idle)):
                    yield from self._give(free)
            case KitBroke():
                yield message

    def _order(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            worker.takes(None)
            self._send(worker, self._orders)

    def _begin_others(self, first: RunStarted) -> None:
        """Let the other processes begin, if they don't disturb each other; where reads lag, hire more."""
        others = self._workers[1:]
        if first.shares:
            for worker in others:
                worker.gone = True
                worker.member.end()
            if others:
                self.notes.append(
                    "all rules write to the same namespaces, so they run one after another, despite --jobs"
                )
            return
        if first.lag >= _LONG_LAG and self._orders.target.word.startswith("grpc://"):
            others += [_Worker(member) for member in self._crew.hire(min(_WAITING, len(self._left)))]
        self._workers[1:] = others
        if self._budget is not None:
            self._budget.jobs = len(self._workers)
        self._order(others)

    def _give(self, worker: _Worker) -> Iterator[Event]:
        """Give it the next rule, or one to judge again. It waits if others may still find one."""
        if self._left:
            rule = self._left.pop()
            worker.takes(rule)
            self._send(worker, Task(rule.id, self._budget.share(rule) if self._budget is not None else None))
            yield RuleStarted(rule)
        elif (retrial := self._retrial()) is not None:
            worker.takes(self.rules[retrial.rule], retrial)
            self._send(worker, Task(retrial.rule, without=retrial.without))
            yield JudgedAgain(self.rules[retrial.rule], name_features(retrial.without))
        else:
            worker.idle = any(other.rule is not None for other in self._workers if not other.gone)
            if not worker.idle:
                for free in self._talking():
                    free.takes(None)
                    self._send(free, None)

    def _retrial(self) -> Retrial | None:
        """The next rule to judge again, after all have been judged."""
        if self._orders.choices or len(self.findings) < len(self.chosen) or self._budget is None:
            return None
        if self.narrowing is None:
            self.narrowing = Narrowing(
                [self.findings[rule.id] for rule in self.chosen],
                self.rules.values(),
                self.terms,
                has_time=self._budget.has_time_again,
            )
        return self.narrowing.next()

    @property
    def terms(self) -> Terms:
        """What the connector is held to, as far as its harness has already been asked."""
        return self.started.terms if self.started else Terms()

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.rules.values(), self.terms)

    def replay(self, finding: Finding) -> str:
        """The command that shows a failure again."""
        return self._command(finding.rule)

    def _finished(self, finding: Finding, retrial: Retrial | None = None) -> Iterator[Event]:
        """Note a rule's finding, and yield its outcome in the light of the others so far."""
        if retrial is not None and self.narrowing is not None:
            self.narrowing.take(retrial, finding)
            return
        self.findings[finding.rule] = finding
        yield RuleFinished(self._explainer.outcome(finding, self.findings.values(), replay=self.replay))

    def _look_at(self, worker: _Worker) -> Iterator[Event]:
        """Report a step that has been running for long, and kill the process if it is stuck."""
        under_way = worker.under_way()
        if reason := stuck(under_way, self._orders.target.timeout):
            worker.gone = True
            yield from self._died(worker, reason)
        elif seconds := worker.is_due():
            yield StillRunning(worker.rule.id if worker.rule else "", seconds, under_way[-1].name if under_way else "")

    def _died(self, worker: _Worker, stuck: str = "") -> Iterator[Event]:
        """Report on a process that ended before its last message."""
        if not stuck:
            worker.member.wait(_LEAVE_SECONDS)
        status = worker.member.status
        under_way, output = worker.under_way(), worker.member.output()
        worker.member.end()
        for secret in worker.secrets:
            output = output.replace(secret, "***")
        death = Death(status, tuple(under_way), output, stuck)
        # Calls before the first rule count as that rule's, since some rule must be violated.
        rule = worker.rule or (self.chosen[0] if not worker.ready and self.chosen else None)
        if rule is not None and (worker.rule is not None or death.blamed):
            yield from self._finished(death.finding(rule, time.monotonic() - worker.since), worker.retrial)
        self.problem = death.problem(rule if worker.rule is not None else None)
