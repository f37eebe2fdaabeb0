"""The connector's cursors. Each carries all that is needed to go on, on any connector with the same data."""

from dsync_kit.cursors import Cursor


class PartitionCursor(Cursor):
    """Share `index` of `count` of a namespace."""

    index: int
    count: int


class PageCursor(Cursor):
    """What comes after the position `after`, of the documents that were there when the listing began."""

    index: int
    count: int
    after: bytes
    bound: int


class UpdatesCursor(Cursor):
    """The updates after `sequence` in the log of the store `store`."""

    store: str
    sequence: int
