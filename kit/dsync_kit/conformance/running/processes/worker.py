"""A process that judges a connector for its owner. All of the connector's code runs here."""

import atexit
import gc
import io
import logging
import os
import signal
import sys
import threading
from dataclasses import fields, replace
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

from dsync_kit.bounds.guarded import signals_held
from dsync_kit.bounds.interruption import heed, interrupt_on
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.events import KitBroke, Resolved
from dsync_kit.conformance.results.known_failures import flaky_until, read_known
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import Session
from dsync_kit.conformance.running.logs import printed
from dsync_kit.conformance.running.options import RunOptions, select
from dsync_kit.conformance.running.processes.board import Board
from dsync_kit.conformance.running.processes.messages import Chosen, Ended, Orders, Secrets, Task
from dsync_kit.conformance.subject.holds.declared_schemas import declared_documents
from dsync_kit.errors import UsageError
from dsync_kit.project.editions import edition_for
from dsync_kit.registry import folder_at
from dsync_kit.targets.resolving import find_connector, resolve
from dsync_kit.targets.typed import TypedOptions
from dsync_kit.usage import CannotLoad, TargetError

__all__ = ["main"]

_RULES = {rule.id: rule for rule in RULES}


class _Channel(Connection):
    """The channel to the owner. Messages are sent whole, whichever thread sends them and whatever signals come."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        with self._lock, signals_held():
            super().send(message)


def main(descriptor: int, board: str) -> None:
    """Follow the orders that come over the socket, and send back the results."""
    # What was imported stays: neither a collection nor the process's end has to visit it.
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
    # Ctrl-C reaches every process of a terminal, but a process that is stopping must not be interrupted again.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    interrupt_on(signal.SIGTERM)
    channel = _Channel(descriptor)
    # Processes that a connector forks must not keep the channel open when this process is gone.
    os.register_at_fork(after_in_child=lambda: os.close(descriptor))
    me = os.getpid()
    sys.stdout = _Printed(sys.stdout.buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("dsync_kit.conformance").addHandler(_Sent(channel))
    try:
        orders = channel.recv()
        last = _work(orders, channel, Board(Path(board)))
        channel.send(last)
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        return  # its owner has gone
    finally:
        if os.getpid() != me:
            os._exit(1)


def _work(orders: Orders, channel: _Channel, board: Board) -> Ended:
    named = orders.target
    session: Session | None = None
    try:
        options = _options(orders)
        chosen = tuple(rule.id for rule in options.rules)
        channel.send(Chosen(chosen, tuple(_info(rule) for rule in RULES)))
        target = resolve(
            named.word,
            named.options,
            insecure=named.insecure,
            timeout=named.timeout,
            watch=board.watch,
            earlier=orders.earlier,
        )
        channel.send(Resolved(target.title, _typed(named.word, named.options)))
        with target.open() as opened:
            if opened.settings is not None:
                channel.send(Secrets(tuple(opened.settings.secrets())))
            session = Session(opened, options)
            started = replace(session.started(), rules=())
            # A single example runs even if it is known to fail.
            channel.send(replace(started, terms=Terms(options.edition)) if orders.choices else started)
            try:
                _judge(session, channel, orders)
            finally:
                session.close()
    except (TargetError, CannotLoad, KitError) as error:
        return Ended(problem=str(error))
    except UsageError as error:
        return Ended(usage=str(error))
    except KeyboardInterrupt:
        notes, left = (session.notes(), session.left()) if session else ((), ())
        return Ended(notes, left, "something ended the connector's process")
    return Ended(session.notes(), session.left(), session.problem)


def _options(orders: Orders) -> RunOptions:
    """The options that are ordered. Raises UsageError for files and names that make no sense."""
    known = read_known(orders.known_failures, RULES, "known failures") if orders.known_failures else {}
    flaky = read_known(orders.known_flaky, RULES, "known flaky rules") if orders.known_flaky else {}
    return RunOptions(
        rules=select(RULES, orders.rules),
        profile=orders.profile,
        seed=orders.seed,
        namespaces=orders.namespaces,
        documents=declared_documents(orders.documents),
        edition=edition_for(folder_at(orders.target.word), orders.edition),
        known_failures=known,
        known_flaky=flaky_until(flaky, str(orders.known_flaky), date.today()),
        beside=orders.known_failures.parent if orders.known_failures else Path(),
        database=orders.database,
        corpus=orders.corpus,
        runs=orders.runs,
        settle=orders.settle,
    )


def _next(channel: _Channel) -> Task | None:
    """The next task; None if there are no more."""
    heed()  # nobody sends one to a process that was interrupted, even if a library caught the exception
    task: Task | None = channel.recv()
    return task


def _judge(session: Session, channel: _Channel, orders: Orders) -> None:
    """Judge rules as they are assigned, until there are no more, or no more can be judged."""
    while (task := _next(channel)) is not None and not session.problem:
        rule = _RULES[task.rule]
        if orders.choices:
            channel.send(session.replay(rule, orders.choices, orders.without))
        elif task.without:
            channel.send(session.again(rule, task.without))
        else:
            channel.send(session.find(rule, task.seconds))


def _info(rule: Rule) -> RuleInfo:
    """The description of a rule, without its function, which cannot be sent."""
    return RuleInfo(*(getattr(rule, field.name) for field in fields(RuleInfo)))


def _typed(word: str, options: tuple[str, ...]) -> TypedOptions:
    return TypedOptions.of(options, find_connector(word)[0].settings) if options else TypedOptions()


class _Sent(logging.Handler):
    """Sends the kit's own log to where the user sees it."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send(KitBroke(self.format(record)))


class _Printed(io.TextIOWrapper):
    """Collects what the connector prints for a failure's log, so that it does not mix with the report."""

    _rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            printed(line)
        return super().write(text)
