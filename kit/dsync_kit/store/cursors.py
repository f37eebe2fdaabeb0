"""The cursors of a store connector. With one, any instance can continue, also after a restart."""

from typing import Annotated

from pydantic import Field

from dsync_kit.cursors import Cursor
from dsync_kit.store.values import Range

__all__ = ["PageCursor", "PartitionCursor", "UpdatesCursor"]

# Strict, since base64 can consist of digits only: a place in bytes must not come back as a number.
_Place = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)] | bytes


class PartitionCursor(Cursor):
    """Stands for the documents of a range."""

    start: _Place
    end: _Place

    @property
    def range(self) -> Range:
        """The range, for the store's methods."""
        return Range(self.start, self.end)


class PageCursor(PartitionCursor):
    """Stands for those documents of a range that come after the place `after`."""

    after: _Place

    @property
    def rest(self) -> Range:
        """The rest of the range."""
        return Range(self.after, self.end)


class UpdatesCursor(Cursor):
    """Stands for the changes after `place` in the log of the data with the id `data_id`."""

    data_id: str
    place: _Place
