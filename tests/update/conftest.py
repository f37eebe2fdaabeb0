"""A kit with two releases of its template, and a repository with a connector that the older one rendered."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from dsync_kit.cli import new
from dsync_kit.git.scratch import ScratchRepository
from dsync_kit.registry import packaged_folder
from dsync_kit.scaffold import releases
from dsync_kit.scaffold.copying import render_template
from dsync_kit.scaffold.releases import Template

Edit = Callable[[Path], None]

OLD = Version("1.0.0")
NEW = "1.1.0"
IDENTITY = ("-c", "user.name=Author", "-c", "user.email=author@example.com")


def git(folder: Path, *words: str) -> str:
    """The output of git, which must succeed; the author has no signing key and no hooks."""
    settings = (*IDENTITY, "-c", "commit.gpgsign=false", "-c", f"core.hooksPath={folder / 'no-hooks'}")
    done = subprocess.run(["git", *settings, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path) -> None:
    """Commit everything in a folder."""
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "--message", "edits", "--allow-empty")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes, except git's."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def replaced(path: Path, old: str, new: str) -> None:
    """Replace a text that must occur in a file, once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def old_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of the older release, which is today's."""
    folder = tmp_path_factory.mktemp("template") / "template"
    shutil.copytree(packaged_folder("template"), folder)
    return folder


@pytest.fixture(scope="session")
def bundle(old_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of only the older release."""
    folder = tmp_path_factory.mktemp("bundle")
    repository = ScratchRepository(folder / "work")
    repository.git("tag", f"v{OLD}", repository.commit(old_template))
    repository.git("bundle", "create", "--quiet", str(folder / "releases.bundle"), "--tags")
    return folder / "releases.bundle"


@pytest.fixture(scope="session")
def rendered(old_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which the older release rendered connectors/demo."""
    root = tmp_path_factory.mktemp("rendered") / "repository"
    render_template(Template(old_template, OLD), root / "connectors" / "demo", {"scheme": "demo"})
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.fixture
def repository(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that repository, as the working folder."""
    shutil.copytree(rendered, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def demo(repository: Path) -> Path:
    """The connector in it."""
    return repository / "connectors" / "demo"


@pytest.fixture
def kit(bundle: Path, old_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this kit the newer release, or another version, whose template an edit has changed."""

    def become(edit: Edit = lambda _: None, version: str = NEW) -> None:
        template = tmp_path / "template"
        shutil.rmtree(template, ignore_errors=True)
        shutil.copytree(old_template, template)
        edit(template)
        monkeypatch.setattr(releases, "BUNDLE", bundle)
        monkeypatch.setattr(releases, "packaged_folder", lambda name: tmp_path / name)
        monkeypatch.setattr(releases, "__version__", version)

    return become


@pytest.fixture
def dsync_new(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The exit code of the command, run in this process."""

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["dsync-new", *words])
        with pytest.raises(SystemExit) as ended:
            new.main()
        return int(ended.value.code or 0)

    return run
