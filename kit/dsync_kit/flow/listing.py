"""Lists a partition as dsync does: stripped, page after page, to the end."""

from collections.abc import Iterator

from grpc import StatusCode

from dsync_kit.client import ConnectorApi
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, ListDataRequest, ListDataResponse, Partition

__all__ = ["CursorStands", "pages", "strip"]


def strip(partition: Partition) -> Partition:
    """The partition as dsync sends it back: only namespace and cursor."""
    return Partition(namespace=partition.namespace, cursor=partition.cursor)


class CursorStands(ConnectorError):
    """A page returned the same cursor that it was requested with: the listing would never end."""

    def __init__(self, cursor: bytes) -> None:
        super().__init__(
            "ListData returned the cursor of its own request: the listing would never end", StatusCode.INTERNAL
        )
        self.cursor = cursor


def pages(
    api: ConnectorApi, partition: Partition, data_type: DataType, *, cursor: bytes = b"", whole: bool = False
) -> Iterator[ListDataResponse]:
    """The pages of one listing of a partition, from `cursor` on. `whole` sends the partition unstripped.

    Raises ConnectorError if a call fails, CursorStands if the cursor does not move.
    """
    request = ListDataRequest(partition=partition if whole else strip(partition), type=data_type, cursor=cursor)
    while True:
        page = api.list_data(request)
        yield page
        if not page.next_cursor:
            return
        if page.next_cursor == request.cursor:
            raise CursorStands(request.cursor)
        request = ListDataRequest(partition=request.partition, type=data_type, cursor=page.next_cursor)
