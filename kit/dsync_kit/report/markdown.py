"""The result as Markdown, for the summary of a CI step."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.output.plain import one_line
from dsync_kit.report.contents import Report, plural
from dsync_kit.report.failure import failure_text

__all__ = ["code", "escape", "render"]

_MARKS = {0: "✅", 1: "❌"}
_COLUMNS = {
    "passed": (Status.PASSED,),
    "failed": (Status.FAILED, Status.FLAKY, Status.UNEXPECTEDLY_PASSING, Status.ERRORED),
    "known": (Status.KNOWN_FAILING, Status.KNOWN_FLAKY),
    "not exercised": (Status.NOT_EXERCISED,),
    "skipped": (Status.SKIPPED,),
}


def render(report: Report) -> str:
    """The report as a Markdown document. Data is escaped or in code blocks."""
    result = report.result
    version = f" {report.connector_version}" if report.connector_version else ""
    lines = [
        f"## {_MARKS.get(result.exit_code, '⚠️')} {escape(report.verdict())}",
        "",
        f"`dsync-kit verify` {code(result.target)} · {escape(result.db_type + version) or 'no type given'} · profile "
        f"{result.profile} · edition {result.edition.name} · seed {result.seed} · {result.seconds:.1f} s",
        "",
    ]
    if result.outcomes:
        lines += [*_table(report), ""]
    for outcome in report.failures():
        lines += [*_failure(report, outcome), ""]
    for title, status in (
        ("Known to fail", Status.KNOWN_FAILING),
        ("Known to be flaky", Status.KNOWN_FLAKY),
        ("Not exercised", Status.NOT_EXERCISED),
        ("Skipped", Status.SKIPPED),
    ):
        lines += _reasons(report, title, status)
    title, parts = report.reduced()
    lines += _details(title, [f"{escape(part)}: {escape(rules)}" for part, rules in parts])
    if held := report.held():
        lines += ["**What its namespaces hold**", "", *(f"- {escape(line)}" for line in held), ""]
    if report.notes():
        lines += ["**Observations**", "", *(f"- {escape(note)}" for note in report.notes()), ""]
    return "\n".join(lines)


def _table(report: Report) -> Iterator[str]:
    columns = {name: kinds for name, kinds in _COLUMNS.items() if report.having(*kinds)}
    yield f"| area | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"
    for area, outcomes in report.areas().items():
        counts = [sum(outcome.status in kinds for outcome in outcomes) for kinds in columns.values()]
        yield f"| {area} | {' | '.join(str(count or '') for count in counts)} |"


def _failure(report: Report, outcome: Outcome) -> Iterator[str]:
    message = outcome.failure.message if outcome.failure else outcome.reason
    consequences = report.consequences(outcome.rule)
    again = report.again(outcome.rule)
    text = failure_text(outcome, report.rules.get(outcome.rule), consequences, again=again)
    more = f" · {plural(len(consequences), 'consequence')}" if consequences else ""
    more += f" · {_in_html(again)}" if again else ""
    since = f", a warning: counts from edition {outcome.counts_from}" if outcome.counts_from else ""
    yield f"<details><summary><b>{outcome.rule}</b> ({outcome.level.value}{since}): {_in_html(message)}{more}</summary>"
    yield ""
    # A fence must be longer than any run of backticks inside it.
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    yield f"{fence}text"
    yield text
    yield fence
    yield "</details>"


def _reasons(report: Report, title: str, status: Status) -> Iterator[str]:
    yield from _groups(report, title, report.by_reason(status))


def _groups(report: Report, title: str, groups: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    count = sum(len(outcomes) for outcomes in groups.values())
    names = {reason: ", ".join(f"`{name}`" for name in report.names(outcomes)) for reason, outcomes in groups.items()}
    yield from _details(f"{title}: {count}", [f"{escape(reason)}: {rules}" for reason, rules in names.items()])


def _details(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        items = (f"- {entry}" for entry in entries)
        yield from (f"<details><summary>{title}</summary>", "", *items, "", "</details>", "")


def code(text: str) -> str:
    """Plain text that Markdown shows as code."""
    shown = one_line(text)
    # The quotes must be longer than any run of backticks between them.
    marks = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    space = " " if "`" in shown else ""
    return f"{marks}{space}{shown}{space}{marks}"


def escape(text: str) -> str:
    """Plain text for Markdown, escaped and on one line: a blank line would begin a new block."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~@$])", r"\\\1", html.escape(one_line(text), quote=False))
    return re.sub(r"^(\d*)([-+.)])", r"\1\\\2", escaped)  # the mark of a list's item


def _in_html(text: str) -> str:
    """Plain text for a block of HTML, which a blank line would end."""
    return html.escape(one_line(text))
