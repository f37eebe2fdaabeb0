"""The stream: the initial copy if it is asked for, then the updates, in batches that the driver delimits.

StreamUpdates pushes, and its cursors are opaque: two of them cannot be compared, and nothing says which one will come.
So the driver follows the stream itself. `latestOffset` takes what has come, within limits, and the cursor of the last
message is the batch's end. The messages travel, as the bytes that came, in the partitions that Spark hands to its
tasks; decoding is the tasks' work, and a task that is tried again gets the same bytes.

**What a restart does.** Spark repeats a batch whose offset it has written down, but which it has not committed. Then
its messages are gone, and a stream that is opened at the batch's beginning may come in other messages, with other
cursors: that it has reached the batch's end could not be seen. A repeated batch is therefore empty, and the next batch
begins where the repeated one had begun: an offset keeps both of its cursors for this. The first batch after any start
begins there, whether the last one was repeated or not, for the checkpoint doesn't say whether an earlier restart has
left it empty. So each update arrives at least once, in the order of its id; after a start, those of the last batch
arrive again. For an upsert by id that changes nothing, as the repetition runs on to the newest state.

With `trigger(availableNow=True)` the last batch that has updates is followed by an empty one. It marks in the
checkpoint that the updates before it have arrived, so that the next run does not repeat them.

The initial copy is the first batch: the offset holds the plan, made before a document is read, so a repeated copy
lists the same partitions, and the updates begin at the plan's cursors.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, cast

from pyspark.sql.datasource import DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadLimit, SupportsTriggerAvailableNow
from pyspark.sql.types import BinaryType, StructType

from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType, Partition, StreamUpdatesResponse
from dsync_kit.spark.failures import fitting, refused
from dsync_kit.spark.planning import plan, shares, source_info, source_type
from dsync_kit.spark.reading import Reading, Share, listed
from dsync_kit.spark.rows.updates import UpdateRows
from dsync_kit.spark.streaming.batch import Gathered, Limits, gather
from dsync_kit.spark.streaming.following import Follower
from dsync_kit.spark.streaming.offsets import NOTHING, Lane, Offset

__all__ = ["DsyncStreamReader", "Following"]

_PATIENCE_SECONDS = 0.5
"""How long `latestOffset` waits for an update: Spark asks again at once."""

_KEEP_SECONDS = 60.0
"""How long a position that moves without updates is not kept."""

_BATCH_ROWS = 1000
"""Rows from which on a task hands on what it has, in one batch of Arrow."""


@dataclass(frozen=True)
class Following:
    """How a stream is followed: with the initial copy or without it, its batches' limits, and when a run that ends by
    itself has seen all that is there: no update has come for `idle` seconds."""

    initial_copy: bool
    limits: Limits
    idle: float


class Messages(InputPartition):
    """Messages that one task reads, each with the position of its first update."""

    def __init__(self, messages: Sequence[tuple[int, bytes]], data_type: DataType) -> None:
        self.messages = list(messages)
        self.data_type = data_type


class DsyncStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Reads a stream of updates. One object lives on the driver as long as the query; others read in the tasks."""

    def __init__(self, reading: Reading, following: Following, schema: StructType) -> None:
        self._reading = reading
        self._following = following
        self._schema = schema
        self._live: _Live | None = None
        self._available_now: float | None = None

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802 - Spark's name
        """The plan is not made here: Spark doesn't keep this offset before the first batch has one."""
        return NOTHING

    def latestOffset(self, start: dict[str, Any], limit: ReadLimit) -> dict[str, Any]:  # noqa: N802
        """The end of the next batch, `start` if nothing has come. Raises what a failed stream ended with."""
        if self._live is None:
            self._live = _Live(self._reading, self._following, self._schema)
        return self._live.next(start, self._available_now)

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        """From now on, the query is to end when it has read what is there."""
        self._available_now = time.time()

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        """The batch between two offsets; empty if it was gathered before a restart (see the module's text)."""
        offset = Offset.parse(end)
        if start == end or offset is None:
            return []
        if offset.copy:
            return [Share(group, offset.data_type) for group in shares(offset.copy, self._reading.partitions)]
        gathered = self._live.gathered(end) if self._live is not None else None
        if gathered is None:
            return []
        most = self._following.limits.shares
        return [Messages(share, offset.data_type) for share in gathered.shares(offset.batch, most)]

    def read(self, partition: InputPartition) -> Iterator[Any]:
        """Called in each task, on an executor."""
        if isinstance(partition, Share):
            rows = UpdateRows(self._schema, self._reading.documents, partition.data_type)
            with self._reading.endpoint.open() as end:
                yield from listed(end, map(Partition.FromString, partition.partitions), partition.data_type, rows)
            return
        share = cast("Messages", partition)
        rows = UpdateRows(self._schema, self._reading.documents, share.data_type)
        waiting: list[tuple[Any, ...]] = []
        for position, data in share.messages:
            message = StreamUpdatesResponse.FromString(data)
            with fitting():
                waiting += rows.rows(message.namespace, message.updates, position)
            if len(waiting) >= _BATCH_ROWS:
                yield rows.of(waiting)
                waiting = []
        if waiting:
            yield rows.of(waiting)

    def stop(self) -> None:
        """The query has ended."""
        if self._live is not None:
            self._live.close()


class _Live:
    """The open connector and its followers, on the driver."""

    def __init__(self, reading: Reading, following: Following, schema: StructType) -> None:
        self._reading = reading
        self._following = following
        self._schema = schema
        self._stack = ExitStack()
        self._end = self._stack.enter_context(reading.endpoint.open())
        self._woken = threading.Event()
        self._followers: list[Follower] = []
        self._lanes: Sequence[Lane] = ()
        self._batch: tuple[dict[str, Any], Gathered] | None = None
        self._kept = time.monotonic()
        self._marked = True
        self._newest = 0.0

    def next(self, start: dict[str, Any], available_now: float | None) -> dict[str, Any]:
        """The end of the next batch; `start` if there is none."""
        offset = Offset.parse(start)
        if offset is None:
            return self._plan().as_json()
        if not self._followers:
            self._follow(offset)
        if available_now is not None and self._newest > available_now:
            gathered = Gathered([replace(lane, began=lane.ended) for lane in self._lanes])
        else:
            patience = _PATIENCE_SECONDS if available_now is None else self._following.idle
            with refused(self._end, "StreamUpdates"):
                gathered = gather(self._followers, self._lanes, self._following.limits, self._woken, patience)
        self._lanes, self._newest = gathered.lanes, max(self._newest, gathered.newest)
        if not gathered.updates and not self._is_worth_keeping(offset, available_now is not None):
            return start
        self._marked, self._kept = not gathered.updates, time.monotonic()
        following = offset.following(gathered.lanes).as_json()
        self._batch = (following, gathered)
        return following

    def gathered(self, end: dict[str, Any]) -> Gathered | None:
        """What a batch holds; None if it was not the last one that was gathered here."""
        return self._batch[1] if self._batch is not None and self._batch[0] == end else None

    def close(self) -> None:
        """End the streams, and close the connector."""
        for follower in self._followers:
            follower.close()
        self._stack.close()

    def _plan(self) -> Offset:
        reading = self._reading
        info = source_info(self._end)
        binary = isinstance(self._schema["document"].dataType, BinaryType)
        data_type = source_type(self._end, info, reading.type or ("bson" if binary else None))
        UpdateRows(self._schema, reading.documents, data_type)
        planned = plan(self._end, info, reading.namespaces, initial_sync=self._following.initial_copy, updates=True)
        if not planned.updates_partitions:
            raise UsageError(f"{self._end.title} does not stream updates: its plan has no updates partitions")
        return Offset.planned(data_type, planned.updates_partitions, planned.partitions)

    def _follow(self, offset: Offset) -> None:
        """Begin where the last batch had begun."""
        self._lanes = [replace(lane, ended=lane.began) for lane in offset.lanes]
        for lane in self._lanes:
            self._followers.append(Follower(self._end.api, lane, offset.data_type, self._woken.set))

    def _is_worth_keeping(self, offset: Offset, ends: bool) -> bool:
        """Whether an empty batch is to keep the position: behind the last updates of a run that ends by itself, and now
        and then where cursors move without updates, as a source may not serve an old one for ever."""
        if ends:
            return not self._marked
        moved = any(lane.ended != kept.ended for lane, kept in zip(self._lanes, offset.lanes, strict=True))
        return moved and time.monotonic() - self._kept > _KEEP_SECONDS
