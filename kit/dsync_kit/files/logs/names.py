"""Names below the prefix: the folder of a namespace, and the files of its log. The README of a rendered connector
describes them.

Every name of ours is made of a-z, 0-9, `_`, `.`, `-` and `=`: safe in every store, the same in every client, and
unambiguous on file systems that ignore case.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex

from dsync_kit.errors import InvalidArgument

__all__ = [
    "DESCRIPTOR",
    "INDEX_FOLDER",
    "UNCERTAIN",
    "LogFile",
    "VisibleFile",
    "covered",
    "data_name",
    "folder_of",
    "indexed_pages",
    "is_old_layout",
    "log_file",
    "merged_name",
    "namespace_of",
    "pages_name",
    "visible",
    "written_before",
]

DESCRIPTOR = "_dsync.json"
"""The file in a namespace's folder that says what its log holds."""
INDEX_FOLDER = "_index"
UNCERTAIN = 256
"""Numbers may be missing among this many of the newest: killed writers had chosen them."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.-")
_ESCAPED = re.compile(r"=([0-9a-f]{2})")
_LONGEST_FOLDER = 255
_LOG_FILE = re.compile(r"(\d{12})(?:_(\d{12})_\d{4}[0-9a-f]{8})?\.jsonl(?:\.gz|\.zst)?")
_PAGES = re.compile(r"(\d{12})_(\d{12})\.pages")
_OLD_LAYOUT = re.compile(r"[0-7]/[a-z0-9.]+-[a-z0-9_.=-]*\.e?json")


def folder_of(namespace: str) -> str:
    """The folder that a namespace is written to.

    Raises InvalidArgument for the empty namespace, and for one whose folder is too long for a file system.
    """
    if not namespace:
        raise InvalidArgument("the namespace is empty: expected a name like 'db.collection'")
    folder = "".join(chr(byte) if byte in _PLAIN else f"={byte:02x}" for byte in namespace.encode())
    if folder[0] in "._":  # neither `..` nor a folder that Hadoop and shells hide
        folder = f"={ord(folder[0]):02x}{folder[1:]}"
    if len(folder) > _LONGEST_FOLDER:
        raise InvalidArgument(
            f"the namespace {namespace[:40]!r}… is too long: its folder has {len(folder)} bytes, {_LONGEST_FOLDER} fit"
        )
    return folder


def namespace_of(folder: str) -> str:
    """The namespace of a folder: a folder whose name wasn't escaped has the namespace's name."""
    try:
        namespace = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), folder).encode("latin-1").decode()
        return namespace if folder_of(namespace) == folder else folder
    except (UnicodeError, InvalidArgument):
        return folder


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of a namespace's log: its name, the numbers of the pages that are in it, its size in bytes."""

    name: str
    first: int
    last: int
    size: int
    version: str = ""
    """The version that a listing has shown; empty for a file that was not listed."""

    @property
    def merged(self) -> bool:
        """Whether compaction made it."""
        return "_" in self.name

    @property
    def generation(self) -> int:
        """How many earlier files held the same pages."""
        return int(self.name.split("_")[2][:4]) if self.merged else -1


@dataclass(frozen=True, slots=True)
class VisibleFile:
    """A file that is read, up to the page `stop`: a later file holds the rest."""

    file: LogFile
    stop: int


def data_name(number: int, suffix: str) -> str:
    """The name of the file of one page. Creating it takes the number."""
    return f"{number:012d}.jsonl{suffix}"


def merged_name(first: int, last: int, generation: int, suffix: str) -> str:
    """A new name for the pages `first` to `last` in one file.

    It sorts after the names of all files that it replaces. So a listing in order that misses a removed file still
    comes to the new one.
    """
    return f"{last:012d}_{last - first + 1:012d}_{generation:04d}{token_hex(4)}.jsonl{suffix}"


def pages_name(first: int, last: int) -> str:
    """The name of the file in the index folder that holds the indexes of the files of these pages."""
    return f"{last:012d}_{last - first + 1:012d}.pages"


def indexed_pages(name: str) -> range | None:
    """The pages of such a file; None for the index of a merged file."""
    found = _PAGES.fullmatch(name)
    return range(int(found[1]) - int(found[2]) + 1, int(found[1]) + 1) if found else None


def log_file(name: str, size: int, version: str = "") -> LogFile | None:
    """The file of a log with this name; None for any other file."""
    found = _LOG_FILE.fullmatch(name)
    if found is None:
        return None
    last = int(found[1])
    return LogFile(name, last - int(found[2] or 1) + 1, last, size, version)


def written_before(number: int) -> str:
    """A name that sorts before those of all files with the page `number` or later ones."""
    return f"{number - 1:012d}~"


def visible(files: Iterable[LogFile]) -> list[VisibleFile]:
    """The files that together hold each page once, oldest first; the others are left over from before a compaction.

    Of two that hold the same page, the one that reaches further counts, then the one that begins earlier.
    """
    found: list[VisibleFile] = []
    lowest: int | None = None
    for file in sorted(files, key=lambda each: (-each.last, each.first, -each.generation, each.name)):
        if lowest is None or file.first < lowest:
            found.append(VisibleFile(file, file.last + 1 if lowest is None else min(lowest, file.last + 1)))
            lowest = file.first
    return found[::-1]


def covered(number: int, files: Iterable[LogFile]) -> bool:
    """Whether a merged file holds the page with this number, so that a file of this number is not read."""
    return any(file.merged and file.first <= number <= file.last for file in files)


def is_old_layout(path: str) -> bool:
    """Whether a path below a namespace's folder is an object of the layout with one object for each document."""
    return _OLD_LAYOUT.fullmatch(path) is not None
