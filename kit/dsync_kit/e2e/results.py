"""Plain values: what a run did, and its result."""

from collections.abc import Callable
from dataclasses import dataclass

from dsync_kit.flow.events import Difference

__all__ = ["Killed", "Listener", "Mismatch", "Result"]


@dataclass(frozen=True, slots=True)
class Killed:
    """A part of the flow was killed: in which `phase` (copy or updates), after how many `calls` of the workload, and
    for how many seconds it was `down`; `held` is the number of documents that the destination reported, None if it
    reported none. `manner` says how: killed, stopped or replaced (`kills.py`)."""

    victim: str
    phase: str
    calls: int
    held: int | None
    down: float
    manner: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How many documents differ, and the first of them."""

    count: int = 0
    shown: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run.

    `lost` compares the source with the writes that it acknowledged, `differences` the destination with the source.
    """

    source: str
    destination: str
    mover: str
    seed: int
    namespaces: tuple[str, ...]
    documents: int
    """In the source before the flow started."""
    updates: int
    """Written to the source while the flow ran."""
    changing: float = 0.0
    """For how many seconds updates were written."""
    kills: tuple[Killed, ...] = ()
    starts: int = 0
    """How often the mover was started."""
    lost: Mismatch = Mismatch()
    differences: Mismatch = Mismatch()
    failure: str = ""
    """Why the flow could not go on or be compared; empty if it could."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether the flow worked, and both ends hold what the source acknowledged."""
        return not (self.failure or self.lost.count or self.differences.count)


Listener = Callable[[str], object]
"""Takes a line about the run's progress."""
