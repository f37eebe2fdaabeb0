"""`dsync-kit verify --jobs`, and how a run ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dsync_kit.bounds import interruption
from dsync_kit.conformance.running.processes import worker

from .conftest import Command

TABLES = Path(__file__).parents[2] / "docs" / "tables.md"


def test_jobs_change_nothing_but_the_time(dsync_kit: Command, reference: Path) -> None:
    """The same seed gives the same outcomes, in the same order."""
    command = ("verify", reference, "--rule", "metadata/*", "--profile", "quick", "--seed", "3", "--report", "json=-")
    alone, shared = (json.loads(dsync_kit(*command, "--jobs", jobs).stdout) for jobs in ("1", "2"))
    assert alone["counts"] == shared["counts"]
    assert [(rule["id"], rule["status"]) for rule in alone["rules"]] == [
        (rule["id"], rule["status"]) for rule in shared["rules"]
    ]


def test_what_all_processes_find_out_is_said_once(dsync_kit: Command, tmp_path: Path) -> None:
    """Each process finds out the same about its own scratch area: the texts differ only in names and numbers."""
    code, conformance = re.findall(r"```python\n(.*?)```", TABLES.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "registration.py").write_text(code, encoding="utf-8")
    (tmp_path / "conformance.py").write_text(conformance, encoding="utf-8")
    rules = [word for rule in ("info/stable", "info/db-type", "info/capabilities") for word in ("--rule", rule)]
    done = dsync_kit("verify", ".", *rules, "--jobs", "2", "--profile", "quick", "--report", "json=-")
    starts = [note[:20] for note in json.loads(done.stdout)["notes"]]
    assert "it does not create n" in starts
    assert sorted(set(starts)) == sorted(starts)


def test_jobs_over_grpc(dsync_kit: Command, broken_address: str) -> None:
    """A failure found by another process is reported, kept and replayed like any other."""
    address = f"grpc://{broken_address}"
    done = dsync_kit("verify", address, "--insecure", "--rule", "info/*", "--jobs", "2", "--seed", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "replay        dsync-kit replay info-db-type" in done.stdout
    assert f"or rerun      dsync-kit verify {address} --rule info/db-type" in done.stdout
    assert dsync_kit("replay", "info/db-type").returncode == 1


def test_jobs_that_cannot_begin(dsync_kit: Command) -> None:
    """What one process cannot judge, two cannot either, and the reason appears once."""
    done = dsync_kit("verify", "grpc://127.0.0.1:1", "--insecure", "--jobs", "2", columns=200)
    assert done.returncode == 3
    assert done.stdout.count("nothing answers at grpc://127.0.0.1:1") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["exec:./x {address}", "--jobs", "2"], "leave --jobs out"),
        (["reference://", "--jobs", "0"], "--jobs"),
        (["nonsense://", "--jobs", "2"], "no connector matches"),
    ],
)
def test_wrong_usage(dsync_kit: Command, words: list[str], message: str) -> None:
    """Exit code 2, and a message that says what is wrong."""
    done = dsync_kit("verify", *words)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_reported_and_cleaned_up(
    reference: Path, tmp_path: Path, jobs: str, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM leave a report of what was done, and nothing that the kit made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "verify", str(reference), "--profile", "thorough"]
    command += ["--jobs", jobs, "--report", f"json={report}"]
    env = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while "passed" not in process.stdout.readline():
            assert process.poll() is None
        # Ctrl-C reaches all processes of a terminal, SIGTERM the one that is named.
        os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "not judged: interrupted after " in rest
    contents = json.loads(report.read_text(encoding="utf-8"))
    assert contents["interrupted"] is True
    assert contents["counts"]["passed"] > 0
    assert list(scratch.iterdir()) == []


def test_a_process_that_was_interrupted_does_not_wait_for_another_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library may catch the exception that a signal raises: nobody would ever send the process anything again."""
    asked = threading.Event()
    asked.set()
    monkeypatch.setattr(interruption, "_asked", asked)
    ours, theirs = socket.socketpair()
    ours.close()
    with pytest.raises(KeyboardInterrupt):  # without, it would wait, and get an EOFError here
        worker._next(worker._Channel(theirs.detach()))


def test_an_interrupt_is_not_lost_where_python_drops_it() -> None:
    """Python drops exceptions in finalizers: the interrupt is raised again where it isn't dropped."""
    code = """
import os, signal, time
from dsync_kit.bounds.interruption import interrupt_on

interrupt_on(signal.SIGTERM)

class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

try:
    Deaf()
    time.sleep(30)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("heard\n", "")


CAUGHT = """
import os, signal, sys, time
from dsync_kit.bounds.interruption import interrupt_on

interrupt_on(signal.SIGTERM)
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
except KeyboardInterrupt:
    pass
"""
"""Code in which a library catches KeyboardInterrupt."""


def test_an_interrupt_that_somebody_else_has_caught_ends_the_run_still() -> None:
    """If a library catches KeyboardInterrupt, the rules still stop."""
    code = """
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.targets.resolving import resolve

*_, last = run(resolve("reference://"), RunOptions(RULES, PROFILES["thorough"], seed=1))
print(last.result.interrupted, len(last.result.outcomes))
"""
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("True 0\n", "")


def test_an_interrupt_that_somebody_else_has_caught_ends_the_start_of_a_connector() -> None:
    """After an interrupt, nobody waits for a connector that never answers, even if a library caught the interrupt."""
    code = """
from dsync_kit.targets.process import Process

try:
    Process([sys.executable, "-c", "import time; time.sleep(600)"], "never").start()
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
