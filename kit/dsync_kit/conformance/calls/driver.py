"""Makes calls as dsync does: with stripped partitions, retries, and pages to the end."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dsync_kit.client import CallTimeout, ConnectorApi
from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.listing import CursorStands, pages, strip
from dsync_kit.flow.retries import WAITS, repeated
from dsync_kit.protocol import (
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["Driver", "Limits", "strip", "updates_partition"]

T = TypeVar("T")

_FEW_EMPTY_PAGES = 200

_SPARE_DOCUMENTS = 20_000
"""With this many more documents than expected, a listing counts as endless."""

_RELEASE_SECONDS = 5.0
_RELEASE_PAUSE = 0.2
"""How many seconds after a stream was cancelled, and how often, a refused plan is requested again."""


def updates_partition(plan: GeneratePlanResponse) -> UpdatesPartition:
    """The only updates partition of a plan with updates."""
    if not plan.updates_partitions:
        raise Violation("the plan has no updates partition", expected="one", seen="none", owner=Owner.PLAN_UPDATES_FLAG)
    return plan.updates_partitions[0]


@dataclass(slots=True)
class Limits:
    """When a listing counts as endless: after so many consecutive pages without a document.

    A connector that reads a log may have many such pages. After an endless listing, fewer are allowed.
    `stream_closed` is the time at which the last stream was cancelled (`time.monotonic`). `copies` is False for a
    source that can only be streamed: dsync then runs in the mode CDC, whose plans have no initial copy.
    """

    empty_pages: int = 5_000
    stream_closed: float = -math.inf
    copies: bool = True


class Driver:
    """Calls a connector as dsync does. After dsync's retries, a status other than OK raises ConnectorError.

    All drivers of a connector share `limits`. `order` sorts a plan's partitions for listing. `repeats` is False if a
    write that is refused with a retryable code is not to be sent again.
    """

    def __init__(
        self,
        api: ConnectorApi,
        limits: Limits | None = None,
        *,
        order: Callable[[Sequence[Partition]], Sequence[Partition]] = lambda partitions: partitions,
        repeats: bool = True,
    ) -> None:
        self.api = api
        self._repeats = repeats
        self.limits = limits or Limits()
        self._order = order

    def plan(
        self, namespaces: Sequence[str] = (), *, initial_sync: bool | None = None, updates: bool = False
    ) -> GeneratePlanResponse:
        """GeneratePlan, which dsync never repeats.

        A plan has an initial copy unless the source can only be streamed: then it has updates, since dsync never asks
        for neither.

        It is only repeated here if it is refused just after a stream was cancelled: a source with one replication slot
        cannot plan updates until the database has noticed that. dsync never plans after a stream.
        """
        copies = self.limits.copies if initial_sync is None else initial_sync
        wanted = updates or (initial_sync is None and not copies)
        request = GeneratePlanRequest(namespaces=namespaces, initial_sync=copies, updates=wanted)
        while True:
            try:
                return self.api.generate_plan(request)
            except ConnectorError:
                if not wanted or time.monotonic() > self.limits.stream_closed + _RELEASE_SECONDS:
                    raise
                time.sleep(_RELEASE_PAUSE)

    def partitions(self, namespaces: Sequence[str]) -> list[Partition]:
        """The plan's partitions, for namespaces that hold documents. There is at least one."""
        found = list(self.plan(namespaces).partitions)
        if not found:
            raise Violation(
                "the plan has no partitions",
                expected="at least one: dsync treats an empty plan as an error",
                seen="none",
                owner=Owner.PLAN_PARTITIONS,
            )
        return found

    def updates_partition(self, namespaces: Sequence[str]) -> UpdatesPartition:
        """The plan's only updates partition."""
        return updates_partition(self.plan(namespaces, updates=True))

    def page(self, partition: Partition, data_type: DataType, cursor: bytes = b"") -> ListDataResponse:
        """One ListData without retries; the partition is sent unchanged."""
        return self.api.list_data(ListDataRequest(partition=partition, type=data_type, cursor=cursor))

    def first_page(self, partition: Partition, data_type: DataType, cursor: bytes = b"") -> ListDataResponse:
        """One ListData with retries. Only use it for the first page of a listing."""
        return _repeated(lambda: self.page(partition, data_type, cursor))

    def pages(
        self,
        partition: Partition,
        data_type: DataType,
        *,
        cursor: bytes = b"",
        expected: int = 0,
        whole: bool = False,
    ) -> Iterator[list[bytes]]:
        """The pages of one listing of a partition from `cursor` on, without retries.

        `whole` sends the partition unstripped. Raises Violation if the cursor does not move, or if the listing has far
        more documents than `expected`.
        """
        empty, documents = 0, 0
        try:
            for answer in pages(self.api, partition, data_type, cursor=cursor, whole=whole):
                yield list(answer.data)
                documents += len(answer.data)
                empty = 0 if answer.data else empty + 1
                if answer.next_cursor:
                    self._check_goes_on(documents, empty, expected)
        except CursorStands as error:
            raise Violation(
                "ListData returned the cursor of its own request",
                expected="a next_cursor that differs from the request's, or an empty one at the end",
                seen=f"cursor {error.cursor!r} again",
                owner=Owner.LIST_CURSOR_ADVANCES,
            ) from error

    def _check_goes_on(self, documents: int, empty: int, expected: int) -> None:
        """Raise Violation after so many documents or consecutive empty pages that the listing counts as endless."""
        if empty > self.limits.empty_pages or documents > 2 * expected + _SPARE_DOCUMENTS:
            self.limits.empty_pages = _FEW_EMPTY_PAGES
            raise Violation(
                "the listing of a partition does not end",
                expected=f"an empty next_cursor after the last of {expected} documents",
                seen=f"{documents} documents, then {empty} empty pages, and still a next_cursor",
                owner=Owner.LIST_ENDS,
            )

    def list_partition(
        self, partition: Partition, data_type: DataType, *, expected: int = 0, whole: bool = False
    ) -> list[bytes]:
        """The documents of a partition. After a retryable code, the listing starts over."""
        pages = self.whole_pages(partition, data_type, expected=expected, whole=whole)
        return [document for page in pages for document in page]

    def whole_pages(
        self, partition: Partition, data_type: DataType, *, expected: int = 0, whole: bool = False
    ) -> list[list[bytes]]:
        """The pages of a partition. After a retryable code, the listing starts over."""
        return _repeated(lambda: list(self.pages(partition, data_type, expected=expected, whole=whole)))

    def restarted_pages(self, partition: Partition, data_type: DataType) -> Iterator[list[bytes]]:
        """The pages of a partition. After a retryable code, the listing starts over, so documents may come twice."""
        for wait in (*WAITS, None):
            try:
                yield from self.pages(partition, data_type)
                return
            except ConnectorError as error:
                if wait is None or not error.retryable:
                    raise
                time.sleep(wait)

    def listing(self, namespaces: Sequence[str], data_type: DataType, *, expected: int = 0) -> list[tuple[str, bytes]]:
        """All documents of a plan of `namespaces`, each with its namespace, one partition after another."""
        return [
            (partition.namespace, document)
            for partition in self._order(self.plan(namespaces).partitions)
            for document in self.list_partition(partition, data_type, expected=expected)
        ]

    def write_data(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """WriteData with one page, with retries."""
        request = WriteDataRequest(namespace=namespace, data=documents, type=data_type)
        self._repeated(lambda: self.api.write_data(request))

    def write_updates(self, namespace: str, updates: Sequence[Update], data_type: DataType) -> None:
        """One WriteUpdates, with retries."""
        request = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
        self._repeated(lambda: self.api.write_updates(request))

    def stream_updates(
        self, cursor: bytes, namespaces: Sequence[str], data_type: DataType, *, ahead: int = 0
    ) -> StreamReader[StreamUpdatesResponse]:
        """Open StreamUpdates; `ahead` limits how many messages are read in advance."""
        request = StreamUpdatesRequest(namespaces=namespaces, type=data_type, cursor=cursor)
        return StreamReader(self.api.stream_updates(request), ahead=ahead, on_cancel=self._stream_closed)

    def stream_lsn(self, cursor: bytes, namespaces: Sequence[str]) -> StreamReader[StreamLSNResponse]:
        """Open StreamLSN."""
        return StreamReader(self.api.stream_lsn(StreamLSNRequest(namespaces=namespaces, cursor=cursor)))

    def once(self) -> "Driver":
        """A driver that sends a write only once, even after a retryable code."""
        return Driver(self.api, self.limits, order=self._order, repeats=False)

    def _repeated(self, call: Callable[[], object]) -> None:
        if self._repeats:
            _repeated(call)
        else:
            call()

    def _stream_closed(self) -> None:
        self.limits.stream_closed = time.monotonic()


def _repeated(call: Callable[[], T]) -> T:
    # The kit's own timeout is not an answer of the connector.
    return repeated(call, retryable=lambda error: error.retryable and not isinstance(error, CallTimeout))
