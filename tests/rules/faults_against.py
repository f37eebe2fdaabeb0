"""New versions that do not continue where the previous version ended."""

from collections.abc import Sequence
from typing import Any

from dsync_kit.errors import InvalidArgument, Unavailable
from dsync_kit.protocol import ListDataRequest, StreamUpdatesRequest

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class Stamped(Reference):
    """The previous version. It notes in the store that it was there."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.store.layout = 1


class After(Reference):
    """A version after that one."""

    before = Stamped


@broken("against/starts", "rare")
class RefusesTheOldLayout(After):
    """It knows only its own layout, and does not start on another one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if getattr(self.store, "layout", 2) != 2:
            raise Unavailable("the store has a layout that this version does not know")


@broken("against/id", "rare")
class IdOfTheRelease(After):
    """The id holds the connector's version."""

    def identity(self) -> str:
        return f"{super().identity()}-2.0"


@broken("against/documents", "rare")
class ReadsTheOldLayoutWrongly(After):
    """Data in the old layout is read with the new version's encoding of texts."""

    def outgoing(self, document: bytes) -> bytes:
        found = super().outgoing(document)
        return found.replace(b"more", b"MORE") if getattr(self.store, "layout", 2) != 2 else found


@broken("against/plan", "rare")
class OtherPartitions(After):
    """A partition's cursor has another field than before, and the old format is refused."""

    def partition_cursor(self, index: int, count: int) -> bytes:
        return b"2" + super().partition_cursor(index, count)

    def list_data(self, request: ListDataRequest) -> Any:
        if not request.partition.cursor.startswith(b"2"):
            raise InvalidArgument("this is no cursor of a partition")
        request.partition.cursor = request.partition.cursor[1:]
        return super().list_data(request)


@broken("against/page-cursor", "rare")
class OtherPages(After):
    """A page's cursor has another format than before: an old one restarts the partition."""

    def page_cursor(self, data: bytes, partition: Any) -> Any:
        return super().page_cursor(data[1:] if data.startswith(b"2") else b"", partition)

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return b"2" + found if (found := super().next_cursor(cursor, page)) else b""


@broken("against/stream", "rare")
class OtherStreams(After):
    """An update cursor has another format than before: an old one is taken as the end of the log."""

    def update_cursor(self, sequence: int) -> bytes:
        return b"2" + super().update_cursor(sequence)

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        if not request.cursor.startswith(b"2"):
            request.cursor = self.update_cursor(self.store.end)
        request.cursor = request.cursor[1:]
        return super().stream_updates(request, context)
