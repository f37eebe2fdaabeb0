"""The results of several connectors as one Markdown document, for the summary of a CI step."""

from collections.abc import Mapping, Sequence

from dsync_kit.report.contents import Report, plural
from dsync_kit.report.markdown import code, escape
from dsync_kit.report.markdown import render as render_one

__all__ = ["render"]

_MARKS = {0: "✅", 1: "❌"}


def render(reports: Mapping[str, Report], base: str, *, left: Sequence[str] = (), most: int | None = None) -> str:
    """The results of the connectors, by folder. `left` were not reached; `base` is what the change was compared with.

    If the document would exceed `most` bytes, only the table is kept, or not even that, with a note where the rest is.
    Without any room, the text is empty.
    """
    heading = ["# dsync-kit ci", "", f"Compared with {code(base)}.", ""]
    if not reports and not left:
        return _fitting(["\n".join([*heading, "No connector is touched.", ""])], most)
    rows = [f"| {_cell(name)} | {_mark(report)} {escape(report.verdict())} |" for name, report in reports.items()]
    rows += [f"| {_cell(name)} | ⚠️ not reached |" for name in left]
    table = [*heading, "| connector | result |", "|---|---|", *rows, ""]
    whole = "\n".join([*table, *(render_one(report) for report in reports.values())])
    short = "\n".join([*table, "The details are too long for this page: see the log.", ""])
    counted = "\n".join(
        [*heading, f"This page is full: see the log for the results of {plural(len(rows), 'connector')}.", ""]
    )
    return _fitting([whole, short, counted], most)


def _fitting(texts: Sequence[str], most: int | None) -> str:
    """The first of the texts that has at most so many bytes; empty if there is none."""
    return next((text for text in texts if most is None or len(text.encode()) <= most), "")


def _mark(report: Report) -> str:
    return _MARKS.get(report.result.exit_code, "⚠️")


def _cell(name: str) -> str:
    return code(name).replace("|", "\\|")
