"""The folder for a run's temporary files, and the removal of dead runs' folders."""

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


class ScratchFolder:
    """A temporary folder that is removed when the context is left; first it removes those of dead runs.

    `lock` is the descriptor of a lock: while any process holds it, the folder is in use.
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
