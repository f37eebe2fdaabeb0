"""`dsync-kit sweep`: removes what killed runs left in a store."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.subject.journal import RUNS, Journal, left_by_dead_runs
from dsync_kit.protocol import DATA_TYPE_JSON_ID
from dsync_kit.targets.resolving import resolve

from .conftest import Command

Kill = Callable[[], str]


KILLED = """
import os, sys
from pathlib import Path
from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol import DATA_TYPE_JSON_ID
from dsync_kit.targets.resolving import resolve

with resolve(sys.argv[1]).open() as opened:
    subject = Subject.of(opened, runs=Path(sys.argv[2]))
    for name in (namespace := subject.namespaces.fresh(), "users"):
        documents = [make_document(str(number), {}, DATA_TYPE_JSON_ID) for number in range(3)]
        subject.data.load(name, documents, DATA_TYPE_JSON_ID, driver=subject.driver)
    print(namespace, flush=True)
    os._exit(9)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Kill:
    """Leaves a namespace with documents, as a killed run does; returns the namespace."""

    def kill() -> str:
        command = [sys.executable, "-c", KILLED, _uri(tmp_path), str(tmp_path / RUNS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 9, done.stderr
        return done.stdout.strip()

    return kill


def _uri(folder: Path) -> str:
    return f"reference://{folder}/data"


def _held(folder: Path) -> dict[str, int]:
    """How many documents each namespace holds."""
    with resolve(_uri(folder)).open() as opened:
        driver = Driver(opened.api)
        return Counter(
            part.namespace for part in driver.plan().partitions for _ in driver.list_partition(part, DATA_TYPE_JSON_ID)
        )


def test_the_namespaces_of_a_dead_run_are_emptied(dsync_kit: Command, tmp_path: Path, killed: Kill) -> None:
    """Only those that it recorded; after that, nothing is left to sweep."""
    namespace = killed()
    assert _held(tmp_path)[namespace] == 3
    told = dsync_kit("sweep")
    assert f"left at {_uri(tmp_path)}: " in told.stdout, told.stderr
    done = dsync_kit("sweep", _uri(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 documents deleted from 2 namespaces, of " in done.stdout
    assert _held(tmp_path) == {"users": 3}
    assert "left at" not in dsync_kit("sweep").stdout


def test_namespaces_of_runs_elsewhere(dsync_kit: Command, tmp_path: Path, killed: Kill) -> None:
    """With --all, namespaces with the kit's names are emptied even if no journal mentions them."""
    namespace = killed()
    for journal in (tmp_path / RUNS).iterdir():
        journal.unlink()
    assert "0 documents deleted" in dsync_kit("sweep", _uri(tmp_path)).stdout
    assert namespace in _held(tmp_path)
    done = dsync_kit("sweep", "--all", _uri(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert _held(tmp_path) == {"users": 3}


def test_a_journal_of_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    """It is locked; namespaces that could not be emptied stay in it, and an orderly end leaves no journal."""
    journal = Journal(tmp_path, "x://")
    for name in ("a", "b"):
        journal.take(name)
    with left_by_dead_runs(tmp_path) as left:
        assert left == []
    journal.end(["b"])
    with left_by_dead_runs(tmp_path) as left:
        assert [(one.target, one.namespaces) for one in left] == [("x://", ("b",))]
    other = Journal(tmp_path, "x://")
    other.take("c")
    other.end([])
    assert [path.name for path in tmp_path.iterdir() if path.name != ".gitignore"] == ["a"]


def test_a_connector_that_cannot_be_swept(dsync_kit: Command) -> None:
    """If it can't list, that is wrong usage, with the reason."""
    done = dsync_kit("sweep", "/dev/null")
    assert done.returncode == 2
    assert "cannot both list and write" in done.stderr


def test_where_nothing_can_be_noted(tmp_path: Path) -> None:
    """The run continues, and says so."""
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "runs", "x://")
    journal.take("a")
    journal.take("b")
    journal.end([])
    assert "`dsync-kit sweep` will not know of them" in journal.problem
