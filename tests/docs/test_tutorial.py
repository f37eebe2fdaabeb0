"""The tutorial takes the scaffold to Redis: its steps apply as written, and their result conforms."""

import shutil
from pathlib import Path

import pytest

from dsync_kit.scaffold.rendering import Answers, scaffold
from tests.scaffold.checks import assert_own_tests_pass, assert_typed, run, statuses

from .commands import ROOT
from .tutorial import STEPS, edits

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed: apt-get install redis-server"
)


def applied(folder: Path, step: int) -> None:
    """Apply one step, and what the page says to do after the last edit."""
    for edit in edits(PAGE):
        if edit.step == step:
            edit.apply(folder)
    if step >= 9:
        run("ruff", "check", "--quiet", "--fix", ".", cwd=folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The connector at the end of the page."""
    folder = tmp_path_factory.mktemp("tutorial") / "dsync_connector_redis"
    scaffold(Answers(scheme="redis"), output=folder)
    for step in range(1, STEPS + 1):
        applied(folder, step)
    return folder


def test_every_step_has_its_edits() -> None:
    """No edit is lost because its comment has another form."""
    assert {edit.step for edit in edits(PAGE)} == set(range(1, STEPS + 1))
    assert PAGE.count("<!-- step") == len(list(edits(PAGE)))


def test_nothing_of_sqlite_is_left(finished: Path) -> None:
    """Neither a mark nor a helper; the code is formatted, linted and typed."""
    for name in ("connector.py", "conformance.py", "tests/test_connector.py"):
        code = (finished / name).read_text(encoding="utf-8")
        assert "REPLACE" not in code
        assert "sqlite" not in code.lower()
    run("ruff", "format", "--quiet", ".", cwd=finished)
    run("ruff", "check", ".", cwd=finished)
    assert_typed(finished.parent)


@needs_redis
def test_the_end_state_conforms(finished: Path, tmp_path: Path) -> None:
    """Rules of each area pass on a real Redis server, including one about outages."""
    asked = {
        *("info/id-of-data", "plan/self-contained", "list/complete", "list/stable-while-written", "metadata/count"),
        *("list/ends-while-written", "write/large-page", "write/overwrites", "updates/model", "updates/partial"),
        *("stream/from-plan", "stream/namespaces", "stream/resume", "lsn/counts", "durability/write-data"),
        *("faults/write-code", "faults/list-code", "faults/stream-survives", "packaging/readme", "packaging/help"),
    }
    assert statuses(finished, asked, tmp_path) == dict.fromkeys(asked, "passed")


@needs_redis
def test_its_own_tests_pass(finished: Path) -> None:
    """The scaffold's tests and those that the page replaces pass; a warning is an error."""
    assert_own_tests_pass(finished, "tests")


@needs_redis
@pytest.mark.campaign
def test_it_stays_green_after_each_step(tmp_path: Path) -> None:
    """As the page and every new connector's README say."""
    folder = tmp_path / "dsync_connector_redis"
    scaffold(Answers(scheme="redis"), output=folder)
    for step in range(1, STEPS + 1):
        applied(folder, step)
        run("dsync_kit.cli.kit", "verify", folder, "--profile", "quick", "--seed", "1", cwd=tmp_path)
