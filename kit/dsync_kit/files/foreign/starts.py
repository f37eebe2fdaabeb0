"""Where the rows of a large file begin, so that its pieces can be read by themselves.

Only from the start of the file can it be known where a record of CSV or a document of BSON begins, and the number of a
line. What was found is kept, so that the pieces of a file together pass over it once.
"""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from dsync_kit.files.stores.storage import Entry, Storage

__all__ = ["Starts", "Walk", "count_lines"]

Walk = Callable[[BinaryIO, int, int, int], tuple[int, int]]
"""Passes over an open file: from the offset of a row and the number of rows before it to the first row that begins at
a wanted offset or after it; the same of that row."""

_FILES = 64
_PIECE = 1 << 20


@dataclass(slots=True)
class _Known:
    """The offsets of some rows, in order, and how many rows are before each."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    offsets: list[int] = field(default_factory=lambda: [0])
    numbers: list[int] = field(default_factory=lambda: [0])


class Starts:
    """The starts of rows in the files of one store. Safe to call from several threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def at(self, entry: Entry, wanted: int, walk: Walk) -> tuple[int, int]:
        """The first row that begins at an offset or after it: its offset, and the number of rows before it.

        All calls for one file give the same `walk`. Raises what it raises.
        """
        with self._lock:
            known = self._files.setdefault((entry.key, entry.version), _Known())
            self._files.move_to_end((entry.key, entry.version))
            while len(self._files) > _FILES:
                self._files.popitem(last=False)
        with known.lock:
            at = bisect_right(known.offsets, wanted) - 1
            offset, number = known.offsets[at], known.numbers[at]
            if offset < wanted:
                with self._storage.open(entry.key) as file:
                    file.seek(offset)
                    offset, number = walk(file, offset, number, wanted)
                place = bisect_right(known.offsets, offset)
                if known.offsets[place - 1] != offset:
                    known.offsets.insert(place, offset)
                    known.numbers.insert(place, number)
            return offset, number


def count_lines(file: BinaryIO, offset: int, number: int, wanted: int) -> tuple[int, int]:
    """The walk that counts lines, where one is known to begin at the wanted offset."""
    while offset < wanted and (data := file.read(min(_PIECE, wanted - offset))):
        offset += len(data)
        number += data.count(b"\n")
    return offset, number
