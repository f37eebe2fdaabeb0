"""How the progress of a run is shown."""

import io
import json

import pytest
from rich.console import Console

from dsync_kit.flow.events import (
    Copied,
    Difference,
    Event,
    Failure,
    Finished,
    FlowResult,
    LsnSeen,
    Notice,
    PartitionFailed,
    PartitionRestarted,
    Planned,
    Started,
    StreamStarted,
    UpdatesWritten,
)
from dsync_kit.report import progress
from dsync_kit.report.progress import JsonLines, PlainLines, TerminalRun, result_lines
from dsync_kit.report.tally import Tally

PLANNED = Planned({"a": 100, "b": 0}, {"a": 20}, partitions=3, finished=1, streams=1)
HISTORY: list[Event] = [
    Started("one", "other", "full", "JSON_ID", "JSON_ID", resumed=True),
    PLANNED,
    Copied("a", 50, 5000),
    PartitionRestarted("a", 1, 10, "UNAVAILABLE: gone", 0.5),
    Copied("b", 7, 70),
    PartitionFailed("a", 2, "INTERNAL: odd \x1b[31mtext"),
    StreamStarted(1),
    LsnSeen(0, 9),
    UpdatesWritten("a", 4),
    Finished(FlowResult(57, 4, (Failure("partition 2 of a", "INTERNAL: odd"),), resume="go on")),
]


def test_the_tally() -> None:
    """Documents of earlier runs count; documents that are listed again do not count twice."""
    tally = Tally()
    for event in HISTORY[:5]:
        tally.add(event)
    assert (tally.namespaces["a"].documents, tally.namespaces["b"].documents) == (60, 7)
    assert [line.partition(",")[0] for line in tally.lines()] == [
        "a: 60 of 100 documents",
        "b: 7 documents",
    ]
    for event in HISTORY[5:]:
        tally.add(event)
    assert (tally.updates, tally.lsn) == (4, 9)


def test_lines_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is a line; control characters in data do not reach the terminal."""
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.0)
    lines: list[str] = []
    with PlainLines(lines.append) as reader:
        for event in HISTORY:
            reader(event)
    text = "\n".join(lines)
    assert lines[0] == "one → other: full, JSON_ID, resumed"
    assert "3 partitions, 1 of them already done, 1 updates partition" in lines[1]
    assert "a: partition 1 restarts in 0.5 s: UNAVAILABLE: gone" in text
    assert "4 of 9 updates" in text
    assert "\x1b" not in text
    assert lines[-1] == "go on"


def test_quiet_lines() -> None:
    """Only problems are printed."""
    lines: list[str] = []
    reader = PlainLines(lines.append, quiet=True)
    for event in [*HISTORY[:3], Notice("a notice"), Finished(FlowResult(50))]:
        reader(event)
    assert lines == []
    for event in HISTORY:
        reader(event)
    assert lines[0].startswith("a: partition 2 has failed")
    assert "not copied: partition 2 of a: INTERNAL: odd" in lines


def test_lines_of_json() -> None:
    """Each event is an object with its name and time."""
    lines: list[str] = []
    reader = JsonLines(lines.append)
    for event in HISTORY:
        reader(event)
    told = [json.loads(line) for line in lines]
    names = ["started", "planned", "partition-restarted", "partition-failed", "stream-started", "finished"]
    assert [event["event"] for event in told] == names
    assert all(event["time"] > 0 for event in told)
    assert told[-1]["failures"] == [{"what": "partition 2 of a", "reason": "INTERNAL: odd"}]


def test_on_a_terminal() -> None:
    """A line for each namespace moves, and the verdict stays."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, color_system=None)
    with TerminalRun(console) as reader:
        for event in HISTORY:
            reader(event)
    shown = text.getvalue()
    assert "60 of 100 documents" in shown
    assert "4 of 9 updates" in shown
    assert "incomplete: 57 documents, 4 updates" in shown
    assert "\x1b[31m" not in shown


def test_differences() -> None:
    """The first ones are listed, the others counted."""
    result = FlowResult(differences=3, shown=(Difference("n", '"x"', "missing"),))
    assert result_lines(result)[:3] == ['missing: "x" in n', "and 2 more", "the ends differ: 3 documents"]
