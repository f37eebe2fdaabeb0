"""The results of several connectors as one Markdown document, for the summary of a CI step."""

from collections.abc import Mapping, Sequence

from dsync_kit.report.contents import Report
from dsync_kit.report.markdown import code, escape
from dsync_kit.report.markdown import render as render_one

__all__ = ["render"]

_MARKS = {0: "✅", 1: "❌"}


def render(reports: Mapping[str, Report], base: str, *, left: Sequence[str] = (), most: int = 0) -> str:
    """What came of each connector, by its folder; `left` are those that were not reached, `base` what they differ from.

    A document of more than `most` bytes keeps the table, and says where the rest is; 0 sets no limit.
    """
    heading = ["# dsync-kit ci", "", f"Compared with {code(base)}."]
    if not reports and not left:
        return "\n".join([*heading, "", "No connector is touched.", ""])
    table = ["", "| connector | result |", "|---|---|"]
    table += [f"| {_cell(name)} | {_mark(report)} {escape(report.verdict())} |" for name, report in reports.items()]
    table += [f"| {_cell(name)} | ⚠️ not reached |" for name in left]
    text = "\n".join([*heading, *table, "", *(render_one(report) for report in reports.values())])
    if most and len(text.encode()) > most:
        return "\n".join([*heading, *table, "", "The details are in the log: they are too long for this page.", ""])
    return text


def _mark(report: Report) -> str:
    return _MARKS.get(report.result.exit_code, "⚠️")


def _cell(name: str) -> str:
    return code(name).replace("|", "\\|")
