"""Cursors: of a partition, and of the place in it where a page begins."""

from pydantic import Field

from dsync_kit.cursors import Cursor

__all__ = ["FilePlace", "FilesPartition", "LinePlace", "LogPartition"]


class LogPartition(Cursor):
    """The pages of a log with numbers greater than `after`, up to `until`, as they were when `head` was the newest."""

    after: int = Field(ge=0)
    until: int = Field(ge=0)
    head: int = Field(ge=0)


class LinePlace(LogPartition):
    """A line in a partition of a log: the number of its page, the digest of its id, and where it is as long as its
    file is there."""

    number: int = Field(ge=0)
    digest: bytes = Field(min_length=16, max_length=16)
    file: str
    line: int = Field(ge=0)


class FilesPartition(Cursor):
    """The files of others whose keys lie between `first` and `last`, both included."""

    first: str
    last: str


class FilePlace(Cursor):
    """The place in a file of somebody else after its first `rows` rows, of the file's version that was begun."""

    key: str
    file_version: str
    rows: int = Field(ge=0)
