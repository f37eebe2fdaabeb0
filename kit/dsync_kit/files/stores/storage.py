"""What the code needs from a store. `bucket.py` implements it with obstore, `folder.py` with a local disk."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

__all__ = ["Entry", "Storage", "check_version"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a listing shows it: its key, its size in bytes, and a version that changes with its content."""

    key: str
    size: int
    version: str


class Storage(Protocol):
    """A store of files with strongly consistent listings. Keys are relative paths with `/`.

    Reading a missing key raises FileNotFoundError; any other failure raises the store's own exception.
    What `create`, `replace` and `upload` have written is durable when they return.
    """

    def folders(self) -> list[str]:
        """The names of the folders at the top."""

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        """The files in a folder and below, "" for the top; with `after`, at least those whose path in the folder is
        greater. In no particular order."""

    def top(self) -> Iterator[Entry]:
        """The files outside any folder."""

    def stat(self, key: str) -> Entry:
        """One file, as `entries` shows it."""

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """A file's bytes, `size` of them from `start` on, or all."""

    def read_listed(self, entry: Entry) -> bytes:
        """All bytes of a file as it was listed. FileNotFoundError if it has another version by now."""

    def open(self, key: str) -> BinaryIO:
        """An open file, to read piece by piece and to seek in."""

    def create(self, key: str, data: bytes) -> bool:
        """Write a file unless it exists; whether it was written. Of several callers exactly one gets True."""

    def replace(self, key: str, data: bytes) -> None:
        """Write a file, and replace an older one."""

    def upload(self, key: str, data: BinaryIO) -> None:
        """Write a large file from the start of an open one."""

    def delete(self, key: str) -> None:
        """Remove a file; a missing file is no error."""


def check_version(found: Entry, listed: Entry) -> None:
    """Raises FileNotFoundError if a file has been replaced since it was listed."""
    if found.version != listed.version:
        raise FileNotFoundError(errno.ENOENT, "the file was replaced after it had been listed", listed.key)
