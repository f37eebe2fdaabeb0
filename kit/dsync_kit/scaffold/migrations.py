"""What changed between releases that a merge cannot see: files that moved, answers with another meaning.

A release that moves a file, or changes what an answer means, adds a migration to MIGRATIONS with the next number. A
number is never used twice, and a migration is never changed after its release. A new question needs none: `update` asks
it. Nor does a file that the template no longer has.
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
    """One change. It must leave alone what has been migrated: connectors of development versions meet it twice."""

    number: int
    release: str
    """The first release that has it, such as 0.2.0."""
    summary: str
    """What the author of a connector reads."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Files of a rendered connector, from the old path to the new one, both with slashes."""
    answers: Callable[[Answers], Answers] = _unchanged
    """The answers of an older release as those of this one."""

    def move_files(self, folder: Path) -> list[tuple[Path, Path]]:
        """Move what lies at an old path, unless something is at the new one; returns what was moved."""
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
    """Those that a connector of this version has not had, in order."""
    found = [migration for migration in MIGRATIONS if Version(migration.release) > version]
    return sorted(found, key=lambda migration: migration.number)
