"""Shares what a process is doing with another process, which can read it even after the first has died."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic  # kept here: a connector may replace the module's contents

from dsync_kit.bounds.patience import Kind

__all__ = ["Board", "UnderWay", "read_board"]

_BYTES = 1 << 14
_NAME_CHARACTERS = 300
_MOST = 40


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A step that began at `since` (on the machine's monotonic clock) and has not ended."""

    kind: Kind
    since: float
    name: str


class Board:
    """Writes what is under way to a memory-mapped file."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(_BYTES)
            self._memory = mmap.mmap(file.fileno(), _BYTES)
        self._lock = Lock()
        self._lines: dict[object, bytes] = {}

    @contextmanager
    def watch(self, name: str, kind: Kind) -> Iterator[None]:
        """Show this as under way while the context is open; it is a `Watch`."""
        key = object()
        shown = " ".join(name[:_NAME_CHARACTERS].split())
        line = f"{kind}\t{monotonic()}\t{shown}\n".encode(errors="backslashreplace")
        with self._lock:
            self._lines[key] = line
            self._write()
        try:
            yield
        finally:
            with self._lock:
                del self._lines[key]
                self._write()

    def _write(self) -> None:
        text = b"".join(list(self._lines.values())[-_MOST:])[-_BYTES + 1 :] + b"\0"
        self._memory[: len(text)] = text


def read_board(path: Path) -> list[UnderWay]:
    """What is under way, in the order of starting; empty if there is no board yet."""
    try:
        text = path.read_bytes().partition(b"\0")[0].decode(errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        kind, _, rest = line.partition("\t")
        since, _, name = rest.partition("\t")
        try:
            found.append(UnderWay(Kind(kind), float(since), name))
        except ValueError:
            continue  # it is just being written, or the connector has overwritten it
    return found
