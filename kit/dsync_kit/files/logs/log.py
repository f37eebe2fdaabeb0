"""The log of a namespace: numbered files, whose numbers give the order. `writing.py` says how a page gets one."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.content.compression import SUFFIXES, Compression
from dsync_kit.files.logs.names import (
    DESCRIPTOR,
    INDEX_FOLDER,
    UNCERTAIN,
    LogFile,
    folder_of,
    indexed_pages,
    is_old_layout,
    log_file,
    visible,
    written_before,
)
from dsync_kit.files.stores.listed import Listable
from dsync_kit.files.stores.storage import Entry, Storage
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

__all__ = ["Format", "Listing", "Log"]

_VERSION = 1
_TYPES: dict[str, DataType] = {"bson": DATA_TYPE_MONGO_BSON, "json": DATA_TYPE_JSON_ID}


@dataclass(frozen=True, slots=True)
class Format:
    """What a log holds, the same for all its writers: the type of its documents, and how its files are compressed."""

    data_type: DataType
    compression: Compression

    @property
    def suffix(self) -> str:
        """The end of its files' names, after `.jsonl`."""
        return SUFFIXES[self.compression]

    def encode(self) -> bytes:
        """The descriptor's content."""
        documents = next(name for name, known in _TYPES.items() if known == self.data_type)
        return orjson.dumps(
            {
                "format": "dsync-files",
                "version": _VERSION,
                "documents": documents,
                "compression": self.compression,
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )

    @classmethod
    def decode(cls, data: bytes, key: str) -> "Format":
        """The format from its descriptor. Raises FailedPrecondition for anything else, and for a newer kit's."""
        try:
            found = orjson.loads(data)
            if found["format"] == "dsync-files" and found["version"] > _VERSION:
                raise FailedPrecondition(
                    f"{key!r} has version {found['version']} of the layout, and {_VERSION} is known here: "
                    "upgrade dsync-kit"
                )
            return cls(_TYPES[found["documents"]], _compression(found["compression"]))
        except (KeyError, TypeError, ValueError) as error:
            raise FailedPrecondition(f"{key!r} is not a descriptor of this layout: restore it") from error


@dataclass(frozen=True, slots=True)
class Listing:
    """A namespace's folder: the files of the log, the names in the index folder, and the files of others."""

    files: Sequence[LogFile]
    indexes: Sequence[str]
    foreign: Sequence[Entry]
    described: bool
    """Whether the descriptor is there."""
    holes: Sequence[int]
    """The numbers of missing pages. They may be on their way, or may never come."""


class Log:
    """One namespace's log: its format, and which files it has."""

    def __init__(self, storage: Storage, namespace: str) -> None:
        self.namespace = namespace
        self.folder = folder_of(namespace)
        self._storage = storage
        self._format: Format | None = None

    def key(self, name: str) -> str:
        """The key of a file of the log."""
        return f"{self.folder}/{name}"

    def begin(self, wanted: Format) -> Format:
        """Make this the format, unless another writer was faster; what the log holds then."""
        key = self.key(DESCRIPTOR)
        self._format = wanted if self._storage.create(key, wanted.encode()) else None
        return self.format() or wanted

    def index_key(self, name: str) -> str:
        """The key of a file in the index folder: a merged file's index has that file's name."""
        return f"{self.folder}/{INDEX_FOLDER}/{name}"

    def format(self) -> Format | None:
        """What the log holds; None if nothing was written yet."""
        if self._format is None:
            key = self.key(DESCRIPTOR)
            try:
                self._format = Format.decode(self._storage.read(key), key)
            except FileNotFoundError:
                return None
        return self._format

    def listing(self, listed: Listable | None = None) -> Listing:
        """What is in the namespace's folder now, or in `listed`.

        Raises FailedPrecondition for a folder of the old layout, and where the descriptor is missing.
        """
        files: list[LogFile] = []
        indexes: list[str] = []
        foreign: list[Entry] = []
        old: str | None = None
        described = False
        for entry in (listed or self._storage).entries(self.folder):
            path = entry.key[len(self.folder) + 1 :]
            if path.startswith(f"{INDEX_FOLDER}/"):
                indexes.append(path.partition("/")[2])
            elif (file := log_file(path, entry.size, entry.version)) is not None:
                files.append(file)
            elif path == DESCRIPTOR:
                described = True
            elif not any(part.startswith(("_", ".")) for part in path.split("/")):
                foreign.append(entry)
                old = path if old is None and is_old_layout(path) else old
        if old is not None:
            raise FailedPrecondition(
                f"{self.key(old)!r} was written with one object for each document, by a connector of dsync-kit 0.1: "
                "copy the data with that connector into an empty prefix of this one"
            )
        if not described:
            self._format = None  # the folder may have been emptied
        if files and not described:
            raise FailedPrecondition(f"{self.key(DESCRIPTOR)!r} is missing, and files of a log are there: restore it")
        return Listing(files, indexes, foreign, described, self._holes(files, indexes))

    def _holes(self, files: Sequence[LogFile], indexes: Sequence[str]) -> list[int]:
        """The missing numbers. Raises FailedPrecondition for pages that existed once."""
        holes: list[int] = []
        number = 1
        for each in visible(files):
            holes += range(number, each.file.first)
            number = each.file.last + 1
        if holes:
            indexed = [pages for name in indexes if (pages := indexed_pages(name)) is not None]
            lost = [hole for hole in holes if hole < number - UNCERTAIN or any(hole in pages for pages in indexed)]
            if lost:
                raise FailedPrecondition(
                    f"in {self.folder!r} files are missing, page {lost[0]} first: restore them, or empty the folder"
                )
        return holes

    def tail(self, number: int) -> list[LogFile]:
        """The files that hold the page `number` or later ones."""
        after = written_before(number)
        size = len(self.folder) + 1
        found = (log_file(each.key[size:], each.size) for each in self._storage.entries(self.folder, after=after))
        return [file for file in found if file is not None and file.last >= number]


def _compression(name: object) -> Compression:
    for known in SUFFIXES:
        if known == name:
            return known
    raise ValueError(f"no compression {name!r}")
