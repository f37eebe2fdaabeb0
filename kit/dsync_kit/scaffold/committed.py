"""The starting point of an update: a connector's folder that is completely committed to git."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsync_kit.git.worktree import Git
from dsync_kit.usage import UsageError

__all__ = ["Committed", "copy_committed"]

_FEW = 5
"""How many uncommitted files a message names."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A copy of the files that git tracks in a connector's folder. Lines end with \\n in the copy."""

    files: Path
    crlf: frozenset[Path]
    """The files whose lines all end with \\r\\n in the connector's folder."""
    closed: frozenset[Path]
    """Symbolic links and submodules. They are not copied, and the template must not write there or below."""


def copy_committed(folder: Path, into: Path) -> Committed:
    """Copy the files that git tracks in a folder.

    Raises UsageError if the folder is not in a repository, or if it contains uncommitted changes.
    """
    commit = f"commit the connector first (git add {folder} && git commit), so that nothing can get lost"
    try:
        repository = Git.at(folder, os.environ)
    except UsageError as error:
        raise UsageError(f"{error}; {commit}") from error
    place = PurePosixPath(folder.resolve().relative_to(repository.root))
    tracked = [entry for entry in repository.tracked() if entry.path.is_relative_to(place)]
    if not tracked:
        raise UsageError(f"git tracks no file in {folder}: {commit}")
    changes = [str(path.relative_to(place)) for path in repository.changes_in(folder) if path.is_relative_to(place)]
    if changes:
        more = f" and {len(changes) - _FEW} more" if len(changes) > _FEW else ""
        raise UsageError(
            f"{folder} has changes that are not committed: {', '.join(changes[:_FEW])}{more}; "
            "commit, stash or ignore them first, so that nothing can get lost"
        )
    crlf, closed = set(), set()
    for entry in tracked:
        path = Path(entry.path.relative_to(place))
        if entry.commit or (folder / path).is_symlink():
            closed.add(path)
        elif (folder / path).is_file():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            if _copy(folder / path, into / path):
                crlf.add(path)
    return Committed(into, frozenset(crlf), frozenset(closed))


def _copy(source: Path, target: Path) -> bool:
    """Copy a file. If all lines end with \\r\\n, end them with \\n instead, and return True."""
    shutil.copy2(source, target)
    data = source.read_bytes()
    lines = data.count(b"\n")
    if b"\0" in data or not lines or data.count(b"\r\n") != lines:
        return False
    target.write_bytes(data.replace(b"\r\n", b"\n"))
    return True
