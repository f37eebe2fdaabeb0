"""Reports are written whole, and where they cannot be, that is said before anything runs."""

import json
import stat
from pathlib import Path

import pytest

from dsync_kit.errors import UsageError
from dsync_kit.report.contents import Report
from dsync_kit.report.files import FORMATS, ReportFile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("json", "expected FORMAT=PATH"),
        ("json=", "expected FORMAT=PATH"),
        ("pdf=x", "expected FORMAT=PATH, where FORMAT is one of json, junit, markdown, html"),
        ("json={}/no/such/folder/x", "there is no folder"),
        ("json={}", "that is a folder"),
    ],
)
def test_wrong_reports(tmp_path: Path, text: str, message: str) -> None:
    """An unknown format and a place that cannot be written to are told at once, with what is expected."""
    with pytest.raises(UsageError, match=message):
        ReportFile.parse(text.format(tmp_path))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written(tmp_path: Path, broken: Report, name: str) -> None:
    """Each format has a writer, its file can be read by others as usual, and no other file is left behind."""
    path = tmp_path / "report"
    ReportFile.parse(f"{name}={path}").write(broken)
    told = "not conformant" if name == "badge" else "list/cursor-advances"
    assert told in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_an_older_report_is_replaced(tmp_path: Path, conformant: Report) -> None:
    """The new report takes the old one's place."""
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")
    ReportFile.parse(f"json={path}").write(conformant)
    assert json.loads(path.read_text(encoding="utf-8"))["conformant"] is True


def test_standard_output(conformant: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """`-` is standard output."""
    ReportFile.parse("json=-").write(conformant)
    assert json.loads(capsys.readouterr().out)["conformant"] is True
