"""One listing of a whole store, asked folder by folder: a few requests instead of one for each folder."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Protocol, Self

from dsync_kit.files.stores.storage import Entry, Storage

__all__ = ["Listable", "Listed"]

_MOST = 100_000
"""A larger listing would take too much memory."""


class Listable(Protocol):
    """What lists files: a store, or a listing of one."""

    def folders(self) -> list[str]:
        """The names of the folders at the top."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """The files in a folder and below."""

    def top(self) -> Iterator[Entry]:
        """The files outside any folder."""


class Listed:
    """The files of a store at one time."""

    def __init__(self) -> None:
        self._folders: defaultdict[str, list[Entry]] = defaultdict(list)
        self._top: list[Entry] = []

    @classmethod
    def of(cls, storage: Storage) -> Self | None:
        """The files of a store; None if there are too many."""
        listed = cls()
        for number, entry in enumerate(storage.entries("")):
            if number == _MOST:
                return None
            folder, slash, _ = entry.key.partition("/")
            if slash:
                listed._folders[folder].append(entry)
            elif entry.size:  # an empty one may be an object that a client made to show a folder
                listed._top.append(entry)
        return listed

    def folders(self) -> list[str]:
        return sorted(self._folders)

    def entries(self, folder: str) -> Iterator[Entry]:
        return iter(self._folders.get(folder, ()))

    def top(self) -> Iterator[Entry]:
        return iter(self._top)
