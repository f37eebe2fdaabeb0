"""The results of several connectors as one Markdown document, for the summary of a CI step."""

from collections.abc import Mapping, Sequence

from dsync_kit.report.contents import Report, plural
from dsync_kit.report.markdown import code, escape
from dsync_kit.report.markdown import render as render_one

__all__ = ["render"]

_MARKS = {0: "✅", 1: "❌"}


def render(reports: Mapping[str, Report], base: str, *, left: Sequence[str] = (), most: int | None = None) -> str:
    """What came of each connector, by its folder; `left` are those that were not reached, `base` what they differ from.

    A document of more than `most` bytes keeps the table, or not even that, and says where the rest is; it is empty
    where there is no room at all.
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
    """The first of the texts that has no more bytes than that; empty if all have more."""
    return next((text for text in texts if most is None or len(text.encode()) <= most), "")


def _mark(report: Report) -> str:
    return _MARKS.get(report.result.exit_code, "⚠️")


def _cell(name: str) -> str:
    return code(name).replace("|", "\\|")
