"""A folder on a local disk as a `Storage`. What it acknowledges survives a power failure."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.stores.storage import Entry, check_version

__all__ = ["Folder"]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Folder:
    """The files below `root`, a folder that is made with the first file.

    A file gets its name only when it is complete. Names that begin with a dot are ignored: a process that is killed
    while it writes a file leaves one.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> list[str]:
        with suppress(FileNotFoundError), os.scandir(self._root) as found:
            return sorted(entry.name for entry in found if entry.is_dir() and not entry.name.startswith("."))
        return []

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        # Reading a folder may miss a file that appears while another disappears, so repeat until nothing disappears.
        found = {entry.key: entry for entry in self._walk(self._root / folder)}
        while True:
            again = {entry.key: entry for entry in self._walk(self._root / folder)}
            if found.keys() <= again.keys():
                return iter(again.values())
            found = again

    def _walk(self, folder: Path) -> Iterator[Entry]:
        for path, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith(".") and (entry := self._entry(Path(path, name))) is not None:
                    yield entry

    def top(self) -> Iterator[Entry]:
        with suppress(FileNotFoundError), os.scandir(self._root) as found:
            for each in found:
                if not each.name.startswith(".") and (entry := self._entry(Path(each.path))) is not None:
                    yield entry

    def stat(self, key: str) -> Entry:
        entry = self._entry(self._root / key)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
        return entry

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        with (self._root / key).open("rb") as file:
            file.seek(start)
            return file.read(-1 if size is None else size)

    def read_listed(self, entry: Entry) -> bytes:
        with (self._root / entry.key).open("rb") as file:
            check_version(Entry(entry.key, *_state(os.fstat(file.fileno()))), entry)
            return file.read()

    def open(self, key: str) -> BinaryIO:
        return (self._root / key).open("rb")

    def create(self, key: str, data: bytes) -> bool:
        return self._write(key, lambda file: file.write(data), self._link)

    def replace(self, key: str, data: bytes) -> None:
        self._write(key, lambda file: file.write(data), self._move)

    def upload(self, key: str, data: BinaryIO) -> None:
        data.seek(0)
        self._write(key, lambda file: copyfileobj(data, file, 1 << 20), self._move)

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def _entry(self, path: Path) -> Entry | None:
        """The file as an entry; None if it has gone meanwhile, or isn't a regular file."""
        with suppress(FileNotFoundError):
            status = path.stat()
            if path.is_file():
                return Entry(path.relative_to(self._root).as_posix(), *_state(status))
        return None

    def _write(self, key: str, fill: Callable[[BinaryIO], object], place: Callable[[Path, Path], bool]) -> bool:
        path = self._root / key
        self._make(path.parent)
        temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
        try:
            with temporary.open("xb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            # The content reaches the disk before the name, so that a name never stands for half a file.
            placed = place(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _flush(path.parent)
        return placed

    def _link(self, temporary: Path, path: Path) -> bool:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise FailedPrecondition(
                f"the file system of {self._root} has no hard links ({error.strerror}), without which two writers "
                "could take one name: choose a folder on another one"
            ) from error
        return True

    def _move(self, temporary: Path, path: Path) -> bool:
        temporary.replace(path)
        return True

    def _make(self, folder: Path) -> None:
        """Make a folder with its parents, all of them on the disk."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush(folder.parent)


def _state(status: os.stat_result) -> tuple[int, str]:
    """A file's size, and its version."""
    return status.st_size, f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
