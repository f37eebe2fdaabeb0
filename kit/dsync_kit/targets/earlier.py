"""An earlier version of a connector's folder, from its git repository."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsync_kit.bounds.scratch import ScratchFolder
from dsync_kit.git.worktree import Git
from dsync_kit.usage import UsageError

__all__ = ["earlier_version", "was_there"]


@contextmanager
def earlier_version(folder: Path, ref: str) -> Iterator[Path]:
    """The folder as it was in a commit; removed when the context is left. Raises UsageError if it was not there."""
    git = Git.at(folder, os.environ)
    commit = _commit(git, folder, ref)
    with ScratchFolder() as scratch:
        git.export(commit, scratch.path / "earlier")
        earlier = scratch.path / "earlier" / folder.resolve().relative_to(git.root)
        if not (earlier / "registration.py").is_file():
            raise UsageError(f"--against: {folder} is not a connector in {ref}: it has no registration.py there")
        yield earlier


def was_there(folder: Path, ref: str) -> bool:
    """Whether the folder was a connector in a commit. Raises UsageError if there is no such commit."""
    git = Git.at(folder, os.environ)
    place = folder.resolve().relative_to(git.root) / "registration.py"
    return git.has(_commit(git, folder, ref), place.as_posix())


def _commit(git: Git, folder: Path, ref: str) -> str:
    if (commit := git.commit(ref)) is None:
        raise UsageError(
            f"--against: there is no commit {ref!r} in the repository of {folder}: expected a branch, a tag or "
            "a commit (a shallow clone lacks most of them)"
        )
    return commit
