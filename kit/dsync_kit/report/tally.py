"""The progress of a run, added up from its events."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from dsync_kit.flow.events import Copied, Event, LsnSeen, PartitionRestarted, Planned, StreamStarted, UpdatesWritten

__all__ = ["Count", "Tally"]


@dataclass(slots=True)
class Count:
    """The documents of a namespace."""

    expected: int = 0
    """0 if unknown."""
    documents: int = 0
    """Including earlier runs."""
    before: int = 0
    """In earlier runs."""
    began: float = 0.0
    seconds: float = 0.0
    """Seconds from the first to the last document of this run."""

    @property
    def rate(self) -> float:
        """Documents per second in this run; 0 until known."""
        return (self.documents - self.before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the rest is done at this rate; None if unknown."""
        if not self.expected or not self.rate:
            return None
        return max(0, self.expected - self.documents) / self.rate

    def shown(self) -> str:
        """`1,200 of 3,000 documents, 800/s`."""
        total = f" of {self.expected:,}" if self.expected else ""
        return f"{self.documents:,}{total} documents" + (f", {self.rate:,.0f}/s" if self.rate else "")


@dataclass(slots=True)
class Tally:
    """Documents by the source's namespaces, and updates."""

    namespaces: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    updates: int = 0
    _lsn: dict[int, int] = field(default_factory=dict)
    _began: float = 0.0

    @property
    def lsn(self) -> int:
        """Updates since the plan, as far as the source reports them."""
        return sum(self._lsn.values())

    def add(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case Planned():
                for namespace, expected in event.expected.items():
                    done = event.done.get(namespace, 0)
                    self.namespaces[namespace] = Count(expected, done, done, time.monotonic())
            case Copied():
                count = self.namespaces[event.namespace]
                count.documents += event.documents
                count.seconds = time.monotonic() - count.began
            case PartitionRestarted():
                self.namespaces[event.namespace].documents -= event.documents
            case StreamStarted():
                self._began = time.monotonic()
            case UpdatesWritten():
                self.updates += event.updates
            case LsnSeen():
                self._lsn[event.partition] = event.lsn

    def shown_updates(self) -> str:
        """`1,200 updates, 80/s`."""
        seconds = time.monotonic() - self._began if self._began else 0.0
        rate = f", {self.updates / seconds:,.0f}/s" if seconds > 0 and self.updates else ""
        return f"{self.updates:,}{f' of {self.lsn:,}' if self.lsn else ''} updates{rate}"

    def lines(self) -> Iterator[str]:
        """The progress: a line for each unfinished namespace, or one for the updates."""
        if self._began:
            yield self.shown_updates()
            return
        for namespace, count in self.namespaces.items():
            if not count.expected or count.documents < count.expected:
                left = count.left
                yield f"{namespace}: {count.shown()}" + (f", {left:,.0f} s left" if left is not None else "")

    def values(self) -> Iterator[dict[str, object]]:
        """The progress, for programs."""
        if self._began:
            yield {"updates": self.updates, "lsn": self.lsn}
            return
        for namespace, count in self.namespaces.items():
            yield {
                "namespace": namespace,
                "documents": count.documents,
                "expected": count.expected,
                "rate": round(count.rate, 1),
                "seconds_left": None if count.left is None else round(count.left, 1),
            }
