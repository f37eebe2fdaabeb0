"""`dsync-new connector --ci`: the workflow, and where it belongs."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Repository, clean_environ

WORKFLOW = ".github/workflows/connectors.yml"


def dsync_new(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command, run in a folder."""
    command = [sys.executable, "-m", "dsync_kit.cli.new", "connector", "--defaults", *words]
    return subprocess.run(command, cwd=folder, env=clean_environ(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("scheme", ["file", "other"])
def test_a_connector_that_is_a_repository_of_its_own(tmp_path: Path, scheme: str) -> None:
    """The workflow is where GitHub runs it, so nothing else is printed."""
    done = dsync_new(tmp_path, "--scheme", scheme, "--ci", "github", "--output", "mine")
    assert done.returncode == 0, done.stderr
    assert f"mine/{WORKFLOW}" in done.stdout.splitlines()
    assert (tmp_path / "mine" / WORKFLOW).is_file()
    assert "GitHub" not in done.stdout


@pytest.mark.parametrize("words", [(), ("--ci", "none")])
def test_without_a_ci_system(tmp_path: Path, words: tuple[str, ...]) -> None:
    """There is no trace of a workflow."""
    assert dsync_new(tmp_path, "--scheme", "file", "--output", "mine", *words).returncode == 0
    assert not (tmp_path / "mine/.github").exists()


def test_in_a_repository(repository: Repository) -> None:
    """The printed commands move the workflow to where GitHub runs it; a second connector needs none."""
    first = dsync_new(repository.folder, "--scheme", "file", "--ci", "github")
    told, _, steps = first.stdout.partition("GitHub runs workflows only at the repository's root")
    assert "dsync-kit verify ./connectors/file" in told
    for step in steps.splitlines()[1:]:
        subprocess.run(step, shell=True, cwd=repository.folder, check=True)  # noqa: S602 - what a user would type
    assert (repository.folder / WORKFLOW).is_file()
    assert not (repository.folder / "connectors/file/.github").exists()

    below = repository.folder / "connectors"
    second = dsync_new(below, "--scheme", "other", "--ci", "github", "--output", "other")
    *_, last = second.stdout.splitlines()
    assert last == "  rm -r other/.github"
    assert "The workflow at the repository's root verifies this connector, too" in second.stdout


def test_an_unknown_ci_system(tmp_path: Path) -> None:
    """Exit code 2, and the known ones."""
    done = dsync_new(tmp_path, "--scheme", "file", "--ci", "jenkins")
    assert done.returncode == 2
    assert "--ci: 'jenkins' is not known: expected none or github" in done.stderr
    assert list(tmp_path.iterdir()) == []
