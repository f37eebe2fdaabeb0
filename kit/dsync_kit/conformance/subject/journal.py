"""A file with the namespaces that a run uses in a lasting store, which `sweep` reads if the run is killed."""

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
"""The folder for the journals of runs, in the current folder."""

_SCHEMA = "dsync-kit/run/1"


class Journal:
    """A line with the target, then one for each namespace as soon as it is used. The file is locked while it is open.

    Without a `folder` there is no file. `problem` says why the file cannot be written; empty if it can.
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
        """Forget all namespaces except those that could not be emptied. Without any, the file is removed."""
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
    """What a dead run left behind: its namespaces at a target, and its journal."""

    target: str
    namespaces: tuple[str, ...]
    journal: Path


@contextmanager
def left_by_dead_runs(folder: Path = RUNS) -> Iterator[list[Left]]:
    """What dead runs left behind. Nobody else sweeps it while the context is open."""
    found: list[Left] = []
    descriptors: list[int] = []
    try:
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            with suppress(OSError):  # the run is alive, is being swept, or its journal has just gone
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
