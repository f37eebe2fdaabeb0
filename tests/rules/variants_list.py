"""Unusual ways to list, all of them correct."""

import random
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from dsync_kit.errors import Aborted, ConnectorError, InvalidArgument, Unavailable
from dsync_kit.protocol import (
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .altering import read_document, write_document
from .calls_first import calls_first
from .fault import CURSORS, REFERENCE, Variant, unusual_in
from .variants_info import NoUpdates

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector


@unusual()
class ShuffledFields(Reference):
    """Field order is not part of a document: each read has another one."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        for number, data in enumerate(answer.data):
            fields = list(read_document(data, request.type).items())
            random.shuffle(fields)
            answer.data[number] = write_document(dict(fields), request.type)
        return answer


@unusual()
class RandomPageSizes(Reference):
    """A page holds what the store returns: sometimes more, sometimes less."""

    def page_size(self) -> int:
        return random.randint(1, 60)


@unusual(options=["--page-size", "1"])
class OneDocumentAPage(Reference):
    """The smallest page."""


@unusual(options=["--page-size", "1000", "--partitions", "1"])
class LargePages(Reference):
    """One partition, a thousand documents a page."""


@unusual(options=["--page-size", "100000", "--partitions", "1"])
class OnePageForAll(Reference):
    """A namespace is one page, like a file."""


@unusual()
class EmptyPagesInBetween(Reference):
    """Before each page comes an empty one, as from a filtered scan."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if not request.cursor.startswith(b"skipped"):
            super().list_data(request)  # a cursor that is none of ours is refused at once
            return ListDataResponse(next_cursor=b"skipped" + request.cursor)
        request.cursor = request.cursor.removeprefix(b"skipped")
        return super().list_data(request)


@unusual()
class PlansAreSnapshots(Reference):
    """A partition shows the documents as they were when its plan was made, however late it is listed."""

    snapshots: ClassVar[dict[tuple[bytes, DataType], ListDataResponse | ConnectorError]] = {}

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan = super().generate_plan(request)
        for partition in plan.partitions:
            key = b"snapshot %d" % random.getrandbits(60)
            for data_type in self.source_capabilities().supported_data_types:
                self.snapshots[key, data_type] = self._whole(partition, data_type)
            partition.cursor = key
        return plan

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.check_data_type(request.type)
        found = self.snapshots.get((request.partition.cursor, request.type))
        if found is None or request.cursor:
            raise InvalidArgument("this is no cursor of a plan")
        if isinstance(found, ConnectorError):
            raise found
        return found

    def _whole(self, partition: Partition, data_type: DataType) -> ListDataResponse | ConnectorError:
        whole = ListDataResponse()
        cursor = b""
        try:
            while True:
                page = super().list_data(ListDataRequest(partition=partition, type=data_type, cursor=cursor))
                whole.data.extend(page.data)
                if not (cursor := page.next_cursor):
                    return whole
        except ConnectorError as error:
            return error  # a document has no form in this type: that matters only if it is listed


class _Opened(Reference):
    """A connector that keeps its page cursors in memory."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.opened: dict[bytes, tuple[bytes, float]] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor:
            cursor, opened = self.opened.get(request.cursor, (b"", 0.0))
            if not cursor or self.expired(opened):
                raise Aborted("the cursor has expired: list the partition again")
            request.cursor = cursor
        answer = super().list_data(request)
        if answer.next_cursor:
            key = b"cursor %d" % random.getrandbits(60)
            self.opened[key] = (answer.next_cursor, time.monotonic())
            answer.next_cursor = key
        return answer

    def expired(self, opened: float) -> bool:
        return False


@unusual()
class CursorsOfTheInstance(_Opened):
    """Another instance, or the same after a restart, answers a page cursor with ABORTED."""


@unusual()
class CursorsExpireSoon(_Opened):
    """A page cursor lives for a fifth of a second: a reader without pauses gets everything."""

    def expired(self, opened: float) -> bool:
        return time.monotonic() - opened > 0.2


@unusual()
class OneOpenListingOfAPartition(_Opened):
    """A new listing of a partition ends the previous one, whose cursors then get ABORTED."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.current: dict[tuple[str, bytes], set[bytes]] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        key = (request.partition.namespace, request.partition.cursor)
        if not request.cursor:
            self.current[key] = set()
        elif request.cursor not in self.current.get(key, ()):
            raise Aborted("another listing of this partition has begun")
        answer = super().list_data(request)
        self.current.setdefault(key, set()).add(answer.next_cursor)
        return answer


@unusual()
@calls_first(lambda connector: connector.busy(), "list_data", "write_data", "write_updates")
class NowAndThenUnavailable(Reference):
    """One call in a hundred gets UNAVAILABLE, and dsync retries it."""

    calls = 0

    def busy(self) -> None:
        self.calls += 1
        if self.calls % 101 == 100:
            raise Unavailable("the store is being restarted")


@unusual()
class AnswersGetLost(NowAndThenUnavailable):
    """The same, but the write was done, and its answer was lost on the way."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        answer = Reference.write_data(self, request)
        self.busy()
        return answer

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        answer = Reference.write_updates(self, request)
        self.busy()
        return answer


@unusual(options=["--partitions", "16"])
class ManyPartitions(Reference):
    """Sixteen partitions, some of them empty."""


@unusual()
class FilledPartitions(Reference):
    """All fields of a partition are set; those that dsync does not send back are for people."""

    def partitions(self, namespace: str) -> list[Partition]:
        planned = super().partitions(namespace)
        for number, partition in enumerate(planned):
            partition.partition_header = "share"
            partition.partition_value = str(number)
            partition.estimated_count = 12345
        return planned


@unusual()
class RawCursors(Reference):
    """Cursors are bare keys: any bytes are one, and none is refused."""

    def partition_cursor(self, index: int, count: int) -> bytes:
        return bytes([index, count])

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return page[-1][0]

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        index, count, *_ = *request.partition.cursor, 0, 1
        count = max(count, 1)
        partition = CURSORS.PartitionCursor(index=index % count, count=count)
        request.partition.cursor = partition.encode()
        if request.cursor:
            page = CURSORS.PageCursor(index=index % count, count=count, after=request.cursor, bound=1 << 60)
            request.cursor = page.encode()
        return super().list_data(request)


@unusual()
class SnapshotListings(Reference):
    """A listing returns what was there when its first page was requested, whatever happens meanwhile."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.snapshots: dict[bytes, list[Any]] = {}

    def page_cursor(self, data: bytes, partition: Any) -> Any:
        self.first = not data
        return super().page_cursor(data, partition)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        known, _, after = request.cursor.partition(b"#")
        if not request.cursor:
            partition = CURSORS.PartitionCursor.decode(request.partition.cursor)
            self.check_namespace(request.partition.namespace)
            self.check_data_type(request.type)
            with self.store.reading():
                collection = self.store.collection(request.partition.namespace, request.type)
                start, end = self.partition_range(partition.index, partition.count)
                known = b"%d" % random.getrandbits(60)
                self.snapshots[known] = [stored.data for _, stored in collection.between(start, b"", end)]
        elif known not in self.snapshots:
            raise Aborted("the snapshot has expired")
        documents = self.snapshots[known]
        begin = int(after or b"0")
        finish = begin + self.page_size()
        more = finish < len(documents)
        return ListDataResponse(data=documents[begin:finish], next_cursor=b"%s#%d" % (known, finish) if more else b"")


@unusual()
class ListsFromACache(NoUpdates):
    """An object store: its pages come from a cache, so a second listing may be half a second old; no stream."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        cache: dict[bytes, tuple[float, ListDataResponse]] = self.store.__dict__.setdefault("listings", {})
        key = request.SerializeToString(deterministic=True)
        listed, answer = cache.get(key, (0.0, ListDataResponse()))
        if time.monotonic() - listed > 0.5:
            answer = super().list_data(request)
            cache[key] = time.monotonic(), answer
        return answer


@unusual()
class SlowAnswers(Reference):
    """Thirty milliseconds a call."""

    def check_namespace(self, namespace: str) -> None:
        time.sleep(0.03)
        super().check_namespace(namespace)
