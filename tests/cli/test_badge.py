"""`dsync-kit badge`."""

from pathlib import Path

import pytest

from .conftest import Command


def test_a_badge_of_a_report(dsync_kit: Command, tmp_path: Path) -> None:
    """It equals the one that verify itself writes."""
    reports = ("--report", "json=report.json", "--report", "badge=own.svg")
    assert dsync_kit("verify", "reference://", "--rule", "info/*", "--profile", "quick", *reports).returncode == 0
    assert dsync_kit("badge", "report.json", "badge.svg").returncode == 0
    assert (tmp_path / "badge.svg").read_text() == (tmp_path / "own.svg").read_text()
    assert "conformant · " in (tmp_path / "badge.svg").read_text()


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "other"}', '{"schema": "dsync-kit/report/1", "exit_code": 0}'])
def test_what_is_not_a_report(dsync_kit: Command, tmp_path: Path, text: str) -> None:
    """Exit code 2, with what was expected; no picture is written."""
    (tmp_path / "report.json").write_text(text)
    done = dsync_kit("badge", "report.json", "badge.svg")
    assert done.returncode == 2
    assert "expected the output of `dsync-kit verify --report json=report.json`" in done.stderr
    assert not (tmp_path / "badge.svg").exists()
