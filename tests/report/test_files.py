"""Reports are written completely or not at all, and unwritable paths are reported before anything runs."""

import json
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsync_kit.errors import UsageError
from dsync_kit.report.contents import Report
from dsync_kit.report.files import FORMATS, ReportFile, write_reports


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
    """An unknown format or an unwritable place is reported at once, with what was expected."""
    with pytest.raises(UsageError, match=message):
        ReportFile.parse(text.format(tmp_path))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written(tmp_path: Path, broken: Report, name: str) -> None:
    """Each format has a writer, its file has the usual permissions, and no other file is left behind."""
    path = tmp_path / "report"
    ReportFile.parse(f"{name}={path}").write(broken)
    told = "not conformant" if name == "badge" else "list/cursor-advances"
    assert told in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_an_older_report_is_replaced(tmp_path: Path, conformant: Report) -> None:
    """The new report replaces the old one."""
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")
    ReportFile.parse(f"json={path}").write(conformant)
    assert json.loads(path.read_text(encoding="utf-8"))["conformant"] is True


def test_standard_output(conformant: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """`-` is standard output."""
    ReportFile.parse("json=-").write(conformant)
    assert json.loads(capsys.readouterr().out)["conformant"] is True


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Limit files to 64 bytes: the system's own error, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
def test_what_cannot_be_written_is_not_half_written(tmp_path: Path, conformant: Report) -> None:
    """The old report is unchanged, no other file is left behind, and all problems are reported."""
    (tmp_path / "a").write_text("old", encoding="utf-8")
    files = [ReportFile.parse(f"json={tmp_path}/a"), ReportFile.parse(f"html={tmp_path}/b")]
    problems = write_reports(files, conformant)
    assert problems == [
        f"the json report cannot be written to {tmp_path}/a: File too large",
        f"the html report cannot be written to {tmp_path}/b: File too large",
    ]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_pipe_is_written_to(conformant: Report) -> None:
    """`--report json=>(command)`: a pipe is never replaced by a file."""
    reading, writing = os.pipe()
    try:
        ReportFile.parse(f"badge=/dev/fd/{writing}").write(conformant)
        assert os.read(reading, 1 << 16).startswith(b"<svg")
    finally:
        os.close(reading)
        os.close(writing)


def test_a_link_stays_one(tmp_path: Path, conformant: Report) -> None:
    """Its target is replaced."""
    (tmp_path / "link").symlink_to("report.json")
    ReportFile.parse(f"json={tmp_path}/link").write(conformant)
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["conformant"] is True


@pytest.mark.parametrize("name", ["x" * 255, "x" * 256, "x/" * 3000, "\0"])
def test_long_names(tmp_path: Path, conformant: Report, name: str) -> None:
    """A name may be as long as the system allows; a longer or empty one is refused at once."""
    if len(name) == 255:
        ReportFile.parse(f"json={tmp_path}/{name}").write(conformant)
        assert (tmp_path / name).is_file()
    else:
        with pytest.raises(UsageError, match="--report json="):
            ReportFile.parse(f"json={tmp_path}/{name}")
