"""Where the repository is, and what is checked out, in hooks, linked worktrees, all kinds of clones, and submodules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsync_kit.errors import UsageError
from dsync_kit.gate.changes import Change, find_change

from .conftest import Repository, change, clean_environ, touched

pytestmark = pytest.mark.usefixtures("no_outer_git")

ALL = ["connectors/a", "connectors/b", "other/c"]


def clone(repository: Repository, folder: Path, *options: str) -> Repository:
    """A clone of the checked-out branch, over the protocol that keeps a clone shallow."""
    command = ["git", "-c", "protocol.file.allow=always", "clone", "--quiet", *options, repository.folder.as_uri()]
    subprocess.run([*command, str(folder)], check=True, capture_output=True, env=clean_environ())
    return Repository(folder, made=True)


@pytest.fixture
def worktree(monorepo: Repository, tmp_path: Path) -> Repository:
    """A linked worktree whose branch changed connectors/a."""
    monorepo.git("worktree", "add", "--quiet", "-b", "linked", str(tmp_path / "linked"), "main")
    linked = Repository(tmp_path / "linked", made=True)
    linked.write("connectors/a/connector.py", "# changed\n")
    return linked


def find_in(folder: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Change:
    """The change as found in a folder, by a process with these variables."""
    for name in os.environ.keys() - clean_environ().keys():  # those of the CI system that runs these tests
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return find_change(folder, os.environ)


def test_a_hook_in_a_linked_worktree(
    monorepo: Repository, worktree: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git sets GIT_DIR there; the gate looks at the worktree, from each of its folders."""
    environ = {"GIT_DIR": str(monorepo.folder / ".git/worktrees/linked")}
    environ["GIT_INDEX_FILE"] = f"{environ['GIT_DIR']}/index"
    for folder in (".", "connectors", "other/c"):
        found = find_in(worktree.folder / folder, environ, monkeypatch)
        assert (found.root, [str(touched) for touched in found.touched]) == (worktree.folder, ["connectors/a"])


def test_a_real_hook(monorepo: Repository, worktree: Repository) -> None:
    """Run by git itself, it sees what is about to be committed, and stops it."""
    command = f"{sys.executable} -m dsync_kit.cli.kit ci --list --base HEAD"
    hook = monorepo.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncd connectors/b && {command} > ../../seen; exit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError):
        worktree.commit()
    assert (worktree.folder / "seen").read_text(encoding="utf-8") == "../a\n"


@pytest.mark.parametrize("below", [".", "connectors/b"])
@pytest.mark.parametrize("environ", [{"GIT_DIR": ".git"}, {"GIT_DIR": ".git", "GIT_WORK_TREE": "."}])
def test_a_hook_that_changes_its_folder(
    monorepo: Repository, below: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables relative to the folder where the hook began still work in another folder."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    found = find_in(monorepo.folder / below, environ, monkeypatch)
    assert (found.root, [str(folder) for folder in found.touched]) == (monorepo.folder, ["connectors/a"])


def test_an_index_of_a_commit_in_progress(monorepo: Repository) -> None:
    """`git commit FILE` gives its hooks a separate index, relative to the root."""
    monorepo.git("rm", "--quiet", "-r", "--cached", "other/c")
    (monorepo.folder / ".git/index").rename(monorepo.folder / ".git/next-index")
    monorepo.git("reset", "--quiet")
    found = find_change(monorepo.folder / "other", {"GIT_INDEX_FILE": ".git/next-index"})
    assert [str(folder) for folder in found.touched] == ["other/c"]


def test_a_git_dir_apart_from_its_work_tree(monorepo: Repository, tmp_path: Path) -> None:
    """With GIT_WORK_TREE it is used; without it, git would take any folder as the root, so it is an error."""
    apart = tmp_path / "apart.git"
    (monorepo.folder / ".git").rename(apart)
    monorepo.write("connectors/a/connector.py", "# changed\n")
    environ = {"GIT_DIR": str(apart), "GIT_WORK_TREE": str(monorepo.folder)}
    for folder in (".", "connectors"):
        assert [str(at) for at in find_change(monorepo.folder / folder, environ).touched] == ["connectors/a"]
        with pytest.raises(UsageError, match="set GIT_WORK_TREE to the root"):
            find_change(monorepo.folder / folder, {"GIT_DIR": str(apart)})
    with pytest.raises(UsageError, match="is not known to be in its work tree"):
        find_change(tmp_path, environ)


def test_a_bare_repository(monorepo: Repository, tmp_path: Path) -> None:
    """Nothing is checked out that could be verified."""
    bare = clone(monorepo, tmp_path / "bare", "--bare")
    with pytest.raises(UsageError, match="must be run in a work tree"):
        change(bare)


def test_variables_of_another_repository(monorepo: Repository, tmp_path: Path) -> None:
    """A hook that works in another repository must say which one it means."""
    other = Repository(tmp_path / "other")
    with pytest.raises(UsageError, match=r"GIT_DIR is '.*', but .* lies in the repository .*: unset GIT_DIR"):
        change(other, {"GIT_DIR": str(monorepo.folder / ".git")})


def test_a_folder_behind_a_link(monorepo: Repository, tmp_path: Path) -> None:
    """The repository is the same, and so are --connectors and their paths."""
    (tmp_path / "link").symlink_to(monorepo.folder)
    monorepo.write("connectors/a/connector.py", "# changed\n")
    for pattern in ("a", str(tmp_path / "link/connectors/a")):
        found = find_change(tmp_path / "link/connectors", {}, connectors=pattern)
        assert [str(folder) for folder in found.touched] == ["connectors/a"]


def test_a_detached_head(monorepo: Repository) -> None:
    """It works, because CI systems check out detached heads."""
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.git("switch", "--quiet", "--detach", monorepo.commit())
    assert touched(monorepo) == ["connectors/a"]


def test_two_merge_bases(monorepo: Repository) -> None:
    """After criss-cross merges, a change counts even if only one of the merge bases shows it."""
    for branch, folder in (("main", "connectors/a"), ("branch", "connectors/b")):
        monorepo.git("switch", "--quiet", branch)
        monorepo.write(f"{folder}/connector.py", "# changed\n")
        monorepo.commit()
    ours, theirs = monorepo.git("rev-parse", "main"), monorepo.git("rev-parse", "branch")
    monorepo.git("merge", "--quiet", "--no-edit", ours)
    monorepo.git("switch", "--quiet", "main")
    monorepo.git("merge", "--quiet", "--no-edit", theirs)
    monorepo.git("switch", "--quiet", "branch")
    assert len(monorepo.git("merge-base", "--all", "main", "branch").split()) == 2
    assert touched(monorepo) == ["connectors/a", "connectors/b"]


def test_what_was_committed_and_undone(monorepo: Repository) -> None:
    """A commit's change counts even if the work tree undoes it, because the commit will be merged."""
    monorepo.write("connectors/a/connector.py", "# broken\n")
    monorepo.commit()
    monorepo.write("connectors/a/connector.py", "# connectors/a\n")
    monorepo.write("connectors/b/connector.py", "# broken\n")
    monorepo.git("add", "--all")
    monorepo.write("connectors/b/connector.py", "# connectors/b\n")
    assert touched(monorepo) == ["connectors/a", "connectors/b"]


def test_files_that_git_was_asked_not_to_look_at(monorepo: Repository) -> None:
    """They count as changed, because they may be."""
    monorepo.git("update-index", "--assume-unchanged", "connectors/a/connector.py")
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.write("README.md", "changed")
    assert touched(monorepo) == ["connectors/a"]


def test_a_shallow_clone_with_what_was_before(monorepo: Repository, tmp_path: Path) -> None:
    """A push needs only the previous commit."""
    before = monorepo.git("rev-parse", "HEAD")
    monorepo.write("connectors/a/connector.py", "# changed\n")
    monorepo.commit()
    push = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "branch", "CI_COMMIT_BEFORE_SHA": before}
    assert touched(clone(monorepo, tmp_path / "deep", "--depth", "2"), push) == ["connectors/a"]
    assert touched(clone(monorepo, tmp_path / "shallow", "--depth", "1"), push) == ALL


def test_a_sparse_checkout(monorepo: Repository) -> None:
    """A touched connector that is not checked out does not pass."""
    monorepo.write("connectors/b/connector.py", "# changed\n")
    monorepo.write("other/c/connector.py", "# changed\n")
    monorepo.commit()
    monorepo.git("sparse-checkout", "set", "connectors/a", "other")
    found = change(monorepo)
    assert [str(folder) for folder in found.touched] == ["other/c"]
    assert {str(folder): reason for folder, reason in found.unjudged.items()} == {
        "connectors/b": "it is not checked out: run git sparse-checkout add connectors/b"
    }
    assert touched(monorepo, connectors="other") == ["other/c"]


def test_a_renamed_folder(monorepo: Repository) -> None:
    """The connector is new, even if only the case of its name changed."""
    monorepo.git("mv", "connectors/a", "connectors/A2")
    monorepo.git("mv", "connectors/b", "connectors/B")
    assert touched(monorepo) == ["connectors/A2", "connectors/B"]


def test_ignored_files_that_are_tracked(monorepo: Repository) -> None:
    """A connector that was added despite .gitignore counts."""
    monorepo.write(".gitignore", "build/\n")
    monorepo.connector("build/d")
    monorepo.git("add", "--all", "--force")
    monorepo.git("commit", "--quiet", "--message", "change")
    assert touched(monorepo) == ["build/d"]


def test_links_to_folders(monorepo: Repository) -> None:
    """A connector behind a link is verified once, by its own name unless that is excluded."""
    monorepo.folder.joinpath("linked").symlink_to("connectors")
    monorepo.commit()
    monorepo.git("branch", "--quiet", "--force", "main")
    monorepo.write("connectors/a/connector.py", "# changed\n")
    assert touched(monorepo) == ["connectors/a"]
    assert touched(monorepo, connectors="linked") == ["linked/a"]


def test_links_out_of_a_connector(monorepo: Repository) -> None:
    """Their targets are part of it, even through several links."""
    monorepo.write("shared/real/x.json", "{}")
    monorepo.folder.joinpath("shared/second").symlink_to("real")
    monorepo.folder.joinpath("connectors/a/data").symlink_to("../../shared/second")
    monorepo.folder.joinpath("connectors/b/x.json").symlink_to("../../shared/real/x.json")
    monorepo.folder.joinpath("connectors/b/loop").symlink_to(".")
    monorepo.commit()
    monorepo.git("branch", "--quiet", "--force", "main")
    monorepo.write("shared/real/x.json", "[]")
    assert touched(monorepo) == ["connectors/a", "connectors/b"]


@pytest.fixture
def outer(monorepo: Repository, tmp_path: Path) -> Repository:
    """A repository with the other one as its submodule `vendor`, whose branch and main it has."""
    outer = Repository(tmp_path / "outer")
    outer.connector("own")
    outer.git("submodule", "--quiet", "add", str(monorepo.folder), "vendor")
    outer.commit()
    outer.git("switch", "--quiet", "--create", "branch")
    return outer


def bump(outer: Repository, monorepo: Repository, path: str) -> None:
    """Change a file in the submodule, and let the outer repository follow."""
    monorepo.write(path, "# changed\n")
    commit = monorepo.commit()
    Repository(outer.folder / "vendor", made=True).git("fetch", "--quiet")
    Repository(outer.folder / "vendor", made=True).git("checkout", "--quiet", commit)
    outer.commit()


def test_a_submodule(outer: Repository, monorepo: Repository) -> None:
    """Its connectors are known; those that its new commit changes are touched, whatever .gitmodules ignores."""
    outer.write("README.md", "changed")
    assert touched(outer) == []
    outer.git("config", "--file", ".gitmodules", "submodule.vendor.ignore", "all")
    bump(outer, monorepo, "connectors/a/connector.py")
    assert touched(outer) == ["vendor/connectors/a"]
    outer.write("vendor/other/c/new.py")
    assert touched(outer) == ["vendor/connectors/a", "vendor/other/c"]
    outer.write("requirements.txt")
    assert touched(outer) == ["own", *(f"vendor/{folder}" for folder in ALL)]


def test_a_new_submodule(outer: Repository) -> None:
    """All of its connectors are new, also if its previous commit is missing."""
    outer.git("branch", "--quiet", "--force", "main", "HEAD")
    outer.git("submodule", "--quiet", "add", str(outer.folder / "vendor"), "second")
    assert touched(outer) == [f"second/{folder}" for folder in ALL]


def test_a_submodule_that_is_not_checked_out(outer: Repository, monorepo: Repository, tmp_path: Path) -> None:
    """Nobody can say that a change of it touches no connector, nor if another commit is checked out."""
    old = Repository(outer.folder / "vendor", made=True).git("rev-parse", "HEAD")
    bump(outer, monorepo, "connectors/a/connector.py")
    outer.git("update-ref", "refs/remotes/origin/main", "main")
    closed = clone(outer, tmp_path / "clone")
    found = change(closed, base="HEAD~1")
    assert found.touched == ()
    assert "the submodule is not checked out" in found.unjudged[next(iter(found.unjudged))]
    assert touched(closed, base="HEAD~1", connectors="own") == []
    assert [str(folder) for folder in change(closed, base="HEAD~1", connectors="*/connectors/*").unjudged] == ["vendor"]
    closed.write("README.md", "changed")
    assert touched(closed, base="HEAD") == []
    closed.write("requirements.txt")
    assert [str(folder) for folder in change(closed, base="HEAD").unjudged] == ["vendor"]
    Repository(outer.folder / "vendor", made=True).git("checkout", "--quiet", old)
    [reason] = change(outer).unjudged.values()
    assert "is not checked out at" in reason
    assert "run git submodule update" in reason
