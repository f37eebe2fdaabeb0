"""Editions of the rules: a connector names the one that it is held to, and newer rules only warn."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from dsync_kit.project.pyproject import connector_name, kit_settings
from dsync_kit.usage import UsageError

__all__ = ["EDITIONS", "FIRST", "LATEST", "Edition", "edition_for", "seed_for"]

EDITIONS = ("2026.1",)
"""All of them, the oldest first. The last one may still be open: `conformance/editions.json` lists the frozen ones."""

FIRST = EDITIONS[0]
LATEST = "latest"
"""What a user may write for the newest edition."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The edition that a connector is held to. `origin` says who chose it."""

    name: str = field(default_factory=lambda: EDITIONS[-1])
    origin: str = "the latest"

    def counts(self, since: str) -> bool:
        """Whether rules that are part of the editions from `since` on count."""
        return EDITIONS.index(since) <= EDITIONS.index(self.name)

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"


def edition_for(folder: Path | None, asked: str | None = None) -> Edition:
    """The edition that a connector is held to: the one asked for, else the one in its pyproject.toml, else the latest.

    `folder` is the connector's folder, or None. Raises UsageError for an edition that does not exist.
    """
    if asked is not None:
        return _named(asked, "--edition", "as --edition says")
    if folder is None:
        return Edition(origin="the latest: the target is not a folder")
    settings = kit_settings(folder)
    if "edition" not in settings:
        return Edition(origin="the latest: its pyproject.toml names none")
    return _named(settings["edition"], str(folder / "pyproject.toml"), "as its pyproject.toml says")


def seed_for(folder: Path, edition: Edition) -> int:
    """The seed of a gate: the same for an edition and a connector's name. Raises UsageError."""
    text = f"{edition.name} {connector_name(folder)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _named(name: object, where: str, origin: str) -> Edition:
    if name == LATEST:
        return Edition(origin=f"the latest, {origin}")
    if not isinstance(name, str) or name not in EDITIONS:
        kind = "" if isinstance(name, str) else "the text "
        raise UsageError(
            f"{where}: there is no edition {name!r}: expected {kind}{', '.join(map(repr, EDITIONS))} or {LATEST!r} "
            "(a newer dsync-kit may know more)"
        )
    return Edition(name, origin)
