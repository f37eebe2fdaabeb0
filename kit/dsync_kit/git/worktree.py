"""Queries a git repository and its work tree, unaffected by the environment or settings."""

import subprocess
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsync_kit.git.running import run_git
from dsync_kit.usage import UsageError

__all__ = ["Entry", "Git"]

# Git sets these for hooks. They are for the folder of the hook, not for the current one.
_PLACE = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_COMMON_DIR",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_NAMESPACE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
    }
)

_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path in the index. `commit` is that of a submodule; empty for a file."""

    path: PurePosixPath
    commit: str
    sparse: bool
    """A sparse checkout leaves it out of the work tree."""
    unwatched: bool
    """Git was asked to treat the file as unchanged (`update-index --assume-unchanged`)."""


@dataclass(frozen=True, slots=True)
class Git:
    """A repository with its work tree. `place` holds the variables by which git finds it."""

    root: Path
    place: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, environ: Mapping[str, str]) -> "Git":
        """The repository that `folder` is in.

        GIT_DIR and GIT_WORK_TREE in `environ`, which hooks and users set, must name the same repository or, if there is
        no other, one whose work tree contains the folder. Raises UsageError if there is none, or if they disagree.
        """
        folder = folder.resolve()
        named = {name: environ[name] for name in ("GIT_DIR", "GIT_WORK_TREE") if environ.get(name)}
        place, reason = _discover(folder, {})
        if place is None and named:
            place, reason = _discover(folder, {name: str(folder / path) for name, path in named.items()})
            if place is not None:
                _check_work_tree(folder, place, named)
        elif place is not None:
            for name, path in named.items():
                if not any(_same(above / path, Path(place[name])) for above in (folder, *folder.parents)):
                    raise UsageError(
                        f"{name} is {path!r}, but {folder} lies in the repository {place['GIT_WORK_TREE']}: "
                        f"unset {name}, or run it in the repository that is meant"
                    )
        if place is None:
            raise UsageError(
                f"{folder} is not in a git repository ({reason}): run it where the connectors are checked out"
            )
        root = Path(place["GIT_WORK_TREE"])
        index = environ.get("GIT_INDEX_FILE", "")
        if index and (root / index).is_file():  # `git commit FILE` runs its hooks with an index of its commit
            place["GIT_INDEX_FILE"] = str(root / index)
        return cls(root, place)

    def submodule(self, path: PurePosixPath) -> "Git | None":
        """The repository of a submodule; None if it is not checked out."""
        folder = (self.root / path).resolve()
        place, _ = _discover(folder, {}) if folder.is_dir() else (None, "")
        return Git(folder, place) if place is not None and _same(Path(place["GIT_WORK_TREE"]), folder) else None

    def commit(self, ref: str) -> str | None:
        """The commit that a name means."""
        if not ref or ref.startswith("-"):
            return None
        done = self._run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return done.stdout.strip() or None

    def has(self, commit: str, path: str) -> bool:
        """Whether a path is in a commit."""
        return self._run("cat-file", "-e", f"{commit}:{path}").returncode == 0

    def export(self, commit: str, folder: Path) -> None:
        """Write all files of a commit into a new folder, without submodules. Raises UsageError."""
        folder.mkdir()
        packed = folder.with_suffix(".tar")
        self._lines("archive", "--format=tar", f"--output={packed}", commit)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()

    def merge_bases(self, commit: str) -> list[str]:
        """Where HEAD's branch left the commit's: several commits after criss-cross merges, none if they share none."""
        return self._run("merge-base", "--all", commit, "HEAD").stdout.split()

    def holds(self, commit: str) -> bool:
        """Whether HEAD is the commit or one of its descendants."""
        known = self.commit(commit)
        return known is not None and self._run("merge-base", "--is-ancestor", known, "HEAD").returncode == 0

    def is_shallow(self) -> bool:
        """Whether part of the history is missing."""
        return self._run("rev-parse", "--is-shallow-repository").stdout.strip() == "true"

    def tracked(self) -> Iterator[Entry]:
        """The entries of the index."""
        for line in self._lines("ls-files", "-z", "--cached", "--stage", "-v"):
            described, _, path = line.partition("\t")
            tag, mode, object_name, _ = described.split()
            yield Entry(
                PurePosixPath(path), object_name if mode == _SUBMODULE else "", tag.upper() == "S", tag.islower()
            )

    def untracked(self) -> set[PurePosixPath]:
        """The new files that are not ignored."""
        return self._paths("ls-files", "-z", "--others", "--exclude-standard")

    def changed(self, commit: str) -> set[PurePosixPath]:
        """The paths that differ from the commit, in HEAD, in the index or in the work tree."""
        diff = ("diff", "-z", "--name-only", "--no-renames", "--no-relative", "--no-ext-diff")
        every = (*diff, "--ignore-submodules=none")  # whatever .gitmodules says
        head = self._paths(*every, commit, "HEAD") if self.commit("HEAD") else set()
        return head | self._paths(*every, "--cached", commit) | self._paths(*every, commit)

    def is_clean(self) -> bool:
        """Whether there are neither changes since HEAD nor new files."""
        return not self._lines("status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=none")

    def changes_in(self, folder: Path) -> list[PurePosixPath]:
        """The changed and new paths in a folder, except ignored ones; a new folder counts as one path."""
        lines = iter(
            self._lines(
                *(
                    "status",
                    "--porcelain",
                    "-z",
                    "--untracked-files=normal",
                    "--ignore-submodules=none",
                    "--no-renames",
                ),
                *("--", f":(top,literal){folder.resolve().relative_to(self.root).as_posix()}"),
            )
        )
        return [PurePosixPath(line[3:]) for line in lines]

    def submodule_at(self, commit: str, path: PurePosixPath) -> str:
        """The submodule's commit at a commit of this repository; empty if it was not a submodule then."""
        line = next(iter(self._lines("ls-tree", "-z", commit, f"./{path}")), "")
        mode, _, rest = line.partition(" ")
        return rest.split()[1] if mode == _SUBMODULE else ""

    def names_at(self, commit: str) -> set[str] | None:
        """The names of all files in a commit; None if it has not been fetched."""
        if self.commit(commit) is None:
            return None
        return {path.name for path in self._paths("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)}

    def _paths(self, *words: str) -> set[PurePosixPath]:
        return {PurePosixPath(path) for path in self._lines(*words)}

    def _lines(self, *words: str) -> Collection[str]:
        done = self._run(*words)
        if done.returncode:
            raise UsageError(f"git {words[0]} failed: {done.stderr.strip()}")
        return [line for line in done.stdout.split("\0") if line]

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return _run(self.root, self.place, *words)


def _discover(folder: Path, place: Mapping[str, str]) -> tuple[dict[str, str] | None, str]:
    """The variables with which git finds the repository of a folder; without a repository, None and the reason."""
    done = _run(folder, place, "rev-parse", "--show-toplevel", "--absolute-git-dir")
    found = done.stdout.splitlines()
    if done.returncode or len(found) != 2:
        return None, (done.stderr.strip().splitlines() or ["git does not say why"])[0]
    root, git_dir = (str(Path(path).resolve()) for path in found)
    return {"GIT_DIR": git_dir, "GIT_WORK_TREE": root}, ""


def _check_work_tree(folder: Path, place: Mapping[str, str], named: Mapping[str, str]) -> None:
    """With GIT_DIR alone, git takes the current folder for the root of the work tree, whichever that is."""
    known = "GIT_WORK_TREE" in named or _run(folder, place, "config", "--get", "core.worktree").stdout
    if not known or not folder.is_relative_to(place["GIT_WORK_TREE"]):
        raise UsageError(
            f"GIT_DIR is {place['GIT_DIR']}, and {folder} is not known to be in its work tree: "
            "set GIT_WORK_TREE to the root of the work tree, or unset GIT_DIR"
        )


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other


def _run(folder: Path, place: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return run_git(folder, *words, environ=place, without=_PLACE.__contains__)
