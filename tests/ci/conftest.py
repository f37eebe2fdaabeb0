"""Git repositories with connectors in them."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dsync_kit.gate.changes import Change, find_change
from dsync_kit.registry import packaged_folder

Command = Callable[..., subprocess.CompletedProcess[str]]

# What CI systems, and git hooks, say of the run that these tests are in.
_OUTER = (
    *("GITHUB_", "GITLAB_", "CI_", "GIT_", "BITBUCKET_", "SYSTEM_", "BUILD_", "TF_BUILD", "BUILDKITE", "CHANGE_TARGET"),
    *("JENKINS_URL", "TAG_NAME", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID", "PRE_COMMIT", "DSYNC_"),
)


def clean_environ(**more: str) -> dict[str, str]:
    """The environment without the variables of the outer CI system, and with a git that ignores the user's settings."""
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(_OUTER)}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "200", **more}


class Repository:
    """A git repository in its own folder."""

    def __init__(self, folder: Path, *, made: bool = False) -> None:
        self.folder = folder
        if not made:
            folder.mkdir(exist_ok=True)
            self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *words: str) -> str:
        """Run git, and return its output."""
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.folder, env=clean_environ(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, path: str, text: str = "") -> None:
        """Write a file, and the folders above it."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def connector(self, folder: str) -> None:
        """A folder with the files of a connector; nothing in it works."""
        for name in ("registration.py", "conformance.py", "connector.py"):
            self.write(f"{folder}/{name}", f"# {folder}\n")

    def working_connector(self, folder: str) -> None:
        """A connector that works: `/dev/null`."""
        self.copy("null", folder)

    def copy(self, example: str, folder: str) -> None:
        """A copy of one of the kit's own connectors."""
        for path in (packaged_folder("examples") / example).rglob("*"):
            if path.suffix in (".py", ".toml", ".md"):
                relative = path.relative_to(packaged_folder("examples") / example)
                self.write(f"{folder}/{relative}", path.read_text(encoding="utf-8"))

    def commit(self) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


def change(repository: Repository, environ: Mapping[str, str] | None = None, **options: object) -> Change:
    """The change, as found without a CI system."""
    return find_change(repository.folder, environ or {}, **options)  # type: ignore[arg-type]


def touched(repository: Repository, environ: Mapping[str, str] | None = None, **options: object) -> list[str]:
    """The touched folders that can be verified."""
    found = change(repository, environ, **options)
    assert not found.unjudged
    return [str(folder) for folder in found.touched]


@pytest.fixture
def no_outer_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables that a git hook or a user sets."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def monorepo(repository: Repository) -> Repository:
    """Three connectors in two places, committed to main; another branch is checked out."""
    for folder in ("connectors/a", "connectors/b", "other/c"):
        repository.connector(folder)
    repository.write("README.md")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    return repository


@pytest.fixture
def branched(monorepo: Repository) -> Repository:
    """A branch that changed connectors/a, while main changed connectors/b."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.commit()
    monorepo.git("switch", "--quiet", "main")
    monorepo.write("connectors/b/connector.py", "# changed\n")
    monorepo.commit()
    monorepo.git("update-ref", "refs/remotes/origin/main", "main")
    monorepo.git("switch", "--quiet", "branch")
    return monorepo


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository on a branch main without commits."""
    return Repository(tmp_path / "repository")


@pytest.fixture
def dsync_kit(repository: Repository, forked: Command) -> Command:
    """`dsync-kit` in the repository, or a folder of it."""

    def run(*words: str | Path, cwd: str = ".", **environ: str) -> subprocess.CompletedProcess[str]:
        return forked([*map(str, words)], cwd=repository.folder / cwd, env=clean_environ(**environ))

    return run
