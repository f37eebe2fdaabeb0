"""Scratch repositories, in which the user's settings, hooks and attributes have no effect."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dsync_kit.git.running import run_git

__all__ = ["Merged", "ScratchRepository"]

_IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "dsync-kit"), ("EMAIL", "dsync-kit@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}
# These override a .gitattributes among the files: nothing converts them, runs a filter or picks a merge driver.
_ATTRIBUTES = "* -text !eol -filter -ident !working-tree-encoding !merge !diff\n"


@dataclass(frozen=True, slots=True)
class Merged:
    """The paths that a merge left unmerged, relative to the work tree."""

    conflicts: tuple[Path, ...]
    """Both sides changed the same lines, or the other side deleted the file."""
    deleted: tuple[Path, ...]
    """Our side deleted the file, the other side changed it. It is not in the work tree."""


class ScratchRepository:
    """A new repository in `folder`, which is its work tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=")
        info = folder / ".git" / "info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")

    def git(self, *words: str, **environ: str) -> str:
        """The output of a git command. Raises RuntimeError if it fails."""
        done = self._run(*words, **environ)
        if done.returncode:
            raise RuntimeError(f"git {words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def commit(self, files: Path, *parents: str) -> str:
        """Commit the files of any folder, and return the commit. The work tree does not change."""
        place = {"GIT_INDEX_FILE": str(self.folder / ".git" / "scratch-index"), "GIT_WORK_TREE": str(files)}
        self.git("read-tree", "--empty", **place)
        self.git("add", "--all", "--force", ".", **place)
        tree = self.git("write-tree", **place).strip()
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *words, "-m", files.name).strip()

    def merge(self, ours: str, theirs: str, *, name: str) -> Merged:
        """Merge two commits into the work tree. `name` is the label of theirs in conflict markers."""
        self.git("checkout", "--quiet", "--force", "--detach", ours)
        self.git("tag", name, theirs)
        # A file that one side added stays where it is, even if the other side moved the rest of its folder.
        options = ("-c", "merge.conflictStyle=merge", "-c", "merge.directoryRenames=false")
        done = self._run(*options, "merge", "--quiet", "--no-commit", "--no-ff", name)
        conflicts: list[Path] = []
        deleted: list[Path] = []
        for line in self._unmerged():
            # u XY sub m1 m2 m3 mW h1 h2 h3 path
            _, state, *_, path = line.split(" ", 10)
            (deleted if state == "DU" else conflicts).append(Path(path))
        if done.returncode and not conflicts and not deleted:
            raise RuntimeError(f"git merge failed: {done.stderr.strip() or done.stdout.strip()}")
        for gone in deleted:
            (self.folder / gone).unlink(missing_ok=True)
        return Merged(tuple(conflicts), tuple(deleted))

    def changes_since(self, commit: str) -> dict[Path, str]:
        """How files of the work tree differ from a commit: A for added, M for modified, D for deleted, by path."""
        self.git("add", "--all", "--force", ".")
        fields = self.git("diff", "--cached", "--name-status", "--no-renames", "-z", commit).split("\0")[:-1]
        return {Path(path): how for how, path in zip(fields[::2], fields[1::2], strict=True)}

    def difference(self, commit: str) -> str:
        """How the work tree differs from a commit, as a unified diff."""
        self.git("add", "--all", "--force", ".")
        return self.git("diff", "--cached", "--no-color", "--find-renames", commit)

    def _unmerged(self) -> Iterator[str]:
        lines = self.git("status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames").split("\0")
        return (line for line in lines if line.startswith("u "))

    def _run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        home = str(self.folder / ".git")  # a git before 2.32 knows no GIT_CONFIG_GLOBAL
        isolated = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": home, "XDG_CONFIG_HOME": home}
        place = {"GIT_DIR": home, "GIT_WORK_TREE": str(self.folder)}
        return run_git(
            self.folder,
            *words,
            environ={**_IDENTITY, **isolated, **place, **environ},
            without=lambda name: name.startswith("GIT_"),
        )
