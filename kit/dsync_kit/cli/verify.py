"""`dsync-kit verify`: runs the rules, shows the results, writes the reports."""

import itertools
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from dsync_kit.bounds.patience import CALL_SECONDS
from dsync_kit.cli.exit_codes import ExitCode, say_error
from dsync_kit.conformance.results.events import Event, KitBroke, Resolved, RunFinished, RunStarted
from dsync_kit.conformance.results.features import keep_features
from dsync_kit.conformance.results.outcome import Finding, KeptExample, Result, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.running.keeping.kept import FAILURES, KeptFailure, folder_of
from dsync_kit.conformance.running.keeping.known_examples import KnownExample
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.conformance.running.processes.judging import judge_apart
from dsync_kit.conformance.running.processes.messages import Named, Orders
from dsync_kit.conformance.subject.journal import RUNS
from dsync_kit.output.plain import printable_lines
from dsync_kit.output.redaction import redact_target
from dsync_kit.output.workflow_commands import WorkflowCommands
from dsync_kit.report.contents import Report
from dsync_kit.report.files import ReportFile, console_beside, write_reports
from dsync_kit.report.terminal import TerminalProgress, print_report
from dsync_kit.targets.earlier import earlier_version
from dsync_kit.targets.typed import TypedOptions
from dsync_kit.usage import UsageError

__all__ = ["EXAMPLES", "Verification", "follow", "judge", "orders_of", "verify"]

EXAMPLES = Path(".dsync-kit/examples")
"""The folder for each connector's failing examples, which the next run tries first."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What the user asked for. `timeout` (for each call) and `settle` (for reads that lag) are in seconds."""

    target: str
    options: Sequence[str] = ()
    profile: str = "standard"
    seed: int | None = None
    rules: Sequence[str] = ()
    edition: str | None = None
    against: str | None = None
    namespaces: Sequence[str] = ()
    documents: Sequence[str] = ()
    known_failures: Path | None = None
    known_flaky: Path | None = None
    strict: bool = False
    reports: Sequence[str] = ()
    insecure: bool = False
    timeout: float = CALL_SECONDS
    settle: float | None = None

    def replay(self, rule: str, seed: int, typed: TypedOptions) -> str:
        """The command that runs one rule again, without secrets."""
        words = ["dsync-kit", "verify", redact_target(self.target)]
        words += ["--rule", rule, "--profile", self.profile, "--seed", str(seed)]
        words += ["--against", self.against] if self.against is not None else []
        words += ["--edition", self.edition] if self.edition is not None else []
        for namespace in self.namespaces:
            words += ["--namespace", namespace]
        for file in self.documents:
            words += ["--documents", file]
        words += ["--insecure"] * self.insecure
        words += ["--timeout", f"{self.timeout:g}"] if self.timeout != CALL_SECONDS else []
        words += ["--settle", f"{self.settle:g}"] if self.settle is not None else []
        words += ["--", *typed.shown()] if self.options else []
        return shlex.join(words)

    def keep(self, finding: Finding, seed: int, typed: TypedOptions) -> str:
        """Save a failure in a file; returns the name by which it is found. Raises OSError if it cannot be written."""
        if finding.failure is None or not finding.failure.choices:
            return ""
        kept = KeptFailure(
            rule=finding.rule,
            target=redact_target(self.target),
            options=typed.kept(),
            namespaces=tuple(self.namespaces),
            documents=tuple(self.documents),
            insecure=self.insecure,
            profile=self.profile,
            seed=seed,
            choices=finding.failure.choices,
            without=keep_features(finding.without),
            timeout=self.timeout,
            settle=self.settle,
        )
        return kept.save()


def verify(asked: Verification, crew: Crew) -> int:
    """Judge a connector; returns the exit code. Raises UsageError for an impossible request."""
    files = [ReportFile.parse(text) for text in asked.reports]
    console = console_beside(files)
    with WorkflowCommands(console.file):
        report = judge(asked, console, crew)
    problems = write_reports(files, report)
    for line in _keep_known(report):
        print(printable_lines(line), file=sys.stderr)
    for problem in problems:
        say_error(problem)
    return report.result.exit_code or (ExitCode.NOT_JUDGED if problems else ExitCode.OK)


def judge(asked: Verification, console: Console, crew: Crew) -> Report:
    """Judge a connector, show the results, and save its failures. The caller writes the reports.

    The crew's processes do the work. Raises UsageError for an impossible request.
    """
    report = follow(asked, orders_of(asked), console, crew)
    print_report(report, console)
    sys.stdout.flush()
    return report


def follow(asked: Verification, orders: Orders, console: Console, crew: Crew) -> Report:
    """Judge a connector as the orders say, show the progress, and keep its failures. Raises UsageError."""
    seen = _Seen()
    keeper = _Keeper(lambda finding: asked.keep(finding, orders.seed, seen.typed))
    with _earlier(asked) as earlier:
        orders = replace(orders, earlier=earlier)
        events = judge_apart(orders, crew, lambda rule: asked.replay(rule, orders.seed, seen.typed), keep=keeper.keep)
        result = _follow(events, console, seen)
    if keeper.problem:
        print(keeper.problem, file=sys.stderr)
    return Report.of(result, seen.rules, seen.started)


def _earlier(asked: Verification) -> AbstractContextManager[Path | None]:
    """The version to compare with, if one was asked for. Raises UsageError."""
    if asked.against is None:
        return nullcontext()
    if asked.options or not Path(asked.target).is_dir():
        raise UsageError("--against needs a connector's folder in a git repository, without options, as the target")
    return earlier_version(Path(asked.target), asked.against)


def _keep_known(report: Report) -> Iterator[str]:
    """Keep an example of each known failure that has none, or whose example passes; yields messages about that."""
    terms = report.started.terms if report.started else Terms()
    for outcome in report.having(Status.KNOWN_FAILING):
        failure, path = outcome.failure, terms.examples.get(outcome.rule)
        if path is None or failure is None or not failure.choices or failure.again:
            continue
        narrowed = outcome.apart is not None and outcome.apart.cause and not outcome.cause
        if outcome.kept_example is KeptExample.FAILS or narrowed:  # a narrowed example needs more than its choices
            continue
        try:
            KnownExample(outcome.rule, failure.example, failure.choices).save(path)
        except OSError as error:
            yield f"the example of {outcome.rule} cannot be saved in {path}: {error.strerror}"
        else:
            yield f"{os.path.relpath(path)} keeps an example of {outcome.rule}, which is known to fail: commit it"


@dataclass(slots=True)
class _Seen:
    """What the events before the last one reported."""

    started: RunStarted | None = None
    typed: TypedOptions = field(default_factory=TypedOptions)
    rules: tuple[RuleInfo, ...] = ()


def orders_of(asked: Verification) -> Orders:
    """What to judge, and how. Raises UsageError if there is no such profile."""
    if asked.profile not in PROFILES:
        raise UsageError(f"there is no profile {asked.profile!r}: expected one of {', '.join(PROFILES)}")
    return Orders(
        target=Named(asked.target, tuple(asked.options), asked.insecure, asked.timeout),
        profile=PROFILES[asked.profile],
        seed=secrets.randbelow(2**32) if asked.seed is None else asked.seed,
        rules=tuple(asked.rules),
        edition=asked.edition,
        namespaces=tuple(asked.namespaces),
        documents=tuple(asked.documents),
        known_failures=asked.known_failures,
        known_flaky=asked.known_flaky,
        strict=asked.strict,
        database=EXAMPLES.absolute() / folder_of(redact_target(asked.target)),
        runs=RUNS.absolute(),
        settle=asked.settle,
    )


def _follow(events: Generator[Event, None, None], console: Console, seen: _Seen) -> Result:
    """Show the events as they come; returns the result of the run."""
    with TerminalProgress(console) as progress:
        try:
            return _result(events, progress, seen)
        except KeyboardInterrupt:
            # Interrupted between two steps of the engine: it stops what it started, and sums up.
            return _result(itertools.chain([events.throw(KeyboardInterrupt())], events), progress, seen)


def _result(events: Iterable[Event], progress: TerminalProgress, seen: _Seen) -> Result:
    """Show the events up to the last one; returns its result."""
    for event in events:
        progress.show(event)
        match event:
            case Resolved():
                seen.typed, seen.rules = event.options, event.rules
            case RunStarted():
                seen.started = event
            case KitBroke():
                print(printable_lines(event.text), file=sys.stderr)
            case RunFinished():
                return event.result
    raise RuntimeError("the engine ended without a result")


@dataclass(slots=True)
class _Keeper:
    """Saves failures in files until one cannot be written: then `problem` says why."""

    save: Callable[[Finding], str]
    problem: str = ""

    def keep(self, finding: Finding) -> str:
        """Save a failure; returns the name by which it is found, or empty if it cannot be saved."""
        if self.problem:
            return ""
        try:
            return self.save(finding)
        except OSError as error:
            self.problem = f"failures cannot be saved in {FAILURES}: {error.strerror}"
            return ""
