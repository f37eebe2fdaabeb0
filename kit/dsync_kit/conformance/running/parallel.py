"""Runs rules in several processes at once, each with the connector opened by itself."""

import logging
import multiprocessing
import queue
import signal
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.events import Event, RuleFinished, RuleStarted, RunFinished, RunStarted
from dsync_kit.conformance.results.outcome import Outcome
from dsync_kit.conformance.results.profile import Profile
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import Plan, Session, result_of
from dsync_kit.conformance.running.interruption import interrupt_on
from dsync_kit.conformance.verdicts.consequences import with_causes
from dsync_kit.errors import UsageError
from dsync_kit.targets.target import TargetError, resolve

__all__ = ["Named", "run_parallel"]

_END_SECONDS = 30.0
"""How long a process may take to end its connector and its backend."""


@dataclass(frozen=True, slots=True)
class Named:
    """A target as it was typed: what another process needs to open it, too."""

    word: str
    options: tuple[str, ...] = ()
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class _Orders:
    """What a worker is told. A plan cannot be sent: its rules are functions."""

    target: Named
    profile: Profile
    seed: int
    namespaces: tuple[str, ...]
    known_failures: Mapping[str, str]
    database: Path | None


@dataclass(frozen=True, slots=True)
class _Ended:
    """A worker's last message: what was found out, or why it could not go on."""

    notes: tuple[str, ...] = ()
    problem: str = ""
    usage: str = ""


def run_parallel(target: Named, plan: Plan, jobs: int) -> Generator[Event, None, None]:
    """Judge a connector with `jobs` processes; the events come as they happen, the outcomes stand in the rules' order.

    Raises UsageError where the target cannot be opened several times.
    """
    if target.word.startswith("exec:"):
        raise UsageError("--jobs: an exec: target is one process on its own data; leave --jobs out")
    began = time.monotonic()
    team = _Team(target, plan, jobs)
    started: RunStarted | None = None
    interrupted = False
    try:
        for message in team.messages():
            match message:
                case RunStarted() if started is None:
                    started = replace(message, target=target.word, rules=plan.rules)
                    yield started
                case str():
                    yield RuleStarted(_RULES[message])
                case Outcome():
                    yield RuleFinished(team.take(message))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        team.end()
    if team.usage:
        raise UsageError(team.usage)
    outcomes = with_causes([team.outcomes[rule.id] for rule in plan.rules if rule.id in team.outcomes], RULES)
    title = resolve(target.word, target.options, insecure=target.insecure).title
    yield RunFinished(
        result_of(plan, title, started, outcomes, began, team.problem, interrupted, tuple(dict.fromkeys(team.notes)))
    )


_RULES: dict[str, Rule] = {rule.id: rule for rule in RULES}


class _Team:
    """The worker processes, what is left to do, and what they have said."""

    def __init__(self, target: Named, plan: Plan, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process cannot use grpc
        self._plan = plan
        self._tasks: Any = context.Queue()
        self._messages: Any = context.Queue()
        self.outcomes: dict[str, Outcome] = {}
        self.notes: list[str] = []
        self.problem = ""
        self.usage = ""
        for rule in plan.rules:
            self._tasks.put(rule.id)
        for _ in range(jobs):
            self._tasks.put(None)
        orders = _Orders(target, plan.profile, plan.seed, plan.namespaces, dict(plan.known_failures), plan.database)
        self._workers = [
            context.Process(target=_work, args=(orders, self._tasks, self._messages), name=f"job {number}")
            for number in range(1, jobs + 1)
        ]
        for worker in self._workers:
            worker.start()

    def messages(self) -> Generator[object, None, None]:
        """What the workers say, until all have ended; a problem of one ends all."""
        ended = 0
        while ended < len(self._workers) and not (self.problem or self.usage):
            try:
                message = self._messages.get(timeout=1.0)
            except queue.Empty:
                gone = [worker for worker in self._workers if not worker.is_alive()]
                if len(gone) > ended:  # what it had to say would have come before
                    self.problem = f"a job ended with status {gone[-1].exitcode}, so that not all rules were judged"
                continue
            if isinstance(message, _Ended):
                ended += 1
                self.notes += message.notes
                self.problem, self.usage = message.problem, message.usage
            else:
                yield message

    def take(self, outcome: Outcome) -> Outcome:
        """Note an outcome, with the command that the plan makes for its rule."""
        if outcome.failure is not None:
            replay = self._plan.command(_RULES[outcome.rule])
            outcome = replace(outcome, failure=replace(outcome.failure, replay=replay))
        self.outcomes[outcome.rule] = outcome
        return outcome

    def end(self) -> None:
        """End what still runs, in order as far as it will."""
        for worker in self._workers:
            if self.problem or self.usage or self._unfinished():
                worker.terminate()
        for worker in self._workers:
            worker.join(_END_SECONDS)
            if worker.is_alive():
                worker.kill()
                worker.join()

    def _unfinished(self) -> bool:
        return len(self.outcomes) < len(self._plan.rules)


def _work(orders: _Orders, tasks: Any, messages: Any) -> None:
    """A worker: judges rules until none is left."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("dsync_kit.conformance").addHandler(logging.StreamHandler())
    # Ctrl-C reaches every process of the terminal, but one that is ending must not be interrupted a second time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt_on(signal.SIGTERM)
    named = orders.target
    plan = Plan((), orders.profile, orders.seed, orders.namespaces, orders.known_failures, database=orders.database)
    try:
        with resolve(named.word, named.options, insecure=named.insecure).open() as opened:
            session = Session(opened, plan)
            messages.put(session.started())
            try:
                while (rule := tasks.get()) is not None and not session.problem:
                    messages.put(rule)
                    messages.put(session.judge(_RULES[rule]))
            finally:
                session.close()
        messages.put(_Ended(session.notes(), session.problem))
    except TargetError as error:
        messages.put(_Ended(problem=str(error)))
    except UsageError as error:
        messages.put(_Ended(usage=str(error)))
    except KeyboardInterrupt:
        tasks.cancel_join_thread()
        messages.cancel_join_thread()
