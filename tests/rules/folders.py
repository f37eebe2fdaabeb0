"""A connector's folder as the scaffold makes it, broken in one way."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.targets.resolving import resolve
from dsync_kit.targets.target import Target

__all__ = ["Break", "folder_target"]

Break = Callable[[Path], None]


@cache
def _rendered() -> tempfile.TemporaryDirectory[str]:
    """A connector of the blank archetype; the folder goes with this process."""
    made = tempfile.TemporaryDirectory(prefix="dsync-folders-", ignore_cleanup_errors=True)
    scaffold(Answers(scheme="packaged"), output=Path(made.name, "packaged"))
    return made


@contextmanager
def folder_target(break_it: Break) -> Iterator[Target]:
    """A copy of a rendered connector's folder, after it was broken."""
    with tempfile.TemporaryDirectory(prefix="dsync-folder-") as folder:
        copy = Path(folder, "packaged")
        shutil.copytree(Path(_rendered().name, "packaged"), copy)
        break_it(copy)
        yield resolve(str(copy))
