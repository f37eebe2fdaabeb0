"""The folder for the temporary files of a run or a test server, and the removal of dead ones' folders."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["ScratchFolder", "sweep_folders"]

_PREFIX = "dsynckit-"  # short: paths of sockets begin with it, and may have only about 100 bytes
_LOCK = ".lock"
_MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory, on Linux
_ROOM = 2 << 30
"""Free bytes that a file system in memory must have to be used: containers often get 64 MiB."""


class ScratchFolder:
    """A temporary folder that is removed when the context is left; first it removes those of dead runs.

    `lock` is the descriptor of a lock: while any process holds it, the folder is in use. With `in_memory` the folder is
    in memory if the system has room there: syncing a file takes no time then.
    """

    def __init__(self, *, in_memory: bool = False) -> None:
        self._parent = _MEMORY if in_memory and _has_room(_MEMORY) else None

    def __enter__(self) -> Self:
        sweep_folders()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        self.lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def sweep_folders() -> int:
    """Remove the scratch folders of runs that have died; returns how many there were."""
    return sum(_removed(path) for path in _candidates())


def _candidates() -> Iterator[Path]:
    for parent in {Path(tempfile.gettempdir()), _MEMORY}:
        for path in parent.glob(f"{_PREFIX}*/{_LOCK}"):
            with suppress(OSError):
                if path.lstat().st_uid == os.getuid():
                    yield path.parent


def _has_room(place: Path) -> bool:
    try:
        found = os.statvfs(place)
    except OSError:
        return False
    return os.access(place, os.W_OK) and found.f_bavail * found.f_frsize >= _ROOM


def _removed(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False  # another process has removed it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # the run is alive
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
