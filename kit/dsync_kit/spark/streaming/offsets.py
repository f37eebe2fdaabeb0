"""Where a stream is: offsets as Spark keeps them in a checkpoint.

An offset is JSON. It has the number of its batch; for each updates partition of the plan the cursors at which the batch
began and ended; and, of the batch that is the initial copy, the plan's partitions.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dsync_kit.errors import UsageError
from dsync_kit.flow.listing import strip
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType, Partition, UpdatesPartition

__all__ = ["NOTHING", "Lane", "Offset"]

_TYPES = {DataType.Name(each): each for each in (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)}

NOTHING: dict[str, Any] = {"batch": 0}
"""The offset before the connector has made its plan."""


@dataclass(frozen=True)
class Lane:
    """An updates partition: its namespaces, and the cursors at which a batch begins and ends in it."""

    namespaces: tuple[str, ...]
    began: bytes
    ended: bytes


@dataclass(frozen=True)
class Offset:
    """The end of a batch, from 1 on; `copy` are the plan's partitions if it is the initial copy."""

    batch: int
    data_type: DataType
    lanes: tuple[Lane, ...]
    copy: tuple[Partition, ...] = ()

    @classmethod
    def planned(cls, data_type: DataType, updates: Sequence[UpdatesPartition], copy: Sequence[Partition]) -> "Offset":
        """The first offset: the plan, with its cursors, which were taken before any document is read."""
        lanes = tuple(Lane(tuple(each.namespaces), each.cursor, each.cursor) for each in updates)
        return cls(batch=1, data_type=data_type, lanes=lanes, copy=tuple(copy))

    def following(self, lanes: Sequence[Lane]) -> "Offset":
        """The next batch's offset."""
        return replace(self, batch=self.batch + 1, lanes=tuple(lanes), copy=())

    @classmethod
    def parse(cls, kept: Mapping[str, Any]) -> "Offset | None":
        """An offset out of a checkpoint; None for one before the plan. Raises UsageError for another's."""
        if kept == NOTHING:
            return None
        try:
            return cls(
                int(kept["batch"]),
                _TYPES[kept["type"]],
                tuple(
                    Lane(tuple(lane["namespaces"]), b64decode(lane["began"]), b64decode(lane["ended"]))
                    for lane in kept["updates"]
                ),
                tuple(
                    Partition(namespace=each["namespace"], cursor=b64decode(each["cursor"]))
                    for each in kept.get("copy", ())
                ),
            )
        except (KeyError, TypeError, ValueError):
            raise UsageError("the checkpoint is not of a stream of the format 'dsync': give another one") from None

    def as_json(self) -> dict[str, Any]:
        """The offset as a checkpoint keeps it."""
        kept: dict[str, Any] = {
            "batch": self.batch,
            "type": DataType.Name(self.data_type),
            "updates": [
                {"namespaces": list(lane.namespaces), "began": _text(lane.began), "ended": _text(lane.ended)}
                for lane in self.lanes
            ],
        }
        if self.copy:
            kept["copy"] = [
                {"namespace": each.namespace, "cursor": _text(each.cursor)} for each in map(strip, self.copy)
            ]
        return kept


def _text(data: bytes) -> str:
    return b64encode(data).decode()
