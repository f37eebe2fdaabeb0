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
"""The file whose bytes and mode are to be there, or None for a file to be removed."""


def write_files(folder: Path, changes: Mapping[Path, FileChange]) -> None:
    """Make changes at paths relative to `folder`. A folder that holds nothing afterwards is removed.

    Raises UsageError where a file cannot be written; then, as after every failure, all files are as they were.
    """
    with tempfile.TemporaryDirectory(prefix="dsync-new-") as kept:
        done: list[tuple[Path, Path | None]] = []  # each file, and where its old contents are
        made: list[Path] = []
        try:
            # What is removed first may be a folder afterwards, or the other way round.
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
    """Make the folders above a file; returns those that are new, the outermost first."""
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _replace(target: Path, new: Path) -> None:
    """Put a copy of a file in the place of another, whose permissions it gets."""
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
    """Remove the folders above a removed file that are empty now; they are in no commit."""
    with suppress(OSError):  # one holds something
        for parent in path.parents[:-1]:
            (folder / parent).rmdir()
