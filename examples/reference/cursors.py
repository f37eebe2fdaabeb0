"""The connector's cursors. Each holds everything that a connector with the same data needs to continue."""

from dsync_kit.cursors import Cursor


class PartitionCursor(Cursor):
    """Share `index` of `count` of a namespace."""

    index: int
    count: int


class PageCursor(Cursor):
    """The documents after the position `after` that existed when the listing began."""

    index: int
    count: int
    after: bytes
    bound: int


class UpdatesCursor(Cursor):
    """The updates after `sequence` in the log of the store `store`."""

    store: str
    sequence: int
