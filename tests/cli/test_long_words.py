"""Words that are too long, or not text, get a clear error, and no password is shown."""

import sys
from pathlib import Path

import pytest

from dsync_kit.cli import kit, new
from dsync_kit.output.redaction import typed_secrets

from .conftest import Command

LONG, LONGER = "x" * 300, "y" * 5000
"""Longer than a file's name may be, and than a path may be."""


@pytest.mark.parametrize(
    "words",
    [
        ("verify", LONG),
        ("verify", f"s3://user:pass-w0rd@host/{LONGER}"),
        ("run", "/dev/null", f"s3://user:pass-w0rd@host/{LONGER}"),
        ("run", "--state", LONG, "/dev/fakesource", "/dev/null"),
        ("serve", f"grpc://user:pass-w0rd@{LONGER}:1"),
        ("serve", f"exec:./x --password pass-w0rd {LONG}"),
        ("list", f"exec:./x --password pass-w0rd {LONG}"),
        ("replay", f"s3://user:pass-w0rd@host/{LONGER}"),
        ("verify", "/dev/null", "--known-failures", LONG),
        ("verify", "/dev/null", "--report", f"json={LONG}"),
        ("badge", LONG, "out.svg"),
    ],
)
def test_what_is_too_long(dsync_kit: Command, words: tuple[str, ...], tmp_path: Path) -> None:
    """Wrong usage: one error, exit code 2, nothing written."""
    done = dsync_kit(*words)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert "pass-w0rd" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_long_target_is_verified(dsync_kit: Command, tmp_path: Path) -> None:
    """A URI may have any length: files kept for it have names that fit."""
    (tmp_path / "bootstrap").mkdir()
    long = "fixture://." + "/." * 400
    done = dsync_kit("verify", long, "--profile", "quick", "--rule", "info/db-type")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("main", [kit.main, new.main])
def test_a_nul_character(main: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No path or URI can have one: it is refused first, and its password stays hidden."""
    monkeypatch.setattr(sys, "argv", ["x", "verify", "s3://user:pass-w0rd@host/\0"])
    assert callable(main)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: an argument holds a NUL character: s3://user:***@host/\\x00\n"


def test_a_bug_shows_no_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback of a bug quotes the typed words without the secrets."""
    monkeypatch.setattr(sys, "argv", ["dsync-kit", "verify", "s3://user:pass-w0rd@host/", "--access-key", "AKIA1"])

    def breaks() -> None:
        raise RuntimeError(f"cannot stat {sys.argv[2]} for AKIA1 \x1b[31m")

    assert kit.exit_code_of(breaks) == 3
    shown = capsys.readouterr().err
    assert r"RuntimeError: cannot stat s3://user:***@host/ for *** \x1b[31m" in shown
    assert "pass-w0rd" not in shown


@pytest.mark.parametrize(
    ("words", "secrets"),
    [
        ([], []),
        (["verify", "s3://bucket", "--region", "eu"], []),
        (["s3://u:p%40ss@h/"], ["p%2540ss", "p%40ss", "p@ss"]),
        (["--secret-key=abc", "--password", "d e"], ["d%20e", "abc", "d e"]),
        (["exec:./x --token abc {address}"], ["abc"]),
    ],
)
def test_typed_secrets(words: list[str], secrets: list[str]) -> None:
    """Passwords of URIs, and the values of options named like secrets, in all spellings, the longest first."""
    found = typed_secrets(words)
    assert sorted(found) == sorted(secrets)
    assert found == sorted(found, key=len, reverse=True)
