"""Changes between releases that a merge cannot see: moved files, and answers whose meaning changed.

A release that moves a file, or changes the meaning of an answer, adds a migration with the next number to MIGRATIONS.
Never use a number twice, or change a migration after its release. New questions need no migration, since `update` asks
them; nor do removed files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import Version

__all__ = ["MIGRATIONS", "Migration", "migrations_since"]

Answers = Mapping[str, Any]


def _unchanged(answers: Answers) -> Answers:
    return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One change. It may run twice on connectors of development versions; the second time, it must change nothing."""

    number: int
    release: str
    """The first release with this change, such as 0.2.0."""
    summary: str
    """A description for the authors of connectors."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """The old and new paths of files in a rendered connector, with slashes."""
    answers: Callable[[Answers], Answers] = _unchanged
    """Turns the answers of an older release into those of this one."""

    def move_files(self, folder: Path) -> list[tuple[Path, Path]]:
        """Move the files at old paths, unless the new path exists; returns the paths of moved files."""
        done = []
        for old, new in self.moved.items():
            source, target = folder / old, folder / new
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                done.append((Path(old), Path(new)))
        return done


MIGRATIONS: tuple[Migration, ...] = ()


def migrations_since(version: Version) -> list[Migration]:
    """The migrations that a connector of this version needs, in order."""
    found = [migration for migration in MIGRATIONS if Version(migration.release) > version]
    return sorted(found, key=lambda migration: migration.number)
