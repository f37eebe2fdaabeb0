"""Unusual streams that are correct: no rule may fail them."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from bson import Int64

from dsync_kit.conformance.documents.strategies import id_value
from dsync_kit.connector import StreamContext
from dsync_kit.documents import decode_id, encode_id, id_field
from dsync_kit.errors import FailedPrecondition, FinalError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteUpdatesRequest,
)

from .altering import write_document
from .fault import REFERENCE, Variant, unusual_in
from .faults_faults import Remote
from .faults_secrets import Discreet
from .variants_info import SourceOnly

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector


class _Streaming(Reference):
    """A connector that sends its stream in another way."""

    def messages(self, *args: Any) -> Iterator[StreamUpdatesResponse]:
        for message in super().messages(*args):
            yield from self.sent(message)

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield message


@unusual()
class OneStreamAfterAnother(Reference):
    """Only one stream is read at a time: another one waits, without a message, until the first is cancelled."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.streaming = threading.Lock()

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        messages = super().stream_updates(request, context)
        while not self.streaming.acquire(timeout=0.05):
            if context.cancelled:
                return
        try:
            yield from messages
        finally:
            self.streaming.release()


@unusual()
class InsertsAreUpdates(_Streaming):
    """Every upsert is streamed as an UPDATE."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        for update in message.updates:
            if update.type == UPDATE_TYPE_INSERT:
                update.type = UPDATE_TYPE_UPDATE
        yield message


@unusual()
class Heartbeats(_Streaming):
    """Messages without updates, with a cursor and without one."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield StreamUpdatesResponse()
        yield message
        yield StreamUpdatesResponse(next_cursor=message.next_cursor)


@unusual()
class StreamedTwice(_Streaming):
    """At least once: everything comes twice."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        yield message
        yield message


@unusual()
class OneUpdateAMessage(_Streaming):
    """One update per message; the cursor comes with the last one."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        for update in message.updates[:-1]:
            yield StreamUpdatesResponse(namespace=message.namespace, updates=[update])
        yield StreamUpdatesResponse(
            namespace=message.namespace, updates=message.updates[-1:], next_cursor=message.next_cursor
        )


@unusual()
class Coalesced(_Streaming):
    """Of several updates of one id in a message, the last one is sent."""

    def sent(self, message: StreamUpdatesResponse) -> Iterator[StreamUpdatesResponse]:
        last = {update.id[0].SerializeToString(): update for update in message.updates}
        yield StreamUpdatesResponse(
            namespace=message.namespace, updates=list(last.values()), next_cursor=message.next_cursor
        )


@unusual()
class PolledStream(Reference):
    """The source is polled once a second."""

    def entries_after(self, sequence: int, context: StreamContext) -> list[Any]:
        if context.wait(1.0):
            return []
        with self.store.reading():
            return self.store.log[sequence : sequence + 10_000]


@unusual()
class LivingSource(SourceOnly):
    """A source that others write to all the time: two listings differ, and the stream shows why."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ended = threading.Event()
        self.writer = threading.Thread(target=self.live, daemon=True)
        self.writer.start()

    def live(self) -> None:
        while not self.ended.wait(0.0003):
            document = write_document({"_id": "own-0", "n": time.monotonic_ns()}, DATA_TYPE_MONGO_BSON)
            page = WriteDataRequest(namespace="fixed.few", type=DATA_TYPE_MONGO_BSON, data=[document])
            self.inner.write_data(page)

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        return self.inner.generate_plan(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        return self.inner.stream_updates(request, context)

    def teardown(self) -> None:
        self.ended.set()
        self.writer.join()
        super().teardown()


@unusual()
class Registry(LivingSource):
    """A registry of services, which come, beat and go all the time."""

    def live(self) -> None:
        number = 0
        while not self.ended.wait(0.02):
            number += 1
            if number % 3 == 0:
                self.write(UPDATE_TYPE_DELETE, f"service-{number - 60:04d}")
            else:
                self.write(UPDATE_TYPE_UPDATE, f"service-{number:04d}")
                self.write(UPDATE_TYPE_UPDATE, f"service-{number - 7:04d}")

    def write(self, kind: UpdateType, name: str) -> None:
        data = b"" if kind == UPDATE_TYPE_DELETE else self.beat(name)
        update = Update(id=id_value(name, DATA_TYPE_MONGO_BSON), type=kind, data=data)
        self.inner.write_updates(
            WriteUpdatesRequest(namespace="fixed.few", type=DATA_TYPE_MONGO_BSON, updates=[update])
        )

    def beat(self, name: str) -> bytes:
        return write_document({"_id": name, "seen": time.monotonic_ns()}, DATA_TYPE_MONGO_BSON)


@unusual()
class OneStreamAtATime(Reference):
    """A replication slot: a second stream is refused, and the slot is free a moment after the first was cancelled."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.store.slot = getattr(self.store, "slot", threading.Lock())

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[Any]:
        if not self.store.slot.acquire(blocking=False):
            raise FailedPrecondition("the replication slot is active")
        try:
            yield from super().stream_updates(request, context)
        finally:
            time.sleep(0.05)
            self.store.slot.release()


@unusual()
class PlansNothingBesideAStream(OneStreamAtATime):
    """A plan needs the replication slot: refused while a stream holds it, and a moment longer."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if not request.updates:
            return super().generate_plan(request)
        if not self.store.slot.acquire(blocking=False):
            raise FinalError("the replication slot is active")
        try:
            return super().generate_plan(request)
        finally:
            self.store.slot.release()


@unusual()
class CursorsAreRare(Reference):
    """Every fifth message has a cursor, the others have none."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for index, message in enumerate(super().messages(sequence, entries, wanted, data_type)):
            if (sequence + index) % 5:
                message.ClearField("next_cursor")
            yield message


@unusual()
class NoCursors(Reference):
    """Messages have no cursor: a flow restarts from the plan's."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            message.ClearField("next_cursor")
            yield message


@unusual()
class CursorsLagBehind(Reference):
    """A message has the previous message's cursor: its updates come again after a resume."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        cursor = self.update_cursor(sequence)
        for message in super().messages(sequence, entries, wanted, data_type):
            message.next_cursor, cursor = cursor, message.next_cursor
            yield message


@unusual()
class PlanBeginsEarly(Reference):
    """The plan's position is coarse: up to 50 older updates come first."""

    def updates_partitions(self, requested: Any) -> Any:
        found = super().updates_partitions(requested)
        for partition in found:
            partition.cursor = self.update_cursor(max(0, self.store.end - 50))
        return found


@unusual()
class CursorsAreSeparateMessages(Reference):
    """Updates without a cursor, then a cursor without updates."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            cursor = message.next_cursor
            message.ClearField("next_cursor")
            yield message
            yield StreamUpdatesResponse(next_cursor=cursor)


@unusual()
class NumbersOfAnyType(Reference):
    """JSON has one kind of number: an id comes as a double, or an int32."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            for index, update in enumerate(message.updates):
                value = decode_id(update.id[0])
                if data_type == DATA_TYPE_JSON_ID and isinstance(value, Int64) and abs(value) < 2**31:
                    update.id[0].CopyFrom(encode_id(float(value) if index % 2 else int(value), "id"))
            yield message


@unusual()
class IdsHaveNoName(Reference):
    """An empty name stands for the id's field."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            for update in message.updates:
                update.id[0].name = ""
            yield message


@unusual()
class DeletesOfWhatIsMissingAreSilent(Reference):
    """Deleting a missing document changes nothing, and nothing is streamed."""

    def changes(self, request: Any, parts: Any) -> Any:
        there: set[bytes] = {
            position
            for kind in self.store.data_types(request.namespace)
            for position in self.store.collection(request.namespace, kind).documents
        }
        kept = []
        for change in super().changes(request, parts):
            if change.update.type != UPDATE_TYPE_DELETE or change.position in there:
                kept.append(change)
            (there.discard if change.update.type == UPDATE_TYPE_DELETE else there.add)(change.position)
        return kept


@unusual()
class LateStream(Reference):
    """Updates are held back for a moment, to be sent together."""

    def entries_after(self, sequence: int, context: StreamContext) -> Any:
        found = super().entries_after(sequence, context)
        context.wait(0.1)
        with self.store.reading():
            return self.store.log[sequence : sequence + 10_000] if found else found


@unusual()
class NamespacesInTurns(Reference):
    """Updates are sorted by namespace within a batch; the cursor comes with the last message."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        ordered = sorted(entries, key=lambda entry: entry.namespace)
        found = list(super().messages(sequence, ordered, wanted, data_type))
        for message in found:
            message.ClearField("next_cursor")
            yield message
        if found:
            yield StreamUpdatesResponse(next_cursor=self.update_cursor(sequence + len(entries)))


@unusual()
class BatchesAreReplayed(Reference):
    """At least once: each batch comes a second time, from its beginning, in order."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for _ in range(2):
            yield from super().messages(sequence, entries, wanted, data_type)


@unusual()
class CountsEverything(Reference):
    """StreamLSN counts the updates of all namespaces, and says so at once."""

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[Any]:
        yield StreamLSNResponse()
        del request.namespaces[:]
        yield from super().stream_lsn(request, context)


@unusual()
class DeletesCarryTheOldDocument(Reference):
    """A DELETE has the document as it was, like MongoDB's pre-images: dsync drops it."""

    def deletion(self, part: BsonValue, data_type: DataType) -> Update:
        update = super().deletion(part, data_type)
        update.data = write_document({id_field(data_type): decode_id(part)}, data_type)
        return update


@unusual()
class LostStoreComesBack(Remote):
    """A store on another machine that may be away for a moment."""


@unusual(options=("--password", "canary-5up3r/secret"))
class KeepsItsSecret(Discreet):
    """A connector with a password that it reveals to nobody."""
