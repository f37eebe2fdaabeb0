"""The folder in which a run keeps what is temporary, and what dead runs have left of theirs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["ScratchFolder", "sweep_folders"]

_PREFIX = "dsynckit-"  # short: the paths of sockets, of which 100 bytes are all there is, begin with it
_LOCK = ".lock"


class ScratchFolder:
    """A temporary folder that is removed when the context is left; what dead runs have left is removed before.

    `lock` is the descriptor of a lock: as long as a process holds it, the folder is in use.
    """

    def __enter__(self) -> Self:
        sweep_folders()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
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
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                yield path.parent


def _removed(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False  # it is gone meanwhile
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # the run lives
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
