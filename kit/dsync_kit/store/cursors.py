"""The cursors of a store connector. Each carries all that is needed to go on, on any instance, after a restart too."""

from typing import Annotated

from pydantic import Field

from dsync_kit.cursors import Cursor
from dsync_kit.store.values import Range

__all__ = ["PageCursor", "PartitionCursor", "UpdatesCursor"]

# Strict, since base64 may consist of digits only: a place that was bytes must not come back as a number.
_Place = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)] | bytes


class PartitionCursor(Cursor):
    """The documents of a range."""

    start: _Place
    end: _Place

    @property
    def range(self) -> Range:
        """The range as the store's methods take it."""
        return Range(self.start, self.end)


class PageCursor(PartitionCursor):
    """Of the documents of a range, those beyond `after`."""

    after: _Place

    @property
    def rest(self) -> Range:
        """What is left of the range."""
        return Range(self.after, self.end)


class UpdatesCursor(Cursor):
    """The changes after `place` in the log of the data `data_id`."""

    data_id: str
    place: _Place
