"""The situations that explorers of a connector reached, kept from one run to the next."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dsync_kit.conformance.results.situations import Meeting, Situation, merged
from dsync_kit.output.files import write_whole
from dsync_kit.usage import UsageError

__all__ = ["CORPUS", "Corpus"]

CORPUS = Path(".dsync-kit/corpus")
"""Its place, with a folder for each connector."""


@dataclass
class Corpus:
    """The situations that the runs of a connector reached so far, in a folder; the examples are beside them.

    Raises UsageError for a folder written by another version.
    """

    folder: Path
    reached: tuple[tuple[Situation, int], ...] = field(default=())

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (CORPUS.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        try:
            self.reached = merged([_read(json.loads(self._file.read_text(encoding="utf-8")))])
        except FileNotFoundError:
            return
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{self._file} was not written by this version of dsync-kit: remove it") from error

    @property
    def examples(self) -> Path:
        """The folder for the examples."""
        return self.folder / "examples"

    @property
    def _file(self) -> Path:
        return self.folder / "reached.json"

    def add(self, reached: Iterable[tuple[Situation, int]]) -> int:
        """Add what a run reached; returns how many situations were new. Raises OSError."""
        before = len(self.reached)
        self.reached = merged([self.reached, reached])
        kept = [{**asdict(found), "count": count} for found, count in self.reached]
        write_whole(self._file, (json.dumps(kept, indent=1) + "\n").encode())
        return len(self.reached) - before


def _read(kept: Sequence[dict[str, str]]) -> list[tuple[Situation, int]]:
    return [(Situation(one["first"], Meeting(one["meeting"]), one["second"]), int(one["count"])) for one in kept]
