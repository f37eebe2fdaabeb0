"""Connectors that cannot be seen from all sides, and are broken: what can be seen shows it."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bson import Int64

from dsync_kit.documents import decode, id_field
from dsync_kit.errors import FailedPrecondition, InvalidArgument, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    DataType,
    ListDataRequest,
    ListDataResponse,
    StreamUpdatesResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from . import (
    faults_durability,
    faults_limits,
    faults_updates,
    faults_write,
    variants_documents,
    variants_info,
    variants_stores,
)
from .altering import Altering, read_document, write_document
from .fault import REFERENCE, Fault, broken_in
from .variants_kinds import DumpWithItsLog, LiveTopic, Slow, StreamsOnly
from .variants_stream import Registry

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


# Sources that stream, but cannot be listed


@broken("stream/values")
class TopicOfLongs(StreamsOnly, Altering):
    """Messages are in a format with one type of integer."""

    def value(self, value: Any) -> Any:
        return Int64(value) if type(value) is int else value


@broken("stream/deletes")
class TopicWithoutTombstones(StreamsOnly):
    """A DELETE is acknowledged, but a topic has no message for it."""

    def messages(self, *args: Any) -> Iterator[StreamUpdatesResponse]:
        for message in super().messages(*args):
            kept = [update for update in message.updates if update.type != UPDATE_TYPE_DELETE]
            del message.updates[:]
            message.updates.extend(kept)
            yield message


@broken("durability/cursor", "rare")
class TopicKeepsABatch(StreamsOnly, faults_durability.PagesAreBuffered):
    """A producer that sends a batch when it is full: what it holds is lost with its process."""


@broken("info/declared-source")
class TopicPlansACopy(StreamsOnly):
    """A plan has partitions, which nothing lists."""

    partitions = REFERENCE.ReferenceConnector.partitions


@broken("stream/id-encoding")
class LiveTopicWithRawKeys(LiveTopic):
    """The key of a message is its text, without BSON's length and end."""

    def messages(self, *args: Any) -> Iterator[StreamUpdatesResponse]:
        for message in super().messages(*args):
            for update in message.updates:
                update.id[0].data = update.id[0].data[4:-1]
            yield message


@broken("stream/resume")
class LiveTopicSkipsAhead(LiveTopic):
    """What comes while a stream is opened again is skipped: it begins at the newest message."""

    def stream_start(self, data: bytes) -> int:
        super().stream_start(data)
        return int(self.store.end)


# Sinks that nobody can read


@broken("errors/malformed-document")
class WebhookIsBusy(variants_info.SinkOnly):
    """Whatever the other end refuses is answered with UNAVAILABLE, so dsync sends it again in vain."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        try:
            return super().write_data(request)  # type: ignore[no-any-return]
        except InvalidArgument as error:
            raise Unavailable(error.message) from error


@broken("limits/large-page")
class WebhookTakesFourMebibytes(variants_info.SinkOnly, faults_limits.PagesAreLimited):
    """The server's inbound limit is the default one, and nobody sees what was written."""


@broken("limits/large-document")
class TopicRefusesLargeMessagesInVain(variants_info.SinkOnly):
    """A message beyond the broker's limit is answered with UNAVAILABLE, so dsync sends it again in vain."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if any(len(document) > 1_000_000 for document in request.data):
            raise Unavailable("maximum payload exceeded")
        return super().write_data(request)  # type: ignore[no-any-return]


@broken("write/idempotent")
class QueueRefusesWhatItHas(variants_info.SinkOnly, faults_write.InsertFailsWhereThereIsOne):
    """A file for each document, which must not exist: the same page again is refused, and nobody sees what is there."""


@broken("write/concurrent", "rare")
class TopicExpectsItsSequence(variants_info.SinkOnly):
    """A message names the one before it: of two writers at once, the broker refuses one for good."""

    last = 0

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        expected = self.last
        time.sleep(0.001)
        if expected != self.last:
            raise FailedPrecondition("wrong last sequence")
        self.last += 1
        return super().write_data(request)  # type: ignore[no-any-return]


@broken("errors/missing-id")
class ArchiveSkipsWhatItCannotRead(variants_info.SinkOnly):
    """It refuses ids that are no texts, and so reads them; but documents without an id are only logged."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        with_ids = []
        for document in request.data:
            try:
                identifier = decode(document, request.type).get(id_field(request.type))
            except InvalidArgument:
                continue
            if identifier is not None and not isinstance(identifier, str):
                raise InvalidArgument("an id is a text")
            with_ids += [document] * (identifier is not None)
        kept = WriteDataRequest(namespace=request.namespace, type=request.type, data=with_ids)
        return super().write_data(kept)  # type: ignore[no-any-return]


@broken("write/empty-page")
class WebhookNeedsADocument(variants_info.SinkOnly):
    """An empty batch makes the library raise."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if not request.data:
            raise ValueError("the batch is empty")
        return super().write_data(request)  # type: ignore[no-any-return]


@broken("updates/delete-missing")
class WebhookOfWhatIsKnown(variants_info.SinkOnly):
    """The other end refuses to delete what it does not have."""

    def changes(self, request: Any, parts: Any) -> Any:
        found = super().changes(request, parts)
        known = self.store.collection(request.namespace, request.type).documents
        for change in found:
            if change.update.type == UPDATE_TYPE_DELETE and change.position not in known:
                raise KeyError("404: no such document")
        return found


# Sinks without deletes


class _Refusing(variants_stores.DeletesNothing):
    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        if any(update.type == UPDATE_TYPE_DELETE for update in request.updates):
            raise Unavailable("DELETE is not supported")
        return super().write_updates(request)  # type: ignore[no-any-return]


@broken("updates/delete")
class DeletesAreUnavailable(_Refusing):
    """DELETE can never succeed, but is refused with a code that dsync retries."""


@broken("updates/replaces-whole")
class DeletesNothingAndMerges(variants_stores.DeletesNothing):
    """An append-only table whose view shows the last value of each column, so a field that is gone stays."""

    def changes(self, request: Any, parts: Any) -> Any:
        merged = []
        for change in super().changes(request, parts):
            known = self.store.collection(request.namespace, request.type).documents.get(change.position)
            if known is not None:
                fields = read_document(known.data, request.type) | read_document(change.update.data, request.type)
                change.update.data = write_document(fields, request.type)
            merged.append(change)
        return merged


@broken("write/overwrites")
class AppendsOnly(variants_stores.DeletesNothing):
    """The first version of a document stays: there is no way to replace it."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        known = self.store.collection(namespace, data_type).documents
        super().commit(namespace, data_type, [change for change in changes if change.position not in known])


# One process at a time


@broken("durability/write-data", "rare")
class OneProcessBuffersPages(variants_stores.OneProcessAtATime, faults_durability.PagesAreBuffered):
    """An embedded store whose pages wait in memory."""


@broken("durability/starts-again", "rare")
class OneProcessLeavesItsLock(variants_stores.OneProcessAtATime):
    """A lock file that only an orderly end removes."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        holders = store.__dict__.get("holders", set())
        if holders - {store.crashes}:
            store.__dict__["holders"] = {store.crashes}
        super().__init__(settings, store)


@broken("stream/resume-elsewhere")
class OneProcessCountsFromItsStart(variants_stores.OneProcessAtATime):
    """An update cursor is a position in a list that each process begins again."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store)
        self.began = self.store.end

    def stream_start(self, data: bytes) -> int:
        return max(self.began, super().stream_start(data))


# Slow stores


@broken("list/many-pages", "special input")
class SlowAndDropsAPage(Slow):
    """Each call takes 30 ms, and the second page ends a listing."""

    def next_cursor(self, cursor: Any, page: Any) -> bytes:
        return super().next_cursor(cursor, page) if not cursor.after else b""


@broken("updates/order-in-call")
class SlowAndSorted(Slow):
    """Each call takes 30 ms, and a batch is sorted: deletes last."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        ordered = sorted(request.updates, key=lambda update: update.type == UPDATE_TYPE_DELETE)
        return super().write_updates(  # type: ignore[no-any-return]
            WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=ordered)
        )


# Sources that only others write to


@broken("flow/live-source")
class RegistryWithoutDeletes(Registry):
    """The watch asks for puts alone: a service that is gone stays at the other end."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[StreamUpdatesResponse]:
        for message in super().stream_updates(request, context):
            kept = [update for update in message.updates if update.type != UPDATE_TYPE_DELETE]
            del message.updates[:]
            message.updates.extend(kept)
            yield message


# Sources whose data never changes


@broken("stream/resume")
class LogOfSeconds(DumpWithItsLog):
    """A cursor names the second of an update, so a resume skips what else has changed in that second."""

    def cursor(self, sequence: int) -> bytes:
        return super().cursor(min(sequence + (self.dumped - sequence) % 5, len(self.log)))


@broken("flow/live-source")
class DumpOfSmallNumbers(DumpWithItsLog):
    """Listed documents pass through a library with one type of integer; the log is streamed as it is."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        page = super().list_data(request)
        if request.type == DATA_TYPE_MONGO_BSON:
            page.data[:] = [self.narrow(document) for document in page.data]
        return page

    def narrow(self, document: bytes) -> bytes:
        fields = read_document(document, DATA_TYPE_MONGO_BSON)
        return write_document(fields | {"n": int(fields["n"])}, DATA_TYPE_MONGO_BSON)


# Hashes whose fields are texts


@broken("write/overwrites")
class HashesAreMerged(faults_write.MergesOnWrite, variants_documents.TextsOnly):
    """HSET without DEL: the fields that a new document lacks stay."""


@broken("updates/partial")
class HashesKeepWhatIsUnset(faults_updates.UnsetIsIgnored, variants_documents.TextsOnly):
    """A partial update sets fields, and removes none."""
