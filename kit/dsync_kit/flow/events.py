"""The events of a run. They come one at a time, from any thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "CallRepeated",
    "Compared",
    "Copied",
    "Difference",
    "Event",
    "Failure",
    "Finished",
    "FlowResult",
    "Listener",
    "LsnSeen",
    "Notice",
    "PartitionFailed",
    "PartitionFinished",
    "PartitionRestarted",
    "Planned",
    "Started",
    "StreamEnded",
    "StreamStarted",
    "UpdatesWritten",
]


@dataclass(frozen=True, slots=True)
class Started:
    """Both ends have answered, and have a data type in common."""

    source: str
    destination: str
    mode: str
    data_type: str
    """The type that is read; with a transform, `written_type` may be another."""
    written_type: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """What there is to copy: for each of the source's namespaces the `expected` number of documents (0 if unknown), and
    how many were `done` in earlier runs; and the number of partitions."""

    expected: Mapping[str, int]
    done: Mapping[str, int]
    partitions: int
    finished: int
    streams: int


@dataclass(frozen=True, slots=True)
class Copied:
    """A page has been written."""

    namespace: str
    documents: int
    size: int
    """Bytes of documents."""


@dataclass(frozen=True, slots=True)
class PartitionFinished:
    """Every page of a partition has been written."""

    namespace: str
    partition: int
    documents: int


@dataclass(frozen=True, slots=True)
class PartitionRestarted:
    """A listing failed with a retryable code: its partition starts over after `wait` seconds, and `documents` that were
    already counted will be counted again."""

    namespace: str
    partition: int
    documents: int
    reason: str
    wait: float


@dataclass(frozen=True, slots=True)
class PartitionFailed:
    """A partition cannot be copied."""

    namespace: str
    partition: int
    reason: str


@dataclass(frozen=True, slots=True)
class CallRepeated:
    """A call failed with a retryable code, and is repeated after `wait` seconds."""

    rpc: str
    namespace: str
    reason: str
    wait: float


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The copy is done, and reading updates begins."""

    partitions: int


@dataclass(frozen=True, slots=True)
class UpdatesWritten:
    """Updates have been written."""

    namespace: str
    updates: int


@dataclass(frozen=True, slots=True)
class LsnSeen:
    """How many updates an updates partition has had since its plan."""

    partition: int
    lsn: int


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The updates have ended by themselves, with a `reason` if it was a failure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that differs between the ends; `kind` is missing, unexpected or different."""

    namespace: str
    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A namespace has been compared; it has the destination's name."""

    namespace: str
    source: int
    destination: int
    differences: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be done, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class FlowResult:
    """The result of a run."""

    documents: int = 0
    """Written in this run."""
    updates: int = 0
    """Written in this run."""
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False
    differences: int = 0
    shown: tuple[Difference, ...] = ()
    """The first of the differences."""
    resume: str = ""
    """Whether and how the rest can be done later; empty if everything is done."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether everything was copied and, if that was asked for, is equal."""
        return not (self.failures or self.interrupted or self.differences)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event."""

    result: FlowResult = field(default_factory=FlowResult)


Event = (
    Started
    | Planned
    | Copied
    | PartitionFinished
    | PartitionRestarted
    | PartitionFailed
    | CallRepeated
    | StreamStarted
    | UpdatesWritten
    | LsnSeen
    | StreamEnded
    | Notice
    | Compared
    | Finished
)

Listener = Callable[[Event], object]
"""Takes events. It is never called by two threads at once."""
