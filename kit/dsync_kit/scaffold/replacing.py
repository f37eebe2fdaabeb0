"""Decides what `--force` may delete: files that the template wrote, and nothing else."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from dsync_kit.usage import UsageError

__all__ = ["check_replaceable"]

_CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_FEW = 5
"""How many files that are in the way are named."""


def check_replaceable(folder: Path, written: Collection[Path]) -> None:
    """Raise UsageError if a folder contains other files than the `written` ones (relative to it) of the template."""
    found = list(_foreign(folder, written))
    if not found:
        return
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    raise UsageError(
        f"{folder} holds files that the template did not write, and --force would delete them: "
        f"{', '.join(found[:_FEW])}{more}; move it elsewhere first, or choose another place with --output"
    )


def _foreign(folder: Path, written: Collection[Path]) -> Iterator[str]:
    """What a folder contains besides the `written` files and files that tools create again at any time."""
    folders = {parent for file in written for parent in file.parents}
    for place, names, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        for name in sorted(names):
            path = inside / name
            if path in folders and not (folder / path).is_symlink():
                continue
            names.remove(name)
            if name not in _CACHES and not name.endswith(".egg-info"):
                yield f"{path}/"
        for name in sorted(files):
            if inside / name not in written or (folder / inside / name).is_symlink():
                yield str(inside / name)
