"""Reads a connector's pyproject.toml."""

import tomllib
from pathlib import Path
from typing import Any

from dsync_kit.usage import UsageError

__all__ = ["ENTRY_POINT_GROUP", "connector_name", "entry_points_of", "kit_settings"]

ENTRY_POINT_GROUP = "dsync.connectors"


def entry_points_of(folder: Path) -> dict[str, str]:
    """What a folder's pyproject.toml registers: names, and the objects that they mean. Raises UsageError."""
    found = _table(_read(folder), "project", "entry-points", ENTRY_POINT_GROUP)
    return {name: str(target) for name, target in found.items()}


def connector_name(folder: Path) -> str:
    """The name that a connector is registered under, else its folder's name. Raises UsageError."""
    return next(iter(entry_points_of(folder)), folder.resolve().name)


def kit_settings(folder: Path) -> dict[str, Any]:
    """The table `[tool.dsync-kit]`; empty without one. Raises UsageError."""
    return _table(_read(folder), "tool", "dsync-kit")


def _read(folder: Path) -> dict[str, Any]:
    pyproject = folder / "pyproject.toml"
    if not pyproject.is_file():
        return {}
    try:
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{pyproject} is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"{pyproject} cannot be read: {error.strerror}") from error


def _table(of: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        of = found if isinstance(found := of.get(name), dict) else {}
    return of
