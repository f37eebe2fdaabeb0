"""Cursors: for a partition, and for the place in it where a page begins."""

from pydantic import Field

from dsync_kit.cursors import Cursor

__all__ = ["FilePlace", "FilesPartition", "LinePlace", "LogPartition", "PiecePartition", "PiecePlace"]


class LogPartition(Cursor):
    """The pages of a log with numbers greater than `after`, up to `until`, as they were when `head` was the newest."""

    after: int = Field(ge=0)
    until: int = Field(ge=0)
    head: int = Field(ge=0)


class LinePlace(LogPartition):
    """A line in a partition of a log: the number of its page, the digest of its id, and its place while its file
    exists."""

    number: int = Field(ge=0)
    digest: bytes = Field(min_length=16, max_length=16)
    file: str
    line: int = Field(ge=0)


class FilesPartition(Cursor):
    """The files of other tools with keys from `first` to `last`, both included."""

    first: str
    last: str


class FilePlace(Cursor):
    """The place after the first `rows` rows of another tool's file, in the version of the file that was begun with."""

    key: str
    file_version: str
    rows: int = Field(ge=0)


class PiecePartition(Cursor):
    """A piece of a large file of another tool: the rows that begin at the byte `start` or after it, and before `stop`.

    In a Parquet file these are numbers of row groups.
    """

    key: str
    file_version: str
    start: int = Field(ge=0)
    stop: int = Field(ge=0)


class PiecePlace(PiecePartition):
    """The place after the first `rows` rows of a piece."""

    rows: int = Field(ge=0)
