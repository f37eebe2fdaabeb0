"""Which connectors a change touches, according to a real git."""

import json
import subprocess
from pathlib import Path

import pytest

from dsync_kit.errors import UsageError
from dsync_kit.gate.changes import find_change

from .conftest import Repository, change, touched

pytestmark = pytest.mark.usefixtures("no_outer_git")


def test_nothing_is_touched_by_nothing(monorepo: Repository) -> None:
    """All connectors are known; a file outside of them touches none."""
    monorepo.write("README.md", "changed")
    found = change(monorepo)
    assert [str(folder) for folder in found.connectors] == ["connectors/a", "connectors/b", "other/c"]
    assert found.touched == ()
    assert found.base == "main"


@pytest.mark.parametrize("how", ["committed", "staged", "unstaged", "untracked", "deleted", "renamed"])
def test_every_way_to_change_a_file_counts(monorepo: Repository, how: str) -> None:
    """Committed or not, every change of a file touches its connector."""
    folder = monorepo.folder / "connectors/a"
    match how:
        case "untracked":
            monorepo.write("connectors/a/tests/new.py")
        case "deleted":
            (folder / "connector.py").unlink()
        case "renamed":
            monorepo.git("mv", "connectors/a/connector.py", "connectors/a/service.py")
        case _:
            monorepo.write("connectors/a/connector.py", "# changed\n")
    if how == "staged":
        monorepo.git("add", "--all")
    if how == "committed":
        monorepo.commit()
    assert touched(monorepo) == ["connectors/a"]


def test_what_others_did_on_main_is_not_a_change(branched: Repository) -> None:
    """Only changes since the branch left main count."""
    assert touched(branched) == ["connectors/a"]


def test_a_deleted_connector_is_not_verified(monorepo: Repository) -> None:
    """Neither is one that lost a mark; a new connector is verified."""
    monorepo.git("rm", "--quiet", "-r", "connectors/a")
    monorepo.git("rm", "--quiet", "other/c/conformance.py")
    monorepo.connector("new")
    found = change(monorepo)
    assert [str(folder) for folder in found.connectors] == ["connectors/b", "new"]
    assert [str(folder) for folder in found.touched] == ["new"]


def test_each_connector_has_a_name_of_its_own(repository: Repository) -> None:
    """Names are unique, even if folders are nested, differ only in case, or can't be file names."""
    for folder in (
        "a/b",
        "a-b",
        "A/b",
        "a/b/c",
        "x:y",
        "x?y",
        f"long/{'x' * 90}/{'y' * 90}",
        f"long/{'x' * 90}/z{'y' * 90}",
    ):
        repository.connector(folder)
    found = change(repository)
    names = [found.name(folder) for folder in found.touched]
    assert len({name.casefold() for name in names}) == len(names) == 8
    assert "a-b-c" in names
    assert all(len(name) < 120 and not set(name) & set('/\\:*?"<>|\n') for name in names)


def test_ignored_files_touch_nothing(monorepo: Repository) -> None:
    """Neither do build results, and a connector's copy among them is not a connector."""
    monorepo.write(".gitignore", "build/\n")
    monorepo.commit()
    monorepo.connector("connectors/a/build/lib/a")
    found = change(monorepo)
    assert len(found.connectors) == 3
    assert found.touched == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("requirements.txt", ["connectors/a", "connectors/b", "other/c"]),
        ("requirements-test.txt", ["connectors/a", "connectors/b", "other/c"]),
        ("uv.lock", ["connectors/a", "connectors/b", "other/c"]),
        ("pyproject.toml", ["connectors/a", "connectors/b", "other/c"]),
        ("connectors/constraints.txt", ["connectors/a", "connectors/b"]),
        ("connectors/a/pyproject.toml", ["connectors/a"]),
        ("tools/pyproject.toml", []),
        ("connectors/common/util.py", []),
    ],
)
def test_requirements_touch_what_is_below_them(monorepo: Repository, path: str, expected: list[str]) -> None:
    """They may bring another version of the kit or a client library; other files outside touch nothing."""
    monorepo.write(path, "changed")
    assert touched(monorepo) == expected


def test_shared_files_touch_every_connector(monorepo: Repository) -> None:
    """The user names them with --shared."""
    monorepo.write("connectors/common/deep/util.py")
    assert touched(monorepo, shared=["connectors/common/*.py"]) == ["connectors/a", "connectors/b", "other/c"]
    assert touched(monorepo, shared=["connectors/common"]) == ["connectors/a", "connectors/b", "other/c"]
    assert touched(monorepo, shared=["README.md"]) == []


def test_one_connector_at_the_root(repository: Repository) -> None:
    """Every file belongs to it, except those of a connector inside it."""
    repository.connector(".")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    repository.write("tests/test_data/x.json")
    assert touched(repository) == ["."]
    assert change(repository).name(change(repository).touched[0]) == "repository"
    repository.commit()
    repository.git("switch", "--quiet", "--create", "next")
    repository.connector("tests/inner")
    assert touched(repository, base="branch") == ["tests/inner"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("connectors", ["connectors/a", "connectors/b"]),
        ("connectors/a", ["connectors/a"]),
        ("./connectors/a/", ["connectors/a"]),
        ("connectors/*", ["connectors/a", "connectors/b"]),
        ("*/[bc]", ["connectors/b", "other/c"]),
        (".", ["connectors/a", "connectors/b", "other/c"]),
    ],
)
def test_connectors_are_limited_by_a_folder_or_a_glob(monorepo: Repository, pattern: str, expected: list[str]) -> None:
    """--connectors is relative to the working folder."""
    monorepo.write("requirements.txt", "dsync-kit")
    assert touched(monorepo, connectors=pattern) == expected


def test_a_folder_below_is_a_working_folder(monorepo: Repository) -> None:
    """Paths are relative to the repository wherever git runs; the glob is relative to the working folder."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.write("other/c/connector.py", "# changed\n")
    below = monorepo.folder / "connectors"
    assert [str(folder) for folder in find_change(below, {}).touched] == ["connectors/a", "other/c"]
    assert [str(folder) for folder in find_change(below, {}, connectors="a").touched] == ["connectors/a"]


def test_strange_names(monorepo: Repository) -> None:
    """Names may have spaces, quotes and any letters, because git is asked not to quote them."""
    monorepo.connector('connectors/é "x" y')
    assert touched(monorepo) == ['connectors/é "x" y']


def test_before_the_first_commit_everything_is_new(repository: Repository) -> None:
    """A hook works before the first commit, whatever base it names."""
    repository.connector("a")
    assert touched(repository) == ["a"]
    assert touched(repository, base="HEAD") == ["a"]


def test_the_base_that_is_asked_for(monorepo: Repository) -> None:
    """It may be a branch, a commit, or HEAD for uncommitted changes."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    first = monorepo.commit()
    monorepo.write("connectors/b/connector.py", "# changed\n")
    assert touched(monorepo) == ["connectors/a", "connectors/b"]
    assert touched(monorepo, base=first) == touched(monorepo, base="HEAD") == ["connectors/b"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_BASE_REF", "release"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release"),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/release"),
        ("CHANGE_TARGET", "release"),
    ],
)
def test_the_base_that_the_ci_system_names(monorepo: Repository, variable: str, value: str) -> None:
    """The remote's branch is preferred, then the local one."""
    monorepo.write("connectors/a/connector.py", "# released\n")
    released = monorepo.commit()
    monorepo.write("connectors/b/connector.py", "# changed\n")
    with pytest.raises(UsageError, match=rf"{variable} is 'release', and git knows no such branch here: fetch it"):
        change(monorepo, {variable: value})
    monorepo.git("branch", "release", "main")
    assert change(monorepo, {variable: value}).base == "release"
    monorepo.git("update-ref", "refs/remotes/origin/release", released)
    found = change(monorepo, {variable: value})
    assert (found.base, [str(folder) for folder in found.touched]) == ("origin/release", ["connectors/b"])
    assert touched(monorepo, {variable: value}, base="main") == ["connectors/a", "connectors/b"]


def test_the_remotes_main_branch_comes_before_main(monorepo: Repository) -> None:
    """A clone's main may be behind, or have commits that were not pushed."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.git("update-ref", "refs/remotes/origin/trunk", monorepo.commit())
    monorepo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    monorepo.write("README.md", "changed")
    found = change(monorepo)
    assert (found.base, found.touched) == ("origin/HEAD", ())
    monorepo.git("update-ref", "refs/remotes/origin/trunk", "main")
    assert touched(monorepo) == ["connectors/a"]


def test_a_push(monorepo: Repository, tmp_path: Path) -> None:
    """On GitHub, the pushed commits count; if the previous commit is unknown, and HEAD is main, everything does."""
    event = tmp_path / "event.json"
    environ = {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event)}
    monorepo.git("switch", "--quiet", "main")
    before = monorepo.git("rev-parse", "HEAD")
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.commit()
    event.write_text(json.dumps({"before": before}), encoding="utf-8")
    assert touched(monorepo, environ) == ["connectors/a"]
    for unknown in ("0" * 40, "1" * 40, None):
        event.write_text(json.dumps({"before": unknown}), encoding="utf-8")
        assert touched(monorepo, environ) == ["connectors/a", "connectors/b", "other/c"]
    monorepo.git("switch", "--quiet", "--create", "new")
    monorepo.write("other/c/connector.py", "# changed\n")
    monorepo.commit()
    assert touched(monorepo, environ) == ["other/c"]
    event.unlink()
    with pytest.raises(UsageError, match="GITHUB_EVENT_PATH names no event that can be read"):
        change(monorepo, environ)


def test_a_shallow_clone(monorepo: Repository, tmp_path: Path) -> None:
    """The error says that history is missing, and what to do."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.commit()
    monorepo.git("switch", "--quiet", "main")
    monorepo.write("README.md", "more")
    monorepo.commit()
    clone = tmp_path / "clone"
    fetch = ["git", "clone", "--quiet", "--depth", "1", "--no-single-branch", "--branch", "branch"]
    subprocess.run([*fetch, monorepo.folder.as_uri(), str(clone)], check=True, capture_output=True)
    with pytest.raises(UsageError, match=r"HEAD and origin/HEAD have no commit in common: .* fetch-depth: 0"):
        find_change(clone, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "nonsense"}, "--base nonsense: git finds no such branch or commit here"),
        ({"base": "--all"}, "--base --all: git finds no such branch or commit here"),
        ({"connectors": "absent"}, "--connectors absent: no connector is there"),
        ({"connectors": "../elsewhere"}, "--connectors ../elsewhere: that is outside the repository"),
    ],
)
def test_wrong_usage(monorepo: Repository, options: dict[str, str], message: str) -> None:
    """One sentence says what is wrong, and what to do."""
    with pytest.raises(UsageError, match=message):
        change(monorepo, **options)


def test_a_limit_to_connectors_that_were_deleted_is_right(monorepo: Repository) -> None:
    """A gate must pass the change that removes the last connector."""
    monorepo.git("rm", "--quiet", "-r", "connectors")
    assert touched(monorepo, connectors="connectors") == []


def test_no_repository_and_no_base(repository: Repository, tmp_path: Path) -> None:
    """It is an error: a gate that compares with nothing would pass everything."""
    with pytest.raises(UsageError, match=r"is not in a git repository .*: run it where the connectors are checked out"):
        find_change(tmp_path, {})
    repository.connector("a")
    repository.commit()
    repository.git("branch", "--move", "trunk")
    with pytest.raises(UsageError, match=r"neither origin/HEAD nor main: name one with --base"):
        change(repository)


def test_no_git(monorepo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UsageError, match="git is not installed"):
        change(monorepo)
