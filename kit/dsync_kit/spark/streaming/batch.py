"""The updates of one batch: taken from the followers within limits, and split into shares that tasks can read."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dsync_kit.flow.updating import lane_of
from dsync_kit.protocol import StreamUpdatesResponse, Update
from dsync_kit.spark.streaming.following import Follower
from dsync_kit.spark.streaming.offsets import Lane

__all__ = ["Gathered", "Limits", "gather"]

_LULL_SECONDS = 0.05
"""A batch ends when nothing has come for so long."""

_LONGEST_SECONDS = 1.0
"""A batch ends after so long, if updates keep trickling in."""

_SHARE_UPDATES = 1000
"""Updates from which on a batch is split among several tasks."""

_POSITIONS = 32
"""Bits for the place of an update in its batch."""


@dataclass(frozen=True)
class Limits:
    """The most updates and bytes in a batch, unless one message has more; and how many tasks read it."""

    updates: int
    size: int
    shares: int


@dataclass
class Gathered:
    """The messages of a batch in the order in which they came, and where each updates partition then is."""

    lanes: list[Lane]
    messages: list[StreamUpdatesResponse] = field(default_factory=list)
    updates: int = 0
    size: int = 0
    newest: float = 0.0
    """When the latest change was made, if the connector says so: seconds since 1970."""

    def add(self, number: int, message: StreamUpdatesResponse) -> None:
        """Add a message of one of the updates partitions."""
        if message.next_cursor:
            self.lanes[number] = replace(self.lanes[number], ended=message.next_cursor)
        self.newest = max(self.newest, message.time.seconds)
        if message.updates:
            self.messages.append(message)
            self.updates += len(message.updates)
            self.size += message.ByteSize()

    def full(self, limits: Limits) -> bool:
        """Whether nothing more may be added."""
        return self.updates >= limits.updates or self.size >= limits.size

    def shares(self, batch: int, most: int) -> list[list[tuple[int, bytes]]]:
        """The messages for each task, each with the position of its first update.

        All updates of an id are in one share, in order. A message that is split counts its updates one by one.
        """
        count = max(1, min(most, -(-self.updates // _SHARE_UPDATES)))
        position = batch << _POSITIONS
        shares: list[list[tuple[int, bytes]]] = [[] for _ in range(count)]
        for message in self.messages:
            for first, number, updates in _runs(message.updates, count):
                part = StreamUpdatesResponse(namespace=message.namespace, updates=updates)
                shares[number].append((position + first, part.SerializeToString()))
            position += len(message.updates)
        return [share for share in shares if share]


def _runs(updates: Sequence[Update], count: int) -> list[tuple[int, int, list[Update]]]:
    """Updates that stand beside each other and belong to one share: where they begin, the share, and they."""
    if count == 1:
        return [(0, 0, list(updates))]
    runs: list[tuple[int, int, list[Update]]] = []
    for place, update in enumerate(updates):
        number = lane_of(update.id, count)
        if runs and runs[-1][1] == number:
            runs[-1][2].append(update)
        else:
            runs.append((place, number, [update]))
    return runs


def gather(
    followers: Sequence[Follower], lanes: Sequence[Lane], limits: Limits, woken: threading.Event, patience: float
) -> Gathered:
    """What has come: waits up to `patience` seconds for the first update, then until there is a lull.

    Each batch begins where the one before ended. Raises the error of a stream that has failed.
    """
    gathered = Gathered([replace(lane, began=lane.ended) for lane in lanes])
    began = time.monotonic()
    first: float | None = None
    while not gathered.full(limits):
        woken.clear()
        came = False
        for number, follower in enumerate(followers):
            if not gathered.full(limits) and (message := follower.take()) is not None:
                gathered.add(number, message)
                came = True
        now = time.monotonic()
        if gathered.updates and first is None:
            first = now
        if first is not None and now - first > _LONGEST_SECONDS:
            break
        if not came and not woken.wait(_LULL_SECONDS if first is not None else max(0.0, patience - (now - began))):
            break
    return gathered
