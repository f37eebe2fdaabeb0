"""Which namespaces a run has taken in a store that outlives it, where `sweep` can read it if the run is killed."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

__all__ = ["RUNS", "Journal", "Left", "left_by_dead_runs"]

RUNS = Path(".dsync-kit/runs")
"""Where runs keep their journals, in the current folder."""

_SCHEMA = "dsync-kit/run/1"


class Journal:
    """Written as namespaces are taken: a line for each, after one with the target. It is locked as long as it is open.

    Without a `folder` nothing is kept. `problem` says why nothing can be, where that is so.
    """

    def __init__(self, folder: Path | None, target: str) -> None:
        self._folder = folder
        self._target = target
        self._file: TextIO | None = None
        self.problem = ""

    def take(self, namespace: str) -> None:
        """Note a namespace before anything is written to it."""
        if self._folder is None or self.problem:
            return
        try:
            self._file = self._file or self._begun(self._folder, namespace)
            self._file.write(f"{namespace}\n")
            self._file.flush()
        except OSError as error:
            self.problem = (
                f"its namespaces cannot be recorded in {self._folder} ({error.strerror}): "
                "should the run be killed, `dsync-kit sweep` will not know of them"
            )

    def _begun(self, folder: Path, name: str) -> TextIO:
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        file = (folder / name).open("w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"schema": _SCHEMA, "target": self._target}) + "\n")
        return file

    def end(self, remaining: Iterable[str]) -> None:
        """Forget all but what could not be removed; the journal goes where that is nothing."""
        if self._file is None:
            return
        remaining = list(remaining)
        if remaining:
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(json.dumps({"schema": _SCHEMA, "target": self._target}) + "\n")
            self._file.writelines(f"{name}\n" for name in remaining)
        else:
            Path(self._file.name).unlink(missing_ok=True)
        self._file.close()
        self._file = None


@dataclass(frozen=True, slots=True)
class Left:
    """What a dead run has left: its namespaces at a target, and its journal."""

    target: str
    namespaces: tuple[str, ...]
    journal: Path


@contextmanager
def left_by_dead_runs(folder: Path = RUNS) -> Iterator[list[Left]]:
    """What runs have left that are dead; nobody else sweeps it while the context is open."""
    found: list[Left] = []
    descriptors: list[int] = []
    try:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            with suppress(OSError):  # it lives, is being swept, or has gone meanwhile
                descriptors.append(os.open(path, os.O_RDWR | os.O_NOFOLLOW))
                fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                found += _read(path)
        yield found
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _read(path: Path) -> list[Left]:
    first, *names = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    try:
        head = json.loads(first)
    except ValueError:
        return []
    if not isinstance(head, dict) or head.get("schema") != _SCHEMA:
        return []
    return [Left(str(head.get("target")), tuple(names), path)]
