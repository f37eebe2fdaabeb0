"""The result as a self-contained HTML page, for screens of any size."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from dsync_kit.conformance.results.outcome import Outcome, Status
from dsync_kit.conformance.results.rule_info import Need, RuleInfo
from dsync_kit.conformance.results.situations import Meeting, table
from dsync_kit.output.plain import printable_lines
from dsync_kit.report.contents import Report

__all__ = ["render"]

_COLUMNS: dict[str, tuple[Need, ...]] = {
    "get by ids": (Need.GET_BY_IDS,),
    "lsn": (Need.LSN,),
    "updates": (Need.UPDATES,),
    "plans": (Need.MULTI_NAMESPACE_PLAN, Need.DEFAULT_PLAN),
    "sink": (Need.SINK, Need.CHANGING),
    "source": (Need.SOURCE, Need.LISTING, Need.LOADING, Need.READING),
}
"""The columns of the table, from special to general: a rule is in the first column that it needs."""

_SHOWN_COLUMNS = ("any", "source", "sink", "plans", "updates", "lsn", "get by ids")

_MARKS = {
    Status.PASSED: "✓",
    Status.FAILED: "✗",
    Status.SKIPPED: "-",
    Status.NOT_EXERCISED: "○",
    Status.KNOWN_FAILING: "k",
    Status.UNEXPECTEDLY_PASSING: "✗",
    Status.FLAKY: "✗",
    Status.KNOWN_FLAKY: "k",
    Status.ERRORED: "!",
}


def render(report: Report) -> str:
    """The page. All text from outside is escaped, including control characters."""
    source = files("dsync_kit.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    rules = [_rule(report, outcome) for outcome in report.result.outcomes]
    first = [outcome.rule for outcome in report.failures()]
    return environment.from_string(source).render(
        report=report,
        result=report.result,
        verdict=report.verdict(),
        counts={status: count for status, count in report.result.counts().items() if count},
        areas=list(report.areas()),
        columns=[column for column in _SHOWN_COLUMNS if any(rule["column"] == column for rule in rules)],
        rules=rules,
        explored=_explored(report),
        listed=sorted(rules, key=lambda rule: first.index(rule["id"]) if rule["id"] in first else len(first)),
        statuses=[status for status in Status if any(rule["status"] == status for rule in rules)],
    )


def _explored(report: Report) -> list[dict[str, Any]]:
    """A table for each way in which operations met."""
    reached = report.reached()
    names = sorted({name for found, _ in reached for name in (found.first, found.second)})
    tables = ((meeting, *table(reached, meeting)) for meeting in Meeting)
    return [
        {
            "meeting": meeting.value,
            "columns": [(names.index(name) + 1, name) for name in columns],
            "rows": [(names.index(name) + 1, name, list(zip(columns, counts, strict=True))) for name, counts in rows],
        }
        for meeting, columns, rows in tables
        if rows
    ]


def _rule(report: Report, outcome: Outcome) -> dict[str, Any]:
    rule = report.rules.get(outcome.rule)
    mild = outcome.mild and not outcome.fails(strict=report.result.strict)
    return {
        "id": outcome.rule,
        "area": outcome.area,
        "name": outcome.rule.partition("/")[2],
        "level": outcome.level.value,
        "status": outcome.status,
        "look": "warning" if mild else "consequence" if outcome.cause else outcome.status.value,
        "mark": "!" if mild else _MARKS[outcome.status],
        "column": _column(rule),
        "sentence": rule.sentence if rule else "",
        "summary": rule.summary if rule else "",
        "outcome": outcome,
        "failure": outcome.failure,
        "again": report.again(outcome.rule),
        "consequences": [found.rule for found in report.consequences(outcome.rule)],
        "open": outcome in report.failures(),
    }


def _shown(value: object) -> object:
    return printable_lines(value) if isinstance(value, str) else value


def _column(rule: RuleInfo | None) -> str:
    needs = set(rule.needs) if rule else set()
    return next((column for column, kinds in _COLUMNS.items() if needs & set(kinds)), "any")
