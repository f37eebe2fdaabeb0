"""What the files need of a store. `bucket.py` gives it over obstore, `folder.py` over a local disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

__all__ = ["Entry", "Storage"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a listing shows it: its key, its size in bytes, and what changes with its content."""

    key: str
    size: int
    version: str


class Storage(Protocol):
    """A store of files with strongly consistent listings. Keys are relative paths with `/`.

    Reading a key that is not there raises FileNotFoundError; whatever else goes wrong is the store's own exception.
    What `create`, `replace` and `upload` have written is durable when they return.
    """

    def folders(self) -> list[str]:
        """The names of the folders at the top."""

    def entries(self, folder: str, *, after: str = "") -> Iterator[Entry]:
        """The files in a folder and below, "" for the top; with `after`, at least those whose path in the folder is
        greater. In no particular order."""

    def top(self) -> Iterator[Entry]:
        """The files that lie in no folder."""

    def stat(self, key: str) -> Entry:
        """One file as `entries` shows it."""

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """A file's bytes, `size` of them from `start` on, or all."""

    def open(self, key: str) -> BinaryIO:
        """A file to read from, and to seek in, a piece at a time."""

    def create(self, key: str, data: bytes) -> bool:
        """Write a file unless it is there; whether it was written. Of several callers exactly one gets True."""

    def replace(self, key: str, data: bytes) -> None:
        """Write a file, whatever is there."""

    def upload(self, key: str, data: BinaryIO) -> None:
        """Write a large file from the start of an open one."""

    def delete(self, key: str) -> None:
        """Remove a file; that it is not there is fine."""
