"""Failures as annotations, which GitHub shows beside the code."""

import re
from collections.abc import Iterator

from dsync_kit.conformance.results.outcome import Outcome
from dsync_kit.output.plain import printable_lines
from dsync_kit.report.contents import Report

__all__ = ["annotations"]

_METHODS = {
    "info": "get_info",
    "plan": "generate_plan",
    "list": "list_data",
    "metadata": "get_namespace_metadata",
    "write": "write_data",
    "updates": "write_updates",
    "stream": "stream_updates",
    "lsn": "stream_lsn",
    "get-by-ids": "get_by_ids",
}
"""The method that each area of rules is about. Other areas are about the whole class."""


def annotations(report: Report, file: str, source: str) -> Iterator[str]:
    """A GitHub workflow command for each failure that is not a consequence of another.

    `file` is the path of the connector's module in the repository, `source` its text. Failures that do not fail the run
    become warnings.
    """
    result = report.result
    if result.problem or result.interrupted:
        yield _command("error", file, 1, "not judged", report.verdict())
    for outcome in report.failures():
        mild = outcome.mild and not outcome.fails(strict=result.strict)
        since = f", counts from edition {outcome.counts_from}" if outcome.counts_from else ""
        title = f"{outcome.rule} ({outcome.level.value}{since})"
        yield _command("warning" if mild else "error", file, _line(outcome.area, source), title, _message(outcome))


def _message(outcome: Outcome) -> str:
    failure = outcome.failure
    if failure is None:
        return outcome.reason
    lines = (
        ("", failure.message),
        ("expected: ", failure.expected),
        ("seen: ", failure.seen),
        ("likely cause: ", failure.hint),
        ("replay: ", outcome.replay),
    )
    return "\n".join(f"{label}{text}" for label, text in lines if text)


def _line(area: str, source: str) -> int:
    """The line of the area's method, else of the first class, else 1."""
    method = [rf"^ +def {_METHODS[area]}\b"] if area in _METHODS else []
    for pattern in (*method, r"^class \w"):
        if found := re.search(pattern, source, re.MULTILINE):
            return source.count("\n", 0, found.start()) + 1
    return 1


def _command(level: str, file: str, line: int, title: str, message: str) -> str:
    """`::level file=…,line=…,title=…::message`, escaped as GitHub's runner unescapes it."""
    properties = {"file": file, "line": str(line), "title": f"dsync-kit: {title}"}
    listed = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    return f"::{level} {listed}::{_escape(message)}"


def _escape(text: str, also: str = "") -> str:
    plain = printable_lines(text)
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + also else char for char in plain)
