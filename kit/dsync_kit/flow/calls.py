"""How dsync makes its calls: stripped partitions, pages until the end, what is repeated and how long it waits."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from grpc import StatusCode

from dsync_kit.client import ConnectorApi
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, ListDataRequest, ListDataResponse, Partition

__all__ = ["WAITS", "CursorStands", "Stopped", "pages", "repeated", "strip"]

T = TypeVar("T")

WAITS = (0.5, 0.75, 1.1)
"""Seconds between the tries of a call that is answered with a retryable code."""


class Stopped(Exception):
    """The run is being stopped: what was under way is given up, and begins anew when it is resumed."""


def strip(partition: Partition) -> Partition:
    """The partition as dsync sends it back: namespace and cursor alone."""
    return Partition(namespace=partition.namespace, cursor=partition.cursor)


def _is_retryable(error: ConnectorError) -> bool:
    return error.retryable


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def repeated(
    call: Callable[[], T],
    *,
    wait: Callable[[float], bool] = _sleep,
    retryable: Callable[[ConnectorError], bool] = _is_retryable,
    on_retry: Callable[[ConnectorError, float], object] | None = None,
) -> T:
    """Make a call, three times more after retryable codes.

    `wait` sleeps for so many seconds, and says whether to stop: then Stopped is raised. `on_retry` is told the error
    and the seconds before each new try. What the last try raises is raised.
    """
    for seconds in WAITS:
        try:
            return call()
        except ConnectorError as error:
            if not retryable(error):
                raise
            if on_retry is not None:
                on_retry(error, seconds)
        if wait(seconds):
            raise Stopped
    return call()


class CursorStands(ConnectorError):
    """A page gave back the cursor that it was asked with: the listing would never end."""

    def __init__(self, cursor: bytes) -> None:
        super().__init__(
            "ListData gave back the cursor that it was asked with: the listing would never end", StatusCode.INTERNAL
        )
        self.cursor = cursor


def pages(
    api: ConnectorApi, partition: Partition, data_type: DataType, *, cursor: bytes = b"", whole: bool = False
) -> Iterator[ListDataResponse]:
    """The pages of one listing of a partition, from `cursor` on. `whole` sends the partition unstripped.

    Raises ConnectorError; CursorStands where its cursor stands still.
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
