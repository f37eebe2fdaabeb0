"""The report on a terminal: what goes on while the rules run, then what came of them."""

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dsync_kit.conformance.events import Event, RuleFinished, RuleStarted, RunFinished, RunStarted
from dsync_kit.conformance.outcome import Outcome, Status
from dsync_kit.conformance.rule import Level
from dsync_kit.report.contents import Report, plural
from dsync_kit.report.failure import failure_panel
from dsync_kit.report.lines import hanging

__all__ = ["TerminalProgress", "print_report"]

_STYLES = {
    Status.PASSED: "green",
    Status.FAILED: "red",
    Status.SKIPPED: "dim",
    Status.NOT_EXERCISED: "yellow",
    Status.KNOWN_FAILING: "yellow",
    Status.UNEXPECTEDLY_PASSING: "red",
    Status.ERRORED: "magenta",
}


class TerminalProgress:
    """Shows events as they come: a line that moves on a terminal, a line for each rule elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None)
        self._failed = 0
        self._total = 0
        self._done = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case RunStarted():
                self._total = len(event.rules)
                self._progress.update(self._task, total=self._total, description="")
                _print_header(self._console, event)
            case RuleStarted():
                failures = f"   {plural(self._failed, 'failure')}" if self._failed else ""
                self._progress.update(self._task, description=f"{event.rule.id}{failures}")
            case RuleFinished():
                self._finished(event.outcome)
            case RunFinished():
                self._progress.update(self._task, description="")

    def _finished(self, outcome: Outcome) -> None:
        self._done += 1
        self._failed += outcome.status is Status.FAILED
        self._progress.update(self._task, completed=self._done)
        if self._console.is_terminal and outcome.status not in (Status.FAILED, Status.ERRORED):
            return
        number = f"{self._done:>{len(str(self._total))}}/{self._total}"
        took = f"{plural(outcome.examples, 'example')}, {outcome.seconds:.1f} s" if outcome.examples else ""
        line = Text.assemble(
            (f"{number} ", "dim"),
            (f"{outcome.status.replace('-', ' '):<13} ", _style(outcome)),
            f"{outcome.rule} ",
            (took, "dim"),
        )
        self._console.print(line, soft_wrap=True)


def print_report(report: Report, console: Console) -> None:
    """Print what came of the run."""
    if report.result.outcomes:
        console.print()
        console.print(_areas(report))
    for title, status in (("Skipped", Status.SKIPPED), ("Not exercised, so not passed", Status.NOT_EXERCISED)):
        _print_reasons(console, title, report.by_reason(status))
    _print_reasons(console, "Known to fail", report.by_reason(Status.KNOWN_FAILING))
    _print_notes(console, report)
    for outcome in report.failures():
        console.print()
        consequences = report.consequences(outcome.rule)
        console.print(failure_panel(outcome, report.rules.get(outcome.rule), consequences, width=console.width))
    console.print()
    console.print(_verdict(report))


def _style(outcome: Outcome) -> str:
    warning = outcome.status is Status.FAILED and outcome.level is Level.SHOULD
    return "yellow" if warning else _STYLES[outcome.status]


def _print_header(console: Console, started: RunStarted) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    version = f" {started.version}" if started.version else ""
    facts.add_row("target", Text(started.target, style="bold"))
    facts.add_row("data system", Text(f"{started.db_type}{version}"))
    facts.add_row("declares", Text(", ".join(started.capabilities) or "nothing"))
    facts.add_row("profile", Text(f"{started.profile}, seed {started.seed}, {plural(len(started.rules), 'rule')}"))
    console.print(facts)


def _areas(report: Report) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for area, outcomes in report.areas().items():
        bad = [found for found in outcomes if found.status in (Status.FAILED, Status.UNEXPECTEDLY_PASSING)]
        broken = [found for found in outcomes if found.status is Status.ERRORED]
        passed = any(found.status is Status.PASSED for found in outcomes)
        mark = ("✗", "red") if bad else ("!", "magenta") if broken else ("✓", "green") if passed else ("·", "dim")
        if bad and all(_style(found) == "yellow" for found in bad):
            mark = ("!", "yellow")
        table.add_row(Text(*mark), area, _tally(outcomes))
    return table


def _tally(outcomes: list[Outcome]) -> Text:
    parts = []
    for status in Status:
        found = [outcome for outcome in outcomes if outcome.status is status]
        if not found:
            continue
        style = "yellow" if all(_style(outcome) == "yellow" for outcome in found) else _STYLES[status]
        text = Text(f"{len(found)} {status.replace('-', ' ')}", style=style)
        if status in (Status.FAILED, Status.UNEXPECTEDLY_PASSING, Status.ERRORED):
            names = ", ".join(outcome.rule.partition("/")[2] for outcome in found)
            text = text + Text(f": {names}", style=style)
        parts.append(text)
    return Text(", ").join(parts)


def _print_reasons(console: Console, title: str, groups: dict[str, list[Outcome]]) -> None:
    if not groups:
        return
    console.print(Text(f"\n{title}", style="bold"))
    for reason, outcomes in groups.items():
        for line in hanging(f"{reason}:", console.width, indent=2, hang=4, most=4):
            console.print(line)
        console.print(Padding(Text(", ".join(outcome.rule for outcome in outcomes), style="dim"), (0, 0, 0, 4)))


def _print_notes(console: Console, report: Report) -> None:
    notes = list(report.result.notes)
    notes += [f"{outcome.rule}: {note}" for outcome in report.result.outcomes for note in outcome.notes]
    if notes:
        console.print(Text("\nFound out on the way", style="bold"))
    for note in notes:
        for line in hanging(note, console.width, indent=2, hang=4, most=4):
            console.print(line)


def _verdict(report: Report) -> Text:
    mark, style = {0: ("✓", "bold green"), 1: ("✗", "bold red")}.get(report.result.exit_code, ("!", "bold magenta"))
    return Text(f"{mark} {report.verdict()}  ({report.result.seconds:.1f} s)", style=style)
