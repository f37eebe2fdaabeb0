"""`dsync-kit verify`: runs the rules, shows what comes of them, writes the reports."""

import hashlib
import logging
import re
import secrets
import shlex
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.conformance.results.events import Event, RunFinished, RunStarted
from dsync_kit.conformance.results.known_failures import read_known_failures
from dsync_kit.conformance.results.outcome import Outcome, Result
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import Plan, run, select
from dsync_kit.conformance.running.interruption import interrupt_on
from dsync_kit.conformance.running.kept import FAILURES, KeptFailure
from dsync_kit.conformance.running.parallel import Named, run_parallel
from dsync_kit.errors import UsageError
from dsync_kit.output.workflow_commands import WorkflowCommands
from dsync_kit.report.contents import Report
from dsync_kit.report.files import ReportFile, console_beside, write_reports
from dsync_kit.report.terminal import TerminalProgress, print_report
from dsync_kit.settings import redact_target, redact_uri
from dsync_kit.targets.target import find_connector, resolve

__all__ = ["EXAMPLES", "Verification", "judge", "verify"]

EXAMPLES = Path(".dsync-kit/examples")
"""Where each connector's failing examples are kept, to be tried first the next time."""


_NAME_BYTES = 200
"""Of 255 that file systems allow."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the user asked for."""

    target: str
    options: Sequence[str] = ()
    profile: str = "standard"
    seed: int | None = None
    rules: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    known_failures: Path | None = None
    strict: bool = False
    reports: Sequence[str] = ()
    insecure: bool = False
    jobs: int = 1

    def replay(self, rule: str, seed: int) -> str:
        """The command that runs one rule again, without secrets."""
        words = ["dsync-kit", "verify", redact_target(self.target)]
        words += ["--rule", rule, "--profile", self.profile, "--seed", str(seed)]
        for namespace in self.namespaces:
            words += ["--namespace", namespace]
        words += ["--insecure"] * self.insecure
        words += ["--", *self._shown_options()] if self.options else []
        return shlex.join(words)

    def keep(self, outcome: Outcome, seed: int) -> Outcome:
        """The outcome, its failure kept in a file if it has one. Raises OSError where that cannot be written."""
        failure = outcome.failure
        if failure is None or not failure.choices:
            return outcome
        kept = KeptFailure(
            rule=outcome.rule,
            target=redact_target(self.target),
            options=tuple(redact_uri(word) for word, secret in self._marked_options() if not secret),
            namespaces=tuple(self.namespaces),
            insecure=self.insecure,
            profile=self.profile,
            seed=seed,
            choices=failure.choices,
        )
        kept.save()
        return replace(outcome, failure=replace(failure, kept=kept.name))

    def _shown_options(self) -> list[str]:
        """The connector's options, with what is secret as `***`."""
        shown = []
        for word, secret in self._marked_options():
            flag, equals, _ = word.partition("=")
            hidden = f"{flag}{equals}***" if equals else flag
            shown.append((hidden if word.startswith("-") else "***") if secret else redact_uri(word))
        return shown

    def _marked_options(self) -> Iterator[tuple[str, bool]]:
        """The connector's options, each word with whether it belongs to one that is secret."""
        if not self.options:
            return
        flags = {option.flag for option in find_connector(self.target)[0].settings.options() if option.secret}
        value_follows = False
        for word in self.options:
            flag, has_value, _ = ("--" + word.lstrip("-")).partition("=")
            names_secret = word.startswith("-") and flag in flags and not value_follows
            yield word, names_secret or value_follows
            value_follows = names_secret and not has_value


def verify(asked: Verification) -> int:
    """Judge a connector; returns the exit code. Raises UsageError for what cannot be done as asked."""
    files = [ReportFile.parse(text) for text in asked.reports]
    console = console_beside(files)
    with WorkflowCommands(console.file):
        report = judge(asked, console)
    problems = write_reports(files, report)
    for problem in problems:
        say_error(problem)
    return report.result.exit_code or (ExitCode.NOT_JUDGED if problems else ExitCode.OK)


def judge(asked: Verification, console: Console) -> Report:
    """Judge a connector, show what comes of it, and keep its failures; its reports are the caller's to write.

    Raises UsageError for what cannot be done as asked.
    """
    plan = _plan(asked)
    if asked.jobs > 1:
        named = Named(asked.target, tuple(asked.options), asked.insecure)
        events = run_parallel(named, plan, asked.jobs)
    else:
        events = run(resolve(asked.target, asked.options, insecure=asked.insecure), plan)
    # What connectors log belongs to a failure, where it is shown, and not between the lines of the report.
    logging.getLogger().addHandler(logging.NullHandler())
    # The kit ends what it has started when it is told to end, as on Ctrl-C.
    interrupt_on(signal.SIGINT, signal.SIGTERM)
    started, result = _follow(events, console)
    report = Report.of(_kept(asked, result), plan.rules, started)
    print_report(report, console)
    sys.stdout.flush()
    return report


def _plan(asked: Verification) -> Plan:
    if asked.profile not in PROFILES:
        raise UsageError(f"there is no profile {asked.profile!r}: expected one of {', '.join(PROFILES)}")
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    return Plan(
        rules=select(RULES, asked.rules),
        profile=PROFILES[asked.profile],
        seed=seed,
        namespaces=tuple(asked.namespaces),
        known_failures=read_known_failures(asked.known_failures, RULES) if asked.known_failures else {},
        strict=asked.strict,
        database=EXAMPLES / _folder_name(redact_target(asked.target)),
        command=lambda rule: asked.replay(rule.id, seed),
    )


def _folder_name(target: str) -> str:
    """A folder's name for a target: what is too long for one ends with a checksum."""
    name = re.sub(r"\W+", "-", target).strip("-")
    if len(name.encode("utf-8", "replace")) <= _NAME_BYTES:
        return name
    return f"{name[:40]}-{hashlib.sha256(target.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"


def _follow(events: Generator[Event, None, None], console: Console) -> tuple[RunStarted | None, Result]:
    """Show the events as they come; returns how the run began, if it did, and how it ended."""
    started: RunStarted | None = None
    with TerminalProgress(console) as progress, _tracebacks_shown():
        for event in events:
            try:
                progress.show(event)
            except KeyboardInterrupt:
                # It came between two steps of the engine, which ends what it has started, and sums up.
                event = events.throw(KeyboardInterrupt())
            if isinstance(event, RunStarted):
                started = event
            elif isinstance(event, RunFinished):
                return started, event.result
    raise RuntimeError("the engine has ended without a result")


@contextmanager
def _tracebacks_shown() -> Iterator[None]:
    """Show tracebacks of the kit itself meanwhile: on stderr as it is now, beside the moving line."""
    logger, handler = logging.getLogger("dsync_kit.conformance"), logging.StreamHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _kept(asked: Verification, result: Result) -> Result:
    """The result, each of its failures kept in a file to be replayed."""
    try:
        return replace(result, outcomes=tuple(asked.keep(outcome, result.seed) for outcome in result.outcomes))
    except OSError as error:
        print(f"failures cannot be kept in {FAILURES}: {error.strerror}", file=sys.stderr)
        return result
