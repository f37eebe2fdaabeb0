"""The report on a terminal: progress while the rules run, then the result."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from dsync_kit.conformance.results.events import (
    Event,
    JudgedAgain,
    RuleFinished,
    RuleStarted,
    RunFinished,
    RunStarted,
    StillRunning,
)
from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.output.plain import printable
from dsync_kit.report.contents import Report, held_lines, plural
from dsync_kit.report.failure import failure_lines
from dsync_kit.report.lines import field, hanging

__all__ = ["TerminalProgress", "print_report", "report_lines"]

_STYLES = {
    Status.PASSED: "green",
    Status.FAILED: "red",
    Status.SKIPPED: "dim",
    Status.NOT_EXERCISED: "yellow",
    Status.KNOWN_FAILING: "yellow",
    Status.UNEXPECTEDLY_PASSING: "red",
    Status.FLAKY: "red",
    Status.KNOWN_FLAKY: "yellow",
    Status.ERRORED: "magenta",
}


_MOST_LINES = 8
"""A reason may quote what a process printed last: its end matters."""


class TerminalProgress:
    """Shows events as they come: an animated line on a terminal, a line for each rule elsewhere."""

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
        """Show one event."""
        match event:
            case RunStarted():
                self._total = len(event.rules)
                self._progress.update(self._task, total=self._total, description="")
                for line in _header(event, self._console.width):
                    self._console.print(line, soft_wrap=True)
            case RuleStarted():
                failures = f"   {plural(self._failed, 'failure')}" if self._failed else ""
                self._progress.update(self._task, description=f"{event.rule.id}{failures}")
            case StillRunning():
                self._still_running(event)
            case RuleFinished():
                self._finished(event.outcome)
            case JudgedAgain():
                text = f"{event.rule.id}, apart from {event.feature}"
                self._progress.update(self._task, description=printable(text))
            case RunFinished():
                self._progress.update(self._task, description="")

    def _still_running(self, event: StillRunning) -> None:
        if self._console.is_terminal:  # the animated line has the rule and the seconds
            return
        doing = f": {event.doing}" if event.doing else ""
        running = f"{event.rule} has been running for" if event.rule else "preparing takes longer than"
        text = f"{running} {event.seconds:.0f} s{doing}"
        self._console.print(Text(printable(text), "dim"), soft_wrap=True)

    def _finished(self, outcome: Outcome) -> None:
        self._done += 1
        self._failed += outcome.violated
        self._progress.update(self._task, completed=self._done)
        if self._console.is_terminal and outcome.status not in (Status.FAILED, Status.FLAKY, Status.ERRORED):
            return
        number = f"{self._done:>{len(str(self._total))}}/{self._total}"
        took = f"  {plural(outcome.examples, 'example')}, {outcome.seconds:.1f} s" if outcome.examples else ""
        status = f"{outcome.status.replace('-', ' '):<13} "
        line = Text.assemble((f"{number} ", "dim"), (status, _style(outcome)), outcome.rule, (took, "dim"))
        self._console.print(line, soft_wrap=True)


def print_report(report: Report, console: Console) -> None:
    """Print the result of the run."""
    for line in report_lines(report, console.width):
        # Lines longer than the terminal (commands to copy) stay whole.
        console.print(line, soft_wrap=True)


def report_lines(report: Report, width: int) -> Iterator[Text]:
    """The report as lines of about `width` columns."""
    if report.result.outcomes:
        yield Text()
        yield from _areas(report, width)
    yield from _reasons(report, "Skipped", Status.SKIPPED, width)
    yield from _reasons(report, "Not exercised (this does not mean passed)", Status.NOT_EXERCISED, width)
    yield from _reasons(report, "Known to fail", Status.KNOWN_FAILING, width)
    yield from _reasons(report, "Known to be flaky", Status.KNOWN_FLAKY, width)
    yield from _listed(*report.reduced(), width)
    yield from _notes(report, width)
    for outcome in report.failures():
        yield Text()
        consequences, again = report.consequences(outcome.rule), report.again(outcome.rule)
        yield from failure_lines(outcome, report.rules.get(outcome.rule), consequences, again=again, width=width)
    yield Text()
    yield from _verdict(report, width)


def _style(outcome: Outcome) -> str:
    return "yellow" if outcome.mild else _STYLES[outcome.status]


def _header(started: RunStarted, width: int) -> Iterator[Text]:
    version = f" {started.version}" if started.version else ""
    facts = {
        "target": started.target,
        "data system": f"{started.db_type}{version}",
        "declares": ", ".join(started.capabilities) or "nothing",
        "profile": f"{started.profile}, seed {started.seed}, {plural(len(started.rules), 'rule')}",
        "edition": str(started.terms.edition),
    }
    for label, text in facts.items():
        yield from field(label, text, width, column=13, style="bold" if label == "target" else "")
    for index, text in enumerate(held_lines(started.documents)):
        yield from field("" if index else "documents", text, width, column=13)


def _areas(report: Report, width: int) -> Iterator[Text]:
    areas = report.areas()
    column = max(map(len, areas)) + 5
    for area, outcomes in areas.items():
        mark, style = _mark(outcomes)
        tally = _tally(outcomes)
        first = Text().append(f" {mark} ", style).append(f"{area:<{column - 3}}", "bold")
        if first.cell_len + tally.cell_len <= width:
            yield first + tally
            continue
        for index, line in enumerate(hanging(tally.plain, width, indent=column, hang=column, style=style)):
            yield first + line[column:] if index == 0 else line


def _mark(outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """The result of an area as one character, and its colour."""
    styles = {_style(outcome) for outcome in outcomes}
    for mark, style in (("✗", "red"), ("!", "magenta"), ("!", "yellow"), ("✓", "green")):
        if style in styles:
            return mark, style
    return "·", "dim"


def _tally(outcomes: Sequence[Outcome]) -> Text:
    parts = []
    for status in Status:
        found = [outcome for outcome in outcomes if outcome.status is status]
        if not found:
            continue
        style = "yellow" if all(_style(outcome) == "yellow" for outcome in found) else _STYLES[status]
        names = ", ".join(outcome.rule.partition("/")[2] for outcome in found)
        shown = (
            f": {names}" if status in (Status.FAILED, Status.FLAKY, Status.UNEXPECTEDLY_PASSING, Status.ERRORED) else ""
        )
        parts.append(Text(f"{len(found)} {status.replace('-', ' ')}{shown}", style))
    return Text(", ").join(parts)


def _reasons(report: Report, title: str, status: Status, width: int) -> Iterator[Text]:
    yield from _groups(title, report.by_reason(status), report, width)


def _groups(title: str, groups: Mapping[str, Sequence[Outcome]], report: Report, width: int) -> Iterator[Text]:
    named = [(reason, ", ".join(report.names(outcomes))) for reason, outcomes in groups.items()]
    yield from _listed(title, named, width)


def _listed(title: str, entries: Sequence[tuple[str, str]], width: int) -> Iterator[Text]:
    if not entries:
        return
    yield Text()
    yield Text(title, "bold")
    for what, rules in entries:
        yield from hanging(what, width, indent=2, hang=4, most=_MOST_LINES)
        yield from hanging(rules, width, indent=6, hang=6, style="dim")


def _notes(report: Report, width: int) -> Iterator[Text]:
    if report.notes():
        yield Text()
        yield Text("Observations", "bold")
    for note in report.notes():
        yield from hanging(note, width, indent=2, hang=4, most=_MOST_LINES)


def _verdict(report: Report, width: int) -> Iterator[Text]:
    mark, style = {0: ("✓", "bold green"), 1: ("✗", "bold red")}.get(report.result.exit_code, ("!", "bold magenta"))
    yield from hanging(f"{mark} {report.verdict()} ({report.result.seconds:.1f} s)", width, hang=2, style=style)
