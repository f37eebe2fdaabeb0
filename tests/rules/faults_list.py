"""Connectors whose listings lose or repeat documents, or do not end."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bson import Int64, ObjectId

from dsync_kit.conversion import convert
from dsync_kit.documents import decode_id, id_of
from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    ListDataRequest,
    ListDataResponse,
    Partition,
)

from .altering import read_document, write_document
from .fault import CURSORS, REFERENCE, STORE, Fault, broken_in
from .pooled import Pooled

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


def _first(request: ListDataRequest) -> bool:
    return not request.cursor


@broken("list/ends", "special input")
class StartsAgain(Reference):
    """The last page's cursor is that of the first: the partition is listed for ever."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if not _first(request) and not answer.next_cursor:
            partition = CURSORS.PartitionCursor.decode(request.partition.cursor)
            cursor = CURSORS.PageCursor(index=partition.index, count=partition.count, after=b"", bound=1 << 60)
            answer.next_cursor = cursor.encode()
        return answer


@broken("list/ends")
class EmptyPagesForEver(Reference):
    """The store's token says that there may be more, and never that there is not."""

    asked = 0

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor.startswith(b"more"):
            self.asked += 1
            return ListDataResponse(next_cursor=b"more%d" % self.asked)
        answer = super().list_data(request)
        answer.next_cursor = answer.next_cursor or b"more"
        return answer


@broken("list/cursor-advances", "special input")
class LastCursorAgain(Reference):
    """After the last page, the cursor stays the same instead of being empty."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        answer.next_cursor = answer.next_cursor or request.cursor
        return answer


@broken("list/cursor-advances")
class CursorOfAPositionStandsStill(Reference):
    """A cursor that counts does not move on an empty page."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor == b"end":
            return ListDataResponse(next_cursor=b"end")
        answer = super().list_data(request)
        answer.next_cursor = answer.next_cursor or b"end"
        return answer


@broken("list/type")
class ListsWithoutId(Reference):
    """The id is left out of the fields, because it is the store's key already."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        documents = [read_document(document, request.type) for document in answer.data]
        for document in documents:
            document.pop("_id" if request.type == DATA_TYPE_MONGO_BSON else "id")
        return ListDataResponse(
            data=[write_document(document, request.type) for document in documents], next_cursor=answer.next_cursor
        )


@broken("list/type", "special input")
class ListsTheOtherTypeName(Reference):
    """JSON documents with `_id`, as in the store, instead of `id`."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_JSON_ID:
            documents = [read_document(document, request.type) for document in answer.data]
            renamed = [{"_id": document.pop("id"), **document} for document in documents]
            answer.data[:] = [write_document(document, request.type) for document in renamed]
        return answer


@broken("list/type", "special input")
class ListsJsonAlways(Reference):
    """The request's type is ignored: JSON instead of BSON."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_MONGO_BSON:
            answer.data[:] = [b'{"id": "%d"}' % number for number in range(len(answer.data))]
        return answer


@broken("list/type", "special input")
class OneArrayAPage(Reference):
    """A page of JSON is one array, as the store exports it, instead of single documents."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_JSON_ID and answer.data:
            answer.data[:] = [b"[" + b",".join(answer.data) + b"]"]
        return answer


@broken("list/ids-unique", "special input")
class PagesOverlap(Reference):
    """`>=` instead of `>`: each page begins with the last document of the previous one."""

    def listed(self, collection: Any, cursor: Any) -> Iterator[Any]:
        if (last := collection.documents.get(cursor.after)) is not None:
            yield cursor.after, last
        yield from super().listed(collection, cursor)

    def page_size(self) -> int:
        return super().page_size() + 1


@broken("list/ids-unique", "special input")
class PartitionsOverlap(Reference):
    """Neighbouring partitions both hold the documents around their common bound."""

    def partition_range(self, index: int, count: int) -> tuple[bytes, bytes | None]:
        start, end = super().partition_range(index, count)
        return start, (int.from_bytes(end) + 2**32 // 20).to_bytes(4) if end else None


@broken("list/many-pages", "rare")
class PartitionsShareTheirBound(Reference):
    """Both ends of a range are inclusive: a document in two hundred is listed by two partitions."""

    def partition_range(self, index: int, count: int) -> tuple[bytes, bytes | None]:
        start, end = super().partition_range(index, count)
        return start, (int.from_bytes(end) + 2**32 // 200).to_bytes(4) if end else None


@broken("list/complete", "special input")
class LastPageLost(Reference):
    """The loop ends when the store has no more, before it passes on the last page."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if not _first(request) and not answer.next_cursor:
            return ListDataResponse()
        return answer


@broken("list/complete")
class FirstDocumentSkipped(Reference):
    """Positions are counted from 1, offsets from 0."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if _first(request):
            del answer.data[:1]
        return answer


@broken("list/complete")
class LastPartitionLost(Reference):
    """range(count - 1): one partition too few."""

    def partitions(self, namespace: str) -> list[Partition]:
        planned = super().partitions(namespace)
        return planned[:-1] if len(planned) > 1 else planned


@broken("list/complete", "special input")
class FirstPageOnly(Reference):
    """The page's token is in a header that nobody reads."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return ListDataResponse(data=super().list_data(request).data)


@broken("list/complete", "special input", options=["--partitions", "1", "--page-size", "2000"])
class CutAtAThousand(Reference):
    """The store returns at most 1,000 rows whatever the limit, and a shorter page counts as the last one."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if len(answer.data) > 1000:
            return ListDataResponse(data=answer.data[:1000])
        return answer


@broken("list/many-pages", "rare")
class GapBetweenPartitions(Reference):
    """The bounds are computed twice, with different rounding: hashes in between are in no partition."""

    def partition_range(self, index: int, count: int) -> tuple[bytes, bytes | None]:
        start, end = super().partition_range(index, count)
        return start, (int.from_bytes(end) - 2**32 // 200).to_bytes(4) if end else None


@broken("list/many-pages", "rare")
class TiesAtTheBoundLost(Reference):
    """Pages are cut by a key that is not unique, and continue after it: documents tied with the last one are lost."""

    def listed(self, collection: Any, cursor: Any) -> Iterator[Any]:
        for position, stored in super().listed(collection, cursor):
            if not cursor.after or position[:1] > cursor.after[:1]:
                yield position, stored


@broken("list/all-or-refused", "special input")
class WhatDoesNotConvertIsSkipped(Reference):
    """A document that cannot be converted would end the copy, so it is logged and skipped."""

    def all_listed(self, namespace: str, data_type: Any, cursor: Any) -> Iterator[Any]:
        for kind in self.store.data_types(namespace):
            for position, stored in self.listed(self.store.collection(namespace, kind), cursor):
                try:
                    data = convert(stored.data, kind, data_type) if kind != data_type else stored.data
                except InvalidArgument:
                    continue
                if kind == data_type or not _holds_a_stranger(stored.data, kind):
                    yield position, STORE.Stored(data, stored.created)


def _holds_a_stranger(data: bytes, kind: int) -> bool:
    """Whether a document has a value that only its own type can express."""
    return not all(isinstance(value, str | int | None) for value in read_document(data, kind).values())


class _Paged(Reference):
    """A connector that guesses from the current page whether there is more."""

    def cut_page(self, documents: Iterator[Any]) -> tuple[list[Any], bool]:
        found = list(documents)
        return found[: self.page_size()], len(found) > self.page_size()


@broken("list/page-boundaries", "rare")
class FullLastPageIsLost(_Paged):
    """A full page promises another one; if there is none, the full page is dropped."""

    def cut_page(self, documents: Iterator[Any]) -> tuple[list[Any], bool]:
        page, more = super().cut_page(documents)
        return ([], False) if not more and len(page) == self.page_size() else (page, more)


@broken("list/page-boundaries", "rare")
class LastDocumentOfAFullPageIsLost(_Paged):
    """One document is read ahead to see whether there is more; if it is the last one, it is dropped."""

    def cut_page(self, documents: Iterator[Any]) -> tuple[list[Any], bool]:
        found = list(documents)
        return found[: self.page_size()], len(found) > self.page_size() + 1


@broken("list/page-boundaries", "rare")
class PageBeyondTheLastFails(_Paged):
    """A full page promises another one, and the cursor of the empty page after it is made from its last document."""

    def cut_page(self, documents: Iterator[Any]) -> tuple[list[Any], bool]:
        page, _ = super().cut_page(documents)
        return page, len(page) == self.page_size()

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if not _first(request) and not answer.data:
            raise IndexError("list index out of range")
        return answer


@broken("list/types-agree")
class TypesAreApart(Reference):
    """Two tables, one for each type: a copy in BSON lacks the documents that were written as JSON."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.check_namespace(request.partition.namespace)
        self.check_data_type(request.type)
        partition = CURSORS.PartitionCursor.decode(request.partition.cursor)
        with self.store.reading():
            cursor = self.page_cursor(request.cursor, partition)
            page, more = self.cut_page(
                self.listed(self.store.collection(request.partition.namespace, request.type), cursor)
            )
        return ListDataResponse(
            data=[stored.data for _, stored in page], next_cursor=self.next_cursor(cursor, page) if more else b""
        )


@broken("list/repeatable")
class DocumentsMadeByReading(Reference):
    """A field is added that says when the document was read."""

    reads = 0

    def outgoing(self, document: bytes) -> bytes:
        if document.startswith(b'{"id"'):
            self.reads += 1
            return document[:-1] + b', "_read": %d}' % self.reads
        return REFERENCE.ReferenceConnector.outgoing(self, document)


@broken("list/repeatable")
class OtherIdsOnEachRead(Reference):
    """Rows without a key get an ObjectId when they are read."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_MONGO_BSON:
            documents = [{**read_document(data, request.type), "_id": ObjectId()} for data in answer.data]
            answer.data[:] = [write_document(document, request.type) for document in documents]
        return answer


@broken("list/repeatable")
class CursorUsedUp(Reference):
    """A partition is a queue: documents that were listed once are not listed again."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.used: set[tuple[str, bytes, int]] = set()

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        key = (request.partition.namespace, request.partition.cursor, self.store.end)
        if _first(request) and key in self.used:
            return ListDataResponse()
        answer = super().list_data(request)
        if not answer.next_cursor:
            self.used.add(key)
        return answer


class _Positions(Reference):
    """A connector that keeps the position of a listing itself, and hands out a meaningless cursor."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.positions: dict[object, bytes] = {}
        self.calls = 0

    def key(self, request: ListDataRequest) -> object:
        return request.partition.namespace, request.partition.cursor

    def resumed(self, request: ListDataRequest) -> bool:
        return not _first(request)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        key = self.key(request)
        request.cursor = self.positions.get(key, b"") if self.resumed(request) else b""
        answer = super().list_data(request)
        self.positions[key] = answer.next_cursor
        self.calls += 1
        answer.next_cursor = b"page %d" % self.calls if answer.next_cursor else b""
        return answer


@broken("list/restart-mid-way", "special input")
class GoesOnWhereItWasLeft(_Positions):
    """The store's own cursor stays open for a partition, and continues whatever cursor is sent."""

    def resumed(self, request: ListDataRequest) -> bool:
        return True


@broken("list/restart-mid-way", "special input")
class CursorStaysOpen(_Positions):
    """The store's cursor is closed only at the end: an abandoned listing blocks the next one."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if _first(request) and self.positions.get(self.key(request)):
            raise InvalidArgument("a cursor is open on this partition already")
        return super().list_data(request)


@broken("list/interleaved", "special input")
class OneListingOfANamespace(_Positions):
    """The position is kept for the namespace: its partitions disturb each other."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if not _first(request):
            request.partition.cursor = self.current
        self.current = request.partition.cursor
        return super().list_data(request)

    def key(self, request: ListDataRequest) -> object:
        return request.partition.namespace


@broken("list/interleaved", "special input")
class OneListingOfAPartition(_Positions):
    """One open iterator for each partition: a second copier takes the first one's documents."""


@broken("list/any-time", "special input")
class CursorExpiresForGood(Reference):
    """The query behind a page is closed after a while, and its cursor is refused as unknown."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.opened: dict[bytes, float] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor and time.monotonic() - self.opened.get(request.cursor, 0.0) > 0.2:
            raise InvalidArgument("the cursor is not known")
        answer = super().list_data(request)
        self.opened[answer.next_cursor] = time.monotonic()
        return answer


@broken("list/parallel", "rare")
class PageBuiltInTheInstance(Reference):
    """The page is collected in an attribute, which another thread clears."""

    page: list[Any] = []  # noqa: RUF012 - shared on purpose

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        self.page = list(answer.data)
        time.sleep(0.002)
        answer.data[:] = self.page
        return answer


@broken("list/parallel", "rare")
class OneListingAtATime(Reference):
    """All threads share a connection that serves one query at a time: the second one fails."""

    busy = False

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if self.busy:
            raise RuntimeError("another operation is in progress")
        self.busy = True
        time.sleep(0.001)
        try:
            return super().list_data(request)
        finally:
            self.busy = False


@broken("list/parallel", "rare")
class PoolOfTwelveReaders(Pooled):
    """A pool of 12 connections: enough for dsync's 4 copiers, but not for the 32 that it may have."""

    size = 12

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        with self.connection():
            return super().list_data(request)


class _Created(Reference):
    """A connector that lists documents in the order of creation, in one partition."""

    def partition_count(self, namespace: str) -> int:
        return 1

    def listed(self, collection: Any, cursor: Any) -> Iterator[Any]:
        after = int(cursor.after or b"0")
        yield from sorted(
            (item for item in collection.documents.items() if item[1].created > after),
            key=lambda item: item[1].created,
        )

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return cursor.model_copy(update={"after": b"%d" % page[-1][1].created}).encode()


@broken("list/mixed-ids", "rare")
class PagesGoOnWithoutCase(Reference):
    """Pages are sorted by bytes, and continue with `id > last` under a collation that ignores case."""

    def partition_count(self, namespace: str) -> int:
        return 1

    def all_listed(self, namespace: str, data_type: Any, cursor: Any) -> Iterator[Any]:
        found = sorted(
            super().all_listed(namespace, data_type, cursor.model_copy(update={"after": b""})), key=_sorted_by
        )
        after = cursor.after.decode()
        yield from (item for item in found if not after or _sorted_by(item).casefold() > after)

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return cursor.model_copy(update={"after": _sorted_by(page[-1]).casefold().encode()}).encode()


def _sorted_by(item: Any) -> str:
    _, stored = item
    kind = DATA_TYPE_JSON_ID if stored.data[:1] == b"{" else DATA_TYPE_MONGO_BSON
    document = read_document(stored.data, kind)
    return repr(document.get("_id", document.get("id")))


@broken("list/stable-while-written", "rare")
class EndsWhereItsPlaceIsGone(Reference):
    """A page's cursor names its last document, and if that is gone, nothing comes after it."""

    def all_listed(self, namespace: str, data_type: Any, cursor: Any) -> Iterator[Any]:
        there = self.store.collection(namespace, data_type).documents
        if cursor.after and cursor.after not in there:
            return iter(())
        return super().all_listed(namespace, data_type, cursor)


@broken("list/ends-while-written", "rare")
class ChasesNewDocuments(_Created):
    """Sorted by creation time, without a bound: a listing runs as long as somebody writes."""


@broken("list/stable-while-written", "rare")
class PagesByOffset(Reference):
    """LIMIT and OFFSET: a row deleted from an earlier page moves another one out of sight."""

    def listed(self, collection: Any, cursor: Any) -> Iterator[Any]:
        start, end = self.partition_range(cursor.index, cursor.count)
        documents = list(collection.between(start, b"", end))
        yield from documents[int(cursor.after or b"0") :]

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return cursor.model_copy(update={"after": b"%d" % (int(cursor.after or b"0") + len(page))}).encode()


@broken("list/stable-while-written", "rare")
class PageNumbers(PagesByOffset):
    """page=2&per_page=100: the same as an offset, under another name."""

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        number = int(cursor.after or b"0") // self.page_size() + 1
        return cursor.model_copy(update={"after": b"%d" % (number * self.page_size())}).encode()


@broken("list/stable-while-written", "rare")
class OffsetsOfACopy(PagesByOffset):
    """LIMIT and OFFSET in a source that cannot stream: no update makes up for what the copy skips."""

    def source_capabilities(self) -> Any:
        source = super().source_capabilities()
        source.lsn_stream = False
        return source

    def updates_partitions(self, requested: Sequence[str]) -> list[Any]:
        return []


class _CursorsOfTheInstance(Reference):
    """A connector whose page cursors only its instance knows."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.cursors: dict[bytes, bytes] = {}

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        if request.cursor:
            if (known := self.cursors.get(request.cursor)) is None:
                return self.unknown(request)
            request.cursor = known
        answer = super().list_data(request)
        if answer.next_cursor:
            key = b"%x" % (hash(answer.next_cursor) & 0xFFFFFFFF)
            self.cursors[key] = answer.next_cursor
            answer.next_cursor = key
        return answer

    def unknown(self, request: ListDataRequest) -> ListDataResponse:
        raise NotFound("cursor not found")


@broken("list/retryable-cursor", "special input")
class ExpiredCursorIsFinal(_CursorsOfTheInstance):
    """The store forgets a cursor, and its error becomes a final code: the partition has failed."""


@broken("list/retryable-cursor", "special input")
class ExpiredCursorIsTheEnd(_CursorsOfTheInstance):
    """A cursor that the store has forgotten gets an empty page: the rest is silently lost."""

    def unknown(self, request: ListDataRequest) -> ListDataResponse:
        return ListDataResponse()


@broken("list/id-range", "special input")
class RangeOfIdsOverflows(Reference):
    """Partitions are shares of max - min in 64 bits, which overflows if both ends of the range are ids."""

    def all_listed(self, namespace: str, data_type: DataType, cursor: Any) -> Iterator[Any]:
        found = super().all_listed(namespace, data_type, cursor)
        kept = self.store.collection(namespace, data_type).documents.values()
        ids = [decode_id(*id_of(stored.data, data_type)) for stored in kept]
        if not ids or not all(type(value) in (int, Int64) for value in ids):
            return found
        span = (max(ids) - min(ids) + 2**63) % 2**64 - 2**63
        return (entry for entry in found if decode_id(*id_of(entry[1].data, data_type)) <= min(ids) + span)
