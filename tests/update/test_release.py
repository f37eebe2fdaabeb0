"""Releases: the contents of the bundle, and what `make release` does to a checkout."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from dsync_kit import __version__
from dsync_kit.project.editions import EDITIONS
from dsync_kit.scaffold import releases
from dsync_kit.scaffold.copying import render_template
from dsync_kit.scaffold.releases import current_version, released, template_of

from .conftest import commit, git, tree

ROOT = Path(__file__).parents[2]


def process(*words: str | Path, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """A process that has ended."""
    return subprocess.run(words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit of this checkout's files, like a shallow clone without tags."""
    folder = tmp_path_factory.mktemp("checkout") / "dsync-kit"
    unneeded = (".venv", ".git", "build", "dist", ".hypothesis", "__pycache__", ".*_cache", ".dsync-kit")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*unneeded))
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    done = process(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=checkout)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_updates_a_connector_of_the_last_release(site: Path, tmp_path: Path) -> None:
    """It needs nothing from the checkout, and nothing of this machine gets into the connector."""
    folder = tmp_path / "connectors" / "demo"
    with template_of(released()[-1]) as template:
        render_template(template, folder, {"scheme": "demo"})
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    new = (sys.executable, "-m", "dsync_kit.cli.new")
    done = process(*new, "update", cwd=tmp_path, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"connectors/demo updated from {released()[-1]} to {__version__}\n")
    where = (sys.executable, "-c", "import dsync_kit; print(dsync_kit.__file__)")
    assert process(*where, cwd=tmp_path, PYTHONPATH=str(site)).stdout.startswith(str(site))
    text = (folder / ".copier-answers.yml").read_text()
    assert f"_commit: v{current_version()}\n" in text
    assert [path for path in (str(tmp_path), str(site), str(ROOT), str(Path.home())) if path in text] == []


def test_the_bundle_holds_every_release() -> None:
    """All earlier versions, each with a template; this version itself once it is released."""
    known = released()
    assert known
    assert all(version <= Version(__version__) for version in known)
    assert Version(__version__).is_devrelease or known[-1] == Version(__version__)
    for version in known:
        with template_of(version) as template:
            assert (template.folder / "copier.yml").is_file()


def test_between_releases_the_version_names_the_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file, name or byte gives another version; a release has just its number."""
    monkeypatch.setattr(releases, "packaged_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(releases, "__version__", "3.1.0.dev0")
    folder = tmp_path / "template"
    folder.mkdir()
    seen = {str(current_version())}
    for name, text in (("a", ""), ("a", "b"), ("ab", ""), ("a", "")):
        (folder / name).write_text(text)
        seen.add(str(current_version()))
    assert len(seen) == 5
    assert all(version.startswith("3.1.0.dev0+") for version in seen)
    monkeypatch.setattr(releases, "__version__", "3.1.0")
    assert str(current_version()) == "3.1.0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "'' is not a version"),
        ("soon", "'soon' is not a version"),
        ("9.0.0rc1", "9.0.0rc1 is not a release"),
        ("9.0", "9.0 is not a release"),
        ("0.1.0", "0.1.0 is not newer than"),
        ("9.9.9", r"CHANGELOG.md has no heading '## 9.9.9 \(unreleased\)'"),
    ],
)
def test_what_stands_in_the_way_of_a_release(words: str, message: str) -> None:
    """It is reported before anything is done."""
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with pytest.raises(SystemExit, match=message):
        tool.checked(words.split())


@pytest.mark.campaign
def test_make_release(checkout: Path, tmp_path: Path) -> None:
    """From a checkout to a tag, a wheel and the next version; if an old connector fails, everything is as it was."""
    folder = tmp_path / "dsync-kit"
    shutil.copytree(checkout, folder)
    version = Version(__version__).base_version
    identity = {
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    release = (sys.executable, "tools/release.py", version)

    broken = folder / "template" / "shared" / "conftest.py.jinja"
    text = broken.read_text()
    broken.write_text("raise RuntimeError\n")
    commit(folder)
    before = tree(folder)
    done = process(*release, cwd=folder, **identity)
    assert done.returncode == 1
    assert "-m pytest" in done.stderr
    assert {path: data for path, data in tree(folder).items() if not path.startswith("dist/")} == before
    shutil.rmtree(folder / "dist")
    broken.write_text(text)
    commit(folder)

    done = process(*release, cwd=folder, **identity)
    assert done.returncode == 0, done.stderr
    assert git(folder, "tag").split() == [f"v{version}"]
    assert git(folder, "status", "--porcelain") == ""
    bundle = folder / "kit" / "dsync_kit" / "scaffold" / "releases.bundle"
    assert released(bundle) == [*released(), Version(version)]
    assert {path.name for path in (folder / "dist").iterdir() if path.suffix in (".whl", ".gz")} == {
        f"dsync_kit-{version}-py3-none-any.whl",
        f"dsync_kit-{version}.tar.gz",
    }
    assert f"## {version} (20" in git(folder, "show", f"v{version}:CHANGELOG.md")
    assert f"rev: v{version}\n" in git(folder, "show", f"v{version}:docs/ci.md")
    assert f'"{EDITIONS[-1]}"' in git(folder, "show", f"v{version}:tools/editions.json")
    assert ".dev0" in (folder / "pyproject.toml").read_text()
    assert "(unreleased)" in (folder / "CHANGELOG.md").read_text().partition("\n\n## ")[2].splitlines()[0]
