"""Connectors that are still shipped, but can't be verified."""

import pytest

from .conftest import Command, Repository, change

pytestmark = pytest.mark.usefixtures("no_outer_git")

QUICK = ("--profile", "quick", "--rule", "info/*")


def unjudged(repository: Repository, **options: object) -> dict[str, str]:
    """The touched connectors that can't be verified."""
    return {str(folder): reason for folder, reason in change(repository, **options).unjudged.items()}


@pytest.fixture
def shipped(repository: Repository) -> Repository:
    """Two working connectors on main; the first has its own entry point."""
    repository.working_connector("connectors/one")
    repository.working_connector("connectors/two")
    repository.write(".gitignore", ".dsync-kit/\n__pycache__/\n")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    return repository


@pytest.mark.parametrize("marks", [["conformance.py"], ["registration.py"], ["registration.py", "conformance.py"]])
def test_an_entry_point_that_leads_to_nothing(shipped: Repository, marks: list[str]) -> None:
    """The connector can't be verified, but its own pyproject.toml still ships it."""
    for mark in marks:
        (shipped.folder / "connectors/one" / mark).unlink()
    [(folder, reason)] = unjudged(shipped).items()
    assert folder == "connectors/one"
    assert marks[0] in reason
    shipped.commit()
    assert list(unjudged(shipped)) == ["connectors/one"]
    # Where there is nothing to compare, it is there all the same.
    assert list(unjudged(shipped, base="branch")) == ["connectors/one"]
    # But no change of something else is to blame for it.
    shipped.git("branch", "--quiet", "--force", "main")
    shipped.write("connectors/two/new.py")
    assert unjudged(shipped) == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[project.entry-points."dsync.connectors"]\na = "{module}:CONNECTOR"\n'),
        ("pyproject.toml", '[tool.poetry.plugins."dsync.connectors"]\na = "{module}:CONNECTOR"\n'),
        ("setup.cfg", "[options.entry_points]\ndsync.connectors =\n    a = {module}:CONNECTOR\n"),
        ("setup.py", 'setup(entry_points={{"dsync.connectors": ["a = {module}:CONNECTOR"]}})\n'),
    ],
)
@pytest.mark.parametrize("folder", ["connectors/a", "src/connectors/a"])
def test_the_entry_point_of_the_repository(repository: Repository, file: str, text: str, folder: str) -> None:
    """One package may ship several connectors: removing one must remove its entry point, too."""
    repository.connector(folder)
    repository.write(file, text.format(module="connectors.a.registration"))
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    repository.git("rm", "--quiet", "-r", folder)
    assert unjudged(repository) == {
        folder: f"{file} still ships it as 'a', but there is no registration.py and no conformance.py: "
        "restore it, or remove the entry point"
    }
    repository.write(file, "")
    assert unjudged(repository) == {}


def test_without_an_entry_point(monorepo: Repository) -> None:
    """If one of the two files is left, the deletion is incomplete; without both, it is not a connector any more."""
    (monorepo.folder / "connectors/a/registration.py").unlink()
    (monorepo.folder / "connectors/b/conformance.py").unlink()
    assert unjudged(monorepo) == {
        "connectors/a": "it has lost registration.py: restore it, or delete the folder",
        "connectors/b": "it has lost conformance.py: restore it, or delete the folder",
    }
    assert list(unjudged(monorepo, connectors="*/a")) == ["connectors/a"]
    (monorepo.folder / "connectors/a/conformance.py").unlink()
    monorepo.git("rm", "--quiet", "-r", "connectors/b")
    assert unjudged(monorepo) == {}


def test_an_entry_point_to_somebody_elses_module(repository: Repository) -> None:
    """A module that was never in the repository is ignored."""
    repository.write("pyproject.toml", '[project.entry-points."dsync.connectors"]\na = "installed.a:CONNECTOR"\n')
    assert unjudged(repository) == {}


def test_a_folder_that_cannot_be_named(monorepo: Repository) -> None:
    """A line break in its name would look like two folders in the list."""
    monorepo.connector("connectors/x\n::error::y")
    assert list(unjudged(monorepo).values()) == ["its folder's name cannot be printed: rename it"]


def test_it_is_red_and_the_others_are_verified(shipped: Repository, dsync_kit: Command) -> None:
    """Exit code 3, with the reason in the log, the summary, an annotation, its report, and for --list."""
    (shipped.folder / "connectors/one/conformance.py").unlink()
    shipped.write("connectors/two/new.py")
    page = shipped.folder / "page.md"
    words = ("ci", *QUICK, "--report", "json={name}.json")
    done = dsync_kit(*words, GITHUB_ACTIONS="true", GITHUB_BASE_REF="main", GITHUB_STEP_SUMMARY=str(page))
    assert done.returncode == 3, done.stdout + done.stderr
    reason = "not judged: it has lost conformance.py"
    assert f"connectors/one: {reason}" in done.stdout
    assert f"::error file=connectors/one/connector.py,line=1,title=dsync-kit%3A not judged::{reason}" in done.stdout
    assert f"| `connectors/one` | ⚠️ {reason}" in page.read_text(encoding="utf-8")
    assert "| `connectors/two` | ✅ conformant" in page.read_text(encoding="utf-8")
    assert (shipped.folder / "connectors-one.json").is_file()
    listed = dsync_kit("ci", "--list")
    assert (listed.returncode, listed.stdout) == (3, "connectors/two\n")
    assert listed.stderr.startswith("error: connectors/one: it has lost conformance.py")
