"""Writes and removes files in a folder: all of them, or none."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dsync_kit.usage import UsageError

__all__ = ["FileChange", "write_files"]

FileChange = Path | None
"""The file to be copied, or None to remove a file."""


def write_files(folder: Path, changes: Mapping[Path, FileChange]) -> None:
    """Change files at paths relative to `folder`, and remove folders that are empty afterwards.

    Raises UsageError if a file cannot be written; then, as after any failure, all files are unchanged.
    """
    with tempfile.TemporaryDirectory(prefix="dsync-new-") as kept:
        done: list[tuple[Path, Path | None]] = []  # each file, and a copy of its old contents
        made: list[Path] = []
        try:
            # Removals come first: a removed file may become a folder, or a folder a file.
            for number, (path, new) in enumerate(sorted(changes.items(), key=lambda change: change[1] is not None)):
                target = folder / path
                old = Path(kept, str(number)) if target.exists() else None
                if old is not None:
                    shutil.copy2(target, old)
                done.append((target, old))
                if new is None:
                    target.unlink(missing_ok=True)
                    _remove_empty(folder, path)
                else:
                    made += _make_parents(target)
                    _replace(target, new)
        except BaseException as error:
            for target, old in reversed(done):
                _restore(target, old)
            for parent in reversed(made):
                with suppress(OSError):
                    parent.rmdir()
            if isinstance(error, OSError):
                raise UsageError(
                    f"{error.filename or folder} cannot be written: {error.strerror}; {folder} is as it was"
                ) from error
            raise


def _make_parents(target: Path) -> list[Path]:
    """Create the folders above a file; returns the new ones, outermost first."""
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _replace(target: Path, new: Path) -> None:
    """Replace a file with a copy of another, and keep its permissions."""
    mode = target.stat().st_mode if target.exists() else None
    descriptor, name = tempfile.mkstemp(prefix=".dsync-new-", dir=target.parent)
    os.close(descriptor)
    staged = Path(name)
    try:
        shutil.copyfile(new, staged)
        staged.chmod((new.stat().st_mode if mode is None else mode) & 0o777)
        staged.replace(target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def _restore(target: Path, old: Path | None) -> None:
    if old is None:
        target.unlink(missing_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(old, target)


def _remove_empty(folder: Path, path: Path) -> None:
    """Remove the folders above a removed file if they are empty."""
    with suppress(OSError):  # one is not empty
        for parent in path.parents[:-1]:
            (folder / parent).rmdir()
