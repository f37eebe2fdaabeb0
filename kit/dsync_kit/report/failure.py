"""One failure as a person reads it: what was expected, what was seen, how it came about, what to do."""

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dsync_kit.conformance.outcome import Failure, Outcome, Status
from dsync_kit.conformance.rule import Level, Rule
from dsync_kit.report.contents import plural
from dsync_kit.report.lines import OPEN_ENDED, elide, hanging

__all__ = ["failure_panel", "failure_text"]

_FIRST_CALLS, _LAST_CALLS = 8, 24
"""The calls of a long transcript that are shown here; the other reports have all of them."""


def failure_panel(
    outcome: Outcome, rule: Rule | None, consequences: Sequence[Outcome] = (), *, width: int = 100
) -> RenderableType:
    """What a person needs to mend one failure. `width` is that of the place, in columns."""
    colour = "red" if outcome.level is Level.MUST or outcome.status is not Status.FAILED else "yellow"
    title = Text.assemble((f" {outcome.rule} ", f"bold {colour}"), (f"· {_label(outcome)} ", colour))
    parts = list(_parts(outcome, rule, consequences, width))
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour, box=OPEN_ENDED, padding=(0, 0))


def failure_text(outcome: Outcome, rule: Rule | None, consequences: Sequence[Outcome] = (), *, width: int = 100) -> str:
    """The same as plain text."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(failure_panel(outcome, rule, consequences, width=width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _label(outcome: Outcome) -> str:
    match outcome.status:
        case Status.FAILED:
            return f"{outcome.level.value} violated" + ("" if outcome.level is Level.MUST else " (a warning)")
        case Status.UNEXPECTEDLY_PASSING:
            return "passes, against what is said of it"
        case Status.ERRORED:
            return "could not be judged"
        case _:
            return outcome.status.replace("-", " ")


def _parts(
    outcome: Outcome, rule: Rule | None, consequences: Sequence[Outcome], width: int
) -> Iterator[RenderableType]:
    if rule is not None and rule.sentence:
        yield Text(f"“{rule.sentence}”", style="italic")
        yield Text()
    failure = outcome.failure
    if failure is None:
        yield Text(outcome.reason)
        return
    yield Text(_sentence(failure.message), style="bold")
    facts = _facts(failure, width)
    if facts.row_count:
        yield Padding(facts, (0, 0, 0, 2))
    if failure.example:
        yield _heading("smallest example")
        for label, value in failure.example:
            yield from hanging(f"{label} = {value}", width, indent=2, hang=4, most=4)
    if failure.transcript:
        yield _heading("calls")
        yield from _transcript(failure.transcript, width)
    yield from _advice(outcome, failure, consequences)


def _facts(failure: Failure, width: int) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value, style in (("expected", failure.expected, "green"), ("seen", failure.seen, "red")):
        if value.strip():
            facts.add_row(name, Text(elide(value.strip(), 6 * (width - 12)), style=style))
    return facts


def _advice(outcome: Outcome, failure: Failure, consequences: Sequence[Outcome]) -> Iterator[RenderableType]:
    advice = Table.grid(padding=(0, 2))
    advice.add_column(style="dim", no_wrap=True)
    advice.add_column(overflow="fold")
    if failure.hint:
        advice.add_row("likely cause", Text(failure.hint, style="cyan"))
    if consequences:
        names = ", ".join(found.rule for found in consequences)
        advice.add_row(plural(len(consequences), "consequence"), Text(names))
    if outcome.status is Status.KNOWN_FAILING:
        advice.add_row("known", Text(outcome.reason))
    if not failure.reproducible:
        advice.add_row("note", Text("the same example did not fail again: it depends on timing, or on earlier calls"))
    advice.add_row("replay", Text(failure.replay, style="bold"))
    yield Text()
    yield advice


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="dim")


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]


def _transcript(lines: Sequence[str], width: int) -> Iterator[Text]:
    """Each call with its number; a call that fits no line has its answer on a line of its own."""
    hidden = len(lines) - _FIRST_CALLS - _LAST_CALLS
    for index, line in enumerate(lines):
        if hidden > 1 and index == _FIRST_CALLS:
            yield Text(f"     … {hidden} more calls, which the JSON and HTML reports show …", style="dim")
        if hidden > 1 and _FIRST_CALLS <= index < len(lines) - _LAST_CALLS:
            continue
        last = index == len(lines) - 1
        style = "bold" if last else ""
        request, arrow, answer = line.partition(" → ")
        if len(line) <= width or not arrow:
            yield from hanging(line, width, indent=0, hang=7, most=4, style=style)
        else:
            yield from hanging(request, width, indent=0, hang=7, most=4, style=style)
            yield from hanging(f"→ {answer}", width, indent=5, hang=7, most=4, style=style)
