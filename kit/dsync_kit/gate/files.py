"""The files of a repository and its submodules, and which of them differ from the base."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dsync_kit.git.worktree import Entry, Git

__all__ = ["Files", "find_files", "links"]

_CONNECTOR_FILES = {"registration.py", "conformance.py"}


@dataclass(frozen=True, slots=True)
class Files:
    """Paths are relative to the root of the outer repository, also those in submodules.

    `present` files exist and are not ignored; `absent` ones are tracked, but left out by a sparse checkout. `changed`
    files differ from the base in any way; some may be deleted. `closed` are unreadable submodules, with the reason.
    """

    present: set[PurePosixPath] = field(default_factory=set)
    absent: set[PurePosixPath] = field(default_factory=set)
    changed: set[PurePosixPath] = field(default_factory=set)
    closed: dict[PurePosixPath, str] = field(default_factory=dict)

    @property
    def known(self) -> set[PurePosixPath]:
        """All of them."""
        return self.present | self.absent | self.changed | set(self.closed)


def find_files(git: Git, commits: Collection[str]) -> Files:
    """The repository's files, and those that differ from any of the commits (without commits, all of them)."""
    files = Files()
    _collect(git, commits, PurePosixPath(), files)
    return files


def _collect(git: Git, commits: Collection[str], at: PurePosixPath, files: Files) -> None:
    entries = list(git.tracked())
    submodules = {entry.path: entry for entry in entries if entry.commit}
    new = git.untracked()
    known = {entry.path for entry in entries if not entry.commit} | new
    there = {path for path in known if _is_file(git.root / path)}
    files.present.update(at / path for path in there)
    files.absent.update(at / entry.path for entry in entries if entry.sparse and entry.path not in there)
    changed = {path for commit in commits for path in git.changed(commit)} | new if commits else known | set(submodules)
    # Files that git was asked to ignore may have changed.
    changed |= {entry.path for entry in entries if entry.unwatched or (entry.sparse and entry.path in there)}
    files.changed.update(at / path for path in changed)
    for entry in submodules.values():
        _collect_submodule(git, entry, commits, at / entry.path, files)


def _collect_submodule(git: Git, entry: Entry, commits: Collection[str], at: PurePosixPath, files: Files) -> None:
    inner = git.submodule(entry.path)
    if inner is None:
        files.closed[at] = (
            "the submodule is not checked out, so it may hold connectors that the change affects: run git submodule "
            "update --init --recursive (actions/checkout: submodules: recursive), or limit the gate with --connectors"
        )
        return
    # Its files count, not the submodule as a whole.
    changed = at in files.changed
    files.changed.discard(at)
    before = {git.submodule_at(commit, entry.path) for commit in commits}
    all_known = bool(before) and all(inner.commit(commit) for commit in before)
    _collect(inner, before if all_known else (), at, files)
    if inner.commit("HEAD") != entry.commit and _holds_connectors(inner, entry.commit):
        files.changed.update({at} if changed else ())
        files.closed[at] = (
            f"the submodule is not checked out at {entry.commit[:10]}, which the repository names: run git submodule "
            "update, or add what is checked out with git add"
        )


def _holds_connectors(inner: Git, commit: str) -> bool:
    """Whether a submodule contains connectors, as checked out or at the commit."""
    names = inner.names_at(commit)
    return names is None or bool(_CONNECTOR_FILES & (names | {entry.path.name for entry in inner.tracked()}))


def links(root: Path, present: Collection[PurePosixPath]) -> Iterator[tuple[PurePosixPath, Path]]:
    """The symbolic links of the repository, and the paths that they lead to."""
    for path in present:
        if (root / path).is_symlink():
            yield path, Path(os.path.realpath(root / path))


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()
