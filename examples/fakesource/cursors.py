"""The connector's cursors. Each holds everything that any instance needs to continue."""

from typing import Annotated

from pydantic import Field

from dsync_kit.cursors import Cursor

__all__ = ["PageCursor", "PartitionCursor", "UpdatesCursor"]

_Number = Annotated[int, Field(ge=0, lt=2**63)]


class PartitionCursor(Cursor):
    """One of a namespace's partitions."""

    partition: _Number


class PageCursor(Cursor):
    """The documents of a partition from number `start` on."""

    partition: _Number
    start: _Number


class UpdatesCursor(Cursor):
    """The operations from number `operation` on, in runs of `run` for each namespace in turn.

    They are of those documents whose place in the namespace is `share` modulo `shares`.
    """

    namespaces: tuple[str, ...] = Field(min_length=1)
    share: _Number = 0
    shares: Annotated[int, Field(gt=0)] = 1
    run: Annotated[int, Field(gt=0)]
    operation: _Number = 0
