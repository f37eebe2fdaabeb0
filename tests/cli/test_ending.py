"""How a run ends if it is stopped or killed: no process that it started survives, and no file that it made stays."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.bounds import scratch as scratch_folders
from dsync_kit.bounds.guarded import GuardedProcess, signals_held
from dsync_kit.bounds.scratch import ScratchFolder, sweep_folders

_SECONDS = 60
_NEVER_READY = """
import os, pathlib, sys, time
if os.fork():  # what it starts must end, too
    pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""


def awaited(reached: Callable[[], bool]) -> bool:
    """Whether something becomes true within a minute."""
    end = time.monotonic() + _SECONDS
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(mark: str) -> list[str]:
    """The living processes with a mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() and (process / "cmdline").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_ends_while_a_connector_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """An `exec:` connector that is not ready yet ends with the run, and so do its own processes."""
    mark, started, scratch = uuid.uuid4().hex, tmp_path / "started", tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "never.py").write_text(_NEVER_READY)
    target = f"exec:{sys.executable} never.py {started} {{address}}"
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "verify", target]
    env = {**os.environ, "MARK": mark, "TMPDIR": str(scratch)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert awaited(started.exists)
        assert any("never.py" in line for line in alive(mark))
        process.send_signal(number)
        out, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode == (-9 if number is signal.SIGKILL else 3), out
    assert awaited(lambda: not alive(mark)), alive(mark)
    if number is signal.SIGKILL:  # it could not tidy up: the next run does
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        monkeypatch.setattr(scratch_folders, "_MEMORY", scratch)  # other runs have folders there
        assert awaited(lambda: sweep_folders() == 1)  # a process that is ending lets go of its lock last
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_scratch_folders_of_runs_that_live_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Only folders of dead runs are swept: a folder is in use while a process holds its lock."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    monkeypatch.setattr(scratch_folders, "_MEMORY", tmp_path / "memory")
    (tmp_path / place).mkdir()
    with ScratchFolder(in_memory=place == "memory") as mine:
        assert mine.path.parent == tmp_path / place
        (mine.path / "kept").touch()
        holder = subprocess.Popen(["sleep", "600"], pass_fds=[mine.lock])
        assert sweep_folders() == 0
        assert (mine.path / "kept").exists()
        os.close(mine.lock)  # as if this process had died
        try:
            assert sweep_folders() == 0
        finally:
            holder.kill()
            holder.wait()
        assert sweep_folders() == 1
        assert not mine.path.exists()
        mine.lock = os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize("room", [2**62, 0])
def test_a_folder_is_in_memory_only_if_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A container often has a few MiB there; other systems have no such place."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch_folders, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(scratch_folders, "_ROOM", room)
    with ScratchFolder(in_memory=True) as mine:
        assert mine.path.parent == tmp_path
    (tmp_path / "memory").mkdir()
    with ScratchFolder(in_memory=True) as mine:
        assert mine.path.parent == (tmp_path if room else tmp_path / "memory")
    assert not mine.path.exists()


def test_signals_are_held_while_something_starts() -> None:
    """Signals that come meanwhile are delivered at the end."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with signals_held():
            signal.raise_signal(signal.SIGTERM)
            assert heard == []
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_guarded_process_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its whole group ends with it, even if it ignores SIGTERM."""
    number = tmp_path / "number"
    process = GuardedProcess(["sh", "-c", f"sleep 600 & echo $! > {number}; trap '' TERM; while :; do wait; done"])
    assert awaited(lambda: number.exists() and number.read_text().endswith("\n"))
    process.end(grace=0.1)
    assert process.status == -signal.SIGKILL
    assert awaited(lambda: not _lives(int(number.read_text())))


def _lives(number: int) -> bool:
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())
    except OSError:
        return False
