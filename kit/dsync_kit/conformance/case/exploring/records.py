"""The plans, listings and streams that an explorer has begun."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.verdicts.copies import Held
from dsync_kit.protocol import Partition, StreamLSNResponse

__all__ = ["Counting", "Listing", "Origin", "Planned", "Reading"]


@dataclass(slots=True)
class Origin:
    """A cursor from which updates may be streamed: `holding` returns what a sink holds at that point.

    `asked` are the namespaces for which it was given; none means all. `covers` are those whose updates must come:
    a namespace that was made after a plan of all need not be streamed.
    """

    cursor: bytes
    asked: tuple[str, ...]
    covers: tuple[str, ...]
    holding: Callable[[], dict[str, Held]]
    what: str


@dataclass(slots=True)
class Planned:
    """A plan: its partitions, and where its updates begin, if it has any. `since` is when it was requested."""

    partitions: tuple[Partition, ...]
    since: int
    origin: Origin | None


@dataclass(slots=True)
class Listing:
    """A listing of one partition, as far as it was read. `since` is when its plan was requested: the listing may show
    documents as they were then."""

    partition: Partition
    since: int
    cursor: bytes = b""
    found: dict[bytes, bytes] = field(default_factory=dict)
    pages: int = 0


@dataclass(slots=True)
class Reading:
    """A stream. `beside` says whether other streams were open when it was opened, `closed` whether it was cancelled."""

    follower: Follower
    origin: Origin
    beside: bool = False
    closed: bool = False

    def cursors(self) -> Iterator[Origin]:
        """The received cursors, the newest first; each as first received, with the fewest updates."""
        for sent in reversed(self.follower.cursors()):
            held = partial(self.follower.held_after, sent.updates)
            what = f"the cursor that came with update {sent.updates}"
            yield Origin(sent.cursor, self.origin.asked, self.origin.covers, held, what)


@dataclass(slots=True)
class Counting:
    """An open StreamLSN, and its last count."""

    reader: StreamReader[StreamLSNResponse]
    last: int = 0
