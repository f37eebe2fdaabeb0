"""`dsync-new update`: the template's changes arrive, the author's edits stay, and nothing gets lost."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .conftest import NEW, OLD, commit, git, replaced, tree

Kit = Callable[..., None]
Run = Callable[..., int]
Out = pytest.CaptureFixture[str]

ANSWERS = ".copier-answers.yml"
READS = "dsync can still rely on it."  # a line of the README's first part
TITLE = "## Test data"


def better_readme(template: Path) -> None:
    """A release that changes a sentence at the top of the README."""
    replaced(template / "blank" / "README.md.jinja", READS, "dsync can still rely on all of it.")


def test_changes_of_the_template_come_and_edits_stay(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """Even in one file. The author's additions, changes and permissions stay; the answers name the release."""
    replaced(demo / "README.md", TITLE, "## Our data")
    (demo / "extra.py").write_text("EXTRA = 1\n")
    (demo / "run.sh").write_text("#!/bin/sh\n")
    (demo / "run.sh").chmod(0o755)
    commit(repository)
    before = tree(demo)
    kit(better_readme)
    assert dsync_new("update", "connectors/demo") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"connectors/demo updated from {OLD} to {NEW}"
    assert "  changed    README.md" in out.splitlines()
    after = tree(demo)
    assert b"rely on all of it" in after["README.md"]
    assert b"## Our data" in after["README.md"]
    assert b"dsync-kit>=1.1.0" in after["pyproject.toml"]
    assert yaml.safe_load(after[ANSWERS])["_commit"] == f"v{NEW}"
    touched = {path for path in before if before[path] != after.get(path)}
    assert touched == {"README.md", "pyproject.toml", ANSWERS}
    assert set(after) == set(before)
    assert (demo / "run.sh").stat().st_mode & stat.S_IXUSR

    commit(repository)
    assert dsync_new("update", "connectors/demo") == 0
    assert capsys.readouterr().out == f"connectors/demo is up to date ({NEW})\n"
    assert git(repository, "status", "--porcelain") == ""


def test_a_conflict_becomes_markers_and_a_line(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """Exit code 1; both texts are in the file, and every other change is made."""
    replaced(demo / "README.md", READS, "dsync relies on it.")
    commit(repository)
    kit(better_readme)
    assert dsync_new("update") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "CONFLICT" in line] == [
        "  CONFLICT   README.md: you and the template changed the same lines; both are between <<<<<<< and >>>>>>>"
    ]
    text = (demo / "README.md").read_text(encoding="utf-8")
    ours, theirs = text.partition("<<<<<<< ")[2].partition(">>>>>>> dsync-kit-1.1.0\n")[0].split("=======\n")
    assert "dsync relies on it." in ours
    assert "rely on all of it." in theirs
    assert b"dsync-kit>=1.1.0" in (demo / "pyproject.toml").read_bytes()


def test_a_dry_run_shows_the_diff_and_changes_nothing(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """Applied by git, the diff gives the real run's result; a conflict is in it, and in the exit code."""
    replaced(demo / "README.md", READS, "dsync relies on it.")
    commit(repository)
    kit(better_readme)
    before = tree(repository)
    assert dsync_new("update", "--dry-run", "connectors/demo") == 1
    assert tree(repository) == before
    said, _, difference = capsys.readouterr().out.partition("\n\n")
    assert said.startswith(f"connectors/demo would be updated from {OLD} to {NEW}\n")
    assert dsync_new("update") == 1
    after = tree(demo)
    git(repository, "checkout", "--quiet", "--", ".")
    (repository / "patch").write_text(difference)
    git(repository, "apply", "--directory", "connectors/demo", "patch")
    assert tree(demo) == after


def test_what_is_not_committed_is_refused_in_the_folder_alone(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """A changed file or a new one is refused; elsewhere in the repository, both are fine."""
    kit(better_readme)
    (repository / "other.txt").write_text("not committed")
    (demo / "new.txt").write_text("not committed")
    (demo / "README.md").write_text("changed")
    before = tree(repository)
    assert dsync_new("update") == 2
    error = capsys.readouterr().err
    assert "connectors/demo has changes that are not committed: README.md, new.txt; commit, stash or ignore" in error
    assert tree(repository) == before
    (demo / "new.txt").unlink()
    git(repository, "checkout", "--quiet", "--", "connectors")
    assert dsync_new("update") == 0
    assert (repository / "other.txt").read_text() == "not committed"


def test_a_folder_that_git_does_not_track_is_refused(
    demo: Path, kit: Kit, dsync_new: Run, tmp_path: Path, capsys: Out
) -> None:
    """Without a repository, or if the repository ignores the folder."""
    kit(better_readme)
    alone = demo.rename(tmp_path / "alone")
    assert dsync_new("update", str(alone)) == 2
    assert "is not in a git repository" in (error := capsys.readouterr().err)
    assert "commit the connector first" in error
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("alone\n")
    assert dsync_new("update", str(alone)) == 2
    assert "git tracks no file in" in capsys.readouterr().err


def test_a_failure_leaves_the_folder_as_it_was(
    demo: Path, kit: Kit, dsync_new: Run, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after some files were changed, others removed and folders made."""

    def edit(template: Path) -> None:
        better_readme(template)
        (template / "blank" / "a" / "b").mkdir(parents=True)
        (template / "blank" / "a" / "b" / "c.txt.jinja").write_text("new\n")
        (template / "blank" / "tests" / "test_connector.py.jinja").unlink()

    kit(edit)
    before = tree(demo)
    real, calls = Path.replace, []

    def full(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > 2:
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        assert dsync_new("update") == 2
    error = capsys.readouterr().err
    assert "No space left on device; connectors/demo is as it was" in error
    assert tree(demo) == before
    assert not (demo / "a").exists()
    assert dsync_new("update") == 0


def test_removed_files_go_unless_they_were_edited(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """An edited file stays, and is a conflict; a folder that becomes empty is removed, too."""

    def edit(template: Path) -> None:
        (template / "blank" / "tests" / "test_connector.py.jinja").unlink()
        for path in (template / "blank" / "test_data" / "invalid").iterdir():
            path.unlink()

    with (demo / "tests" / "test_connector.py").open("a") as file:
        file.write("\n\ndef test_mine() -> None:\n    assert True\n")
    commit(repository)
    edited = (demo / "tests" / "test_connector.py").read_bytes()
    kit(edit)
    assert dsync_new("update") == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  removed    test_data/invalid/malformed.jsonl" in lines
    assert (
        "  CONFLICT   tests/test_connector.py: you changed it, but the template no longer has it; delete it, or keep it"
        in lines
    )
    assert (demo / "tests" / "test_connector.py").read_bytes() == edited
    assert not (demo / "test_data" / "invalid").exists()


def test_deleted_files_stay_deleted(repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out) -> None:
    """Whether or not the template changes them; if it does, a line says so."""
    (demo / "README.md").unlink()
    (demo / "test_data" / "edge" / "empty.jsonl").unlink()
    commit(repository)
    kit(better_readme)
    assert dsync_new("update") == 0
    assert "  skipped    README.md: the template changed it, but you deleted it" in capsys.readouterr().out.splitlines()
    assert not (demo / "README.md").exists()
    assert not (demo / "test_data" / "edge" / "empty.jsonl").exists()


def test_a_file_that_the_author_moved_gets_the_changes_where_it_is(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run
) -> None:
    """With the author's edits."""
    (demo / "docs").mkdir()
    (demo / "README.md").rename(demo / "docs" / "guide.md")
    replaced(demo / "docs" / "guide.md", TITLE, "## Our data")
    commit(repository)
    kit(better_readme)
    assert dsync_new("update") == 0
    text = (demo / "docs" / "guide.md").read_text(encoding="utf-8")
    assert "rely on all of it" in text
    assert "## Our data" in text
    assert not (demo / "README.md").exists()


def test_an_added_file_stays_where_it_is(repository: Path, demo: Path, kit: Kit, dsync_new: Run) -> None:
    """Even if the template moves all other files of its folder."""

    def edit(template: Path) -> None:
        (template / "blank" / "test_data" / "edge").rename(template / "blank" / "test_data" / "corner")

    (demo / "test_data" / "edge" / "mine.jsonl").write_text('{"id": "mine"}\n')
    commit(repository)
    kit(edit)
    assert dsync_new("update") == 0
    assert [path.name for path in (demo / "test_data" / "edge").iterdir()] == ["mine.jsonl"]
    assert (demo / "test_data" / "corner" / "single.jsonl").is_file()


def test_a_new_file_never_replaces_one_that_git_ignores(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """No commit holds it, so it would be lost."""

    def edit(template: Path) -> None:
        (template / "blank" / "local.env.jinja").write_text("KEY=\n")

    (demo / ".gitignore").write_text((demo / ".gitignore").read_text() + "local.env\n")
    commit(repository)
    (demo / "local.env").write_text("KEY=mine\n")
    kit(edit)
    before = tree(demo)
    assert dsync_new("update") == 2
    assert "connectors/demo/local.env is in the way" in capsys.readouterr().err
    assert tree(demo) == before


def test_a_link_is_not_followed(repository: Path, demo: Path, kit: Kit, dsync_new: Run, tmp_path: Path) -> None:
    """Neither one in place of a file nor one in place of a folder."""

    def edit(template: Path) -> None:
        better_readme(template)
        (template / "blank" / "tests" / "new.txt.jinja").write_text("new\n")

    (demo / "README.md").rename(repository / "README.md")
    (demo / "README.md").symlink_to("../../README.md")
    (demo / "tests").rename(tmp_path / "elsewhere")
    (demo / "tests").symlink_to(tmp_path / "elsewhere")
    commit(repository)
    outside = (tree(tmp_path / "elsewhere"), (repository / "README.md").read_bytes())
    kit(edit)
    assert dsync_new("update") == 0
    assert (tree(tmp_path / "elsewhere"), (repository / "README.md").read_bytes()) == outside
    assert (demo / "README.md").is_symlink()
    assert (demo / "tests").is_symlink()


def test_a_repository_of_one_connector(
    demo: Path, kit: Kit, dsync_new: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is the repository's root and the current one, with another name than when it was rendered."""
    alone = demo.rename(tmp_path / "clone-of-it")
    git(alone, "init", "--quiet")
    commit(alone)

    def edit(template: Path) -> None:
        better_readme(template)
        replaced(
            template / "shared" / "readme-commands.md.jinja", "| default(name) }}\n", "| default(name) }} --jobs 2\n"
        )

    kit(edit)
    monkeypatch.chdir(alone)
    assert dsync_new("update") == 0
    assert b"rely on all of it" in (alone / "README.md").read_bytes()
    assert b"dsync-kit verify ./demo --jobs 2\n" in (alone / "README.md").read_bytes()
    assert git(alone, "diff", "--name-only").split() == [ANSWERS, "README.md", "pyproject.toml"]


def test_settings_of_git_take_no_part(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing without a key, failing hooks, converted line ends, an external diff program, a hook's variables."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "post-merge", "pre-merge-commit", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\nexit 1\n")
        (hooks / name).chmod(0o755)
    settings = {
        "commit.gpgsign": "true",
        "tag.gpgsign": "true",
        "gpg.program": "/bin/false",
        "core.hooksPath": str(hooks),
        "core.autocrlf": "true",
        "diff.external": "/bin/false",
        "diff.noprefix": "true",
        "merge.conflictStyle": "diff3",
        "merge.ff": "only",
        "status.showUntrackedFiles": "no",
        "init.defaultObjectFormat": "sha256",
    }
    config = tmp_path / ".gitconfig"
    for name, value in settings.items():
        subprocess.run(["git", "config", "--file", config, name, value], check=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    replaced(demo / "README.md", TITLE, "## Our data")
    (demo / ".gitattributes").write_text("*.md -merge\n")
    commit(repository)
    for path in git(repository, "ls-files").split():  # a checkout with Windows' line ends
        (repository / path).unlink()
    git(repository, "checkout", "--quiet", "--", ".")
    assert b"\r\n" in (demo / "README.md").read_bytes()
    assert git(repository, "status", "--porcelain") == ""
    kit(better_readme)
    assert dsync_new("update") == 0
    assert not (tmp_path / "called").exists()
    data = (demo / "README.md").read_bytes()
    assert b"rely on all of it" in data
    assert b"## Our data\r\n" in data
    assert data.count(b"\n") == data.count(b"\r\n")
    changed = git(repository, "diff", "--no-ext-diff", "--numstat").splitlines()
    assert "1\t1\tconnectors/demo/README.md" in changed
    assert len(changed) == 3

    git(repository, "checkout", "--quiet", "--", ".")
    for name, value in {
        "GIT_DIR": ".git",
        "GIT_INDEX_FILE": ".git/index",
        "GIT_PREFIX": "",
        "GIT_AUTHOR_DATE": "no date",
    }.items():
        monkeypatch.setenv(name, value)  # as in a hook
    assert dsync_new("update") == 0
    assert (demo / "README.md").read_bytes() == data


def test_several_folders_are_updated_one_by_one(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """If one fails, the others are still updated; its exit code is the command's."""
    absent = repository / "connectors" / "absent"
    absent.mkdir()
    kit(better_readme)
    assert dsync_new("update", str(absent), str(demo), "nowhere") == 2
    printed = capsys.readouterr()
    assert printed.err.count("error: ") == 2
    assert "nowhere is not a folder" in printed.err
    assert f"{demo} updated from" in printed.out
    os.chdir(absent)
    assert dsync_new("update") == 2
    assert "no connector made by dsync-new is here or in connectors/" in capsys.readouterr().err
