"""The report on a terminal, and in the log of a CI run."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from dsync_kit.conformance.results.events import RuleFinished, RuleStarted, RunFinished
from dsync_kit.report.contents import Report
from dsync_kit.report.terminal import TerminalProgress, print_report, report_lines

EXPECTED = """
 ! info    1 passed, 1 failed: warns
 ✗ list    2 failed: ends, cursor-advances
 · stream  1 skipped
 ! write   1 not exercised, 1 known failing

Skipped
  it streams no updates
      stream/ends

Not exercised (this does not mean passed)
  it takes one document a call
      write/large

Known to fail
  the store is odd
      write/odd

Observations
  it refuses ids of the kind double

── list/cursor-advances · MUST violated ────────────────────────────────────────
“the sentence of list/cursor-advances”

The cursor stands still
expected      a next_cursor that differs from the request's
seen          cursor b'<b>[bold]7' again

smallest example
  documents = [{"_id": "a"}]
  text = ```\\x1b[31m</script><script>alert(1)</script>

calls
  1  WriteData(namespace='n', data=[{"_id": "a"}], type=MONGO_BSON) → OK
  2  ListData(partition={namespace='n',
       cursor=b'0123456789012345678901234567890123456789'})
     → data=[{"_id": "document-0"}, {"_id": "document-1"}, {"_id":
       "document-2"}, {"_id": "document-3"}]

log of the connector
  WARNING bk: page 7 is odd

leads to      1 consequence: list/ends
likely cause  the last page repeats its cursor
replay        dsync-kit verify 'grpc://127.0.0.1:1' --rule list/cursor-advances --profile quick --seed 7 --insecure

── info/warns · SHOULD violated, a warning ─────────────────────────────────────
"""


def shown(report: Report, width: int, *, colour: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colour, color_system="standard" if colour else None,
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    print_report(report, console)
    return file.getvalue()


def test_report(broken: Report) -> None:
    """Areas, reasons, notes, then each failure with everything that is needed to fix it."""
    assert shown(broken, 80).startswith(EXPECTED)


def test_verdict_is_last(broken: Report, conformant: Report) -> None:
    """The last line has the result."""
    assert shown(conformant, 80).splitlines()[-1] == "✓ conformant: 1 rule passed, 1 skipped (1.2 s)"
    assert shown(broken, 200).splitlines()[-1].startswith("✗ not conformant: 1 MUST rule violated, ")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_lines_fit(broken: Report, width: int) -> None:
    """Nothing is wider than the terminal except commands, which stay whole for copying."""
    wide = [line.plain for line in report_lines(broken, width) if cell_len(line.plain) > width]
    assert all(line.startswith("replay") for line in wide)


def test_no_line_ends_with_spaces(broken: Report) -> None:
    """Copied text has no padding."""
    assert not [line for line in shown(broken, 80).splitlines() if line != line.rstrip()]


def test_data_is_not_markup(broken: Report) -> None:
    """Square brackets in data are shown, not taken as a style; its escape sequences do not reach the terminal."""
    text = shown(broken, 120, colour=True)
    assert "[bold]7" in text
    assert "\\x1b[31m</script>" in text


def test_progress_without_a_terminal(broken: Report) -> None:
    """There is a line for each rule, so that the log of a CI run shows the progress."""
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False, markup=False)
    assert broken.started is not None
    with TerminalProgress(console) as progress:
        progress.show(broken.started)
        for outcome in broken.result.outcomes[:2]:
            progress.show(RuleStarted(broken.rules[outcome.rule]))
            progress.show(RuleFinished(outcome))
        progress.show(RunFinished(broken.result))
    assert file.getvalue().splitlines() == [
        "target       grpc://127.0.0.1:1",
        "data system  example 1",
        "declares     source (MONGO_BSON)",
        "profile      quick, seed 7, 7 rules",
        "edition      2026.1 (the latest)",
        "1/7 passed        info/db-type  1 example, 0.0 s",
        "2/7 failed        info/warns  2 examples, 0.0 s",
    ]


def test_progress_on_a_terminal_names_failures_at_once(broken: Report) -> None:
    """A failure is shown when it is found; passing rules only move the bar."""
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, highlight=False, markup=False)
    assert broken.started is not None
    with TerminalProgress(console) as progress:
        progress.show(broken.started)
        for outcome in broken.result.outcomes:
            progress.show(RuleStarted(broken.rules[outcome.rule]))
            progress.show(RuleFinished(outcome))
    assert "failed" in file.getvalue()
    assert "list/cursor-advances" in file.getvalue()
