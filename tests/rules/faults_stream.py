"""Connectors whose streams are wrong, or leave updates out."""

import time
from collections.abc import Iterator
from typing import Any

from bson import Int64, ObjectId

from dsync_kit.connector import StreamContext
from dsync_kit.documents import decode, decode_id, encode, encode_id, id_field, id_key
from dsync_kit.errors import FailedPrecondition, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UNKNOWN,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    ListDataRequest,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

from .altering import read_document, write_document
from .fault import CURSORS, REFERENCE, Fault, broken_in

__all__ = ["FAULTS", "Messages", "Updates"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class Messages(Reference):
    """A connector that sends other messages than it should."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            yield from self.sent(message, data_type)

    def sent(self, message: StreamUpdatesResponse, data_type: DataType) -> Iterator[StreamUpdatesResponse]:
        """What is sent instead of a message."""
        changed = [self.update(update, data_type) for update in message.updates]
        del message.updates[:]
        message.updates.extend(update for update in changed if update is not None)
        yield message

    def update(self, update: Update, data_type: DataType) -> Update | None:
        """What is sent instead of an update; None for nothing."""
        return update


class Updates(Messages):
    """A connector that sends other updates; `copy` is an update that may be changed."""

    def update(self, update: Update, data_type: DataType) -> Update | None:
        copy = Update()
        copy.CopyFrom(update)
        return self.changed(copy, data_type)

    def changed(self, copy: Update, data_type: DataType) -> Update | None:
        return copy


# What does not even open


@broken("stream/opens")
class StreamIsMissing(Reference):
    """The plan promises updates that nobody has implemented yet."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        raise Unimplemented("StreamUpdates")


@broken("stream/opens")
class PlanCursorIsAnotherKind(Reference):
    """The stream can read its own cursors, but not the plan's."""

    def stream_start(self, data: bytes) -> int:
        return int(CURSORS.PageCursor.decode(data).bound)


@broken("stream/opens")
class StreamFailsAtTheFirstUpdate(Messages):
    """A conversion that was never run raises."""

    def update(self, update: Update, data_type: DataType) -> Update | None:
        raise TypeError("unsupported operand type(s)")


# What an update says


@broken("stream/namespace-named")
class NamespaceIsLeftOut(Messages):
    """With one requested namespace, it seems obvious."""

    def sent(self, message: StreamUpdatesResponse, data_type: DataType) -> Iterator[StreamUpdatesResponse]:
        message.namespace = ""
        yield message


@broken("stream/update-type")
class TypeIsLeftOut(Updates):
    """The type is not set."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        copy.type = UPDATE_TYPE_UNKNOWN
        return copy


@broken("stream/update-type", "special input")
class DeleteHasNoType(Updates):
    """The log's letters for insert and update are mapped, but not that for delete."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        if copy.type == UPDATE_TYPE_DELETE:
            copy.type = UPDATE_TYPE_UNKNOWN
        return copy


class _Ids(Updates):
    """A connector that sends other ids."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        parts = [self.id(part, decode_id(part), data_type) for part in copy.id]
        del copy.id[:]
        copy.id.extend(parts)
        return copy

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return part


@broken("stream/id-encoding")
class IdIsRawText(_Ids):
    """The most common mistake: the id's text unchanged."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return BsonValue(data=str(value).encode(), type=2, name=part.name)


@broken("stream/id-encoding", "special input")
class TextIdIsRaw(_Ids):
    """Only texts are encoded by hand."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return BsonValue(data=value.encode(), type=2, name=part.name) if isinstance(value, str) else part


@broken("stream/id-encoding")
class IdIsAWholeDocument(_Ids):
    """A BSON document around the value, because the library encodes nothing else."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return BsonValue(data=encode({"": value}, DATA_TYPE_MONGO_BSON), type=part.type, name=part.name)


@broken("stream/id-encoding")
class IdHasNoType(_Ids):
    """The type is left 0."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return BsonValue(data=part.data, name=part.name)


@broken("stream/id-encoding")
class IdIsMissing(Updates):
    """The document has its id: why send it twice?"""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        del copy.id[:]
        return copy


@broken("stream/id-encoding", "special input")
class DeleteHasNoId(Updates):
    """The old key is not in the log unless the table is configured to write it."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        if copy.type == UPDATE_TYPE_DELETE:
            del copy.id[:]
        return copy


@broken("stream/ids")
class IdIsText(_Ids):
    """Each id becomes text."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(str(value), part.name)


@broken("stream/ids", "special input")
class ObjectIdIsHex(_Ids):
    """An ObjectId as its hexadecimal digits."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(str(value), part.name) if isinstance(value, ObjectId) else part


@broken("stream/ids", "special input")
class Int32IdIsInt64(_Ids):
    """The language has one kind of integer."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(Int64(value), part.name) if part.type == 16 else part


@broken("stream/ids", "special input")
class LargeIdLosesDigits(_Ids):
    """Integers pass through floating point."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(Int64(int(float(value)) % 2**63), part.name) if part.type == 18 else part


@broken("stream/ids", "special input")
class IdIsLowerCase(_Ids):
    """Keys are compared without case, and stored so."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(value.lower(), part.name) if isinstance(value, str) else part


@broken("stream/ids", "special input")
class DeletedIdIsText(_Ids):
    """A DELETE's id comes from the key column of the log, which is text."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        return super().changed(copy, data_type) if copy.type == UPDATE_TYPE_DELETE else copy

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return encode_id(str(value), part.name)


@broken("stream/id-name")
class IdIsNamedKey(_Ids):
    """It has the column's name instead of the field's."""

    def id(self, part: BsonValue, value: Any, data_type: DataType) -> BsonValue:
        return BsonValue(data=part.data, type=part.type, name="key")


class _Documents(Updates):
    """A connector that sends other documents."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        if copy.type != UPDATE_TYPE_DELETE:
            copy.data = self.document(copy, data_type)
        return copy

    def document(self, copy: Update, data_type: DataType) -> bytes:
        return copy.data


@broken("stream/documents")
class DocumentIsLeftOut(_Documents):
    """Only ids are streamed: the sink could look up the documents."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        return b""


@broken("stream/documents")
class DocumentLacksItsId(_Documents):
    """The id is removed from the document, because it is beside it."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        document = decode(copy.data, data_type)
        del document[id_field(data_type)]
        return encode(document, data_type)


@broken("stream/documents", "special input")
class DocumentIsOfTheOtherType(_Documents):
    """The stream sends BSON, whatever type is requested."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        return encode(decode(copy.data, data_type), DATA_TYPE_MONGO_BSON)


@broken("stream/documents", "special input")
class UpdateIsADiff(_Documents):
    """An UPDATE carries the fields that changed, without the id."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        if copy.type != UPDATE_TYPE_UPDATE:
            return copy.data
        document = decode(copy.data, data_type)
        return encode({"$set": {name: value for name, value in document.items() if name != "_id"}}, data_type)


@broken("stream/documents")
class DocumentIsWrapped(_Documents):
    """The envelope of the change log is passed on."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        return encode({"before": None, "after": decode(copy.data, data_type)}, data_type)


# What does not come


class _Left(Messages):
    """A connector that leaves updates out; the messages and their cursors stay."""

    def update(self, update: Update, data_type: DataType) -> Update | None:
        return update if self.comes(update) else None

    def comes(self, update: Update) -> bool:
        return True


@broken("stream/inserts")
class InsertsAreLeftOut(_Left):
    """The copy supposedly brings new documents."""

    def comes(self, update: Update) -> bool:
        return update.type != UPDATE_TYPE_INSERT


@broken("stream/inserts")
class NothingComes(Reference):
    """The stream is open, but silent."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return False


@broken("stream/inserts", "special input")
class OnlyTheFirstOfACallComes(Messages):
    """Only one change of each transaction is read."""

    def sent(self, message: StreamUpdatesResponse, data_type: DataType) -> Iterator[StreamUpdatesResponse]:
        del message.updates[1:]
        yield message


@broken("stream/overwrites")
class UpdatesAreLeftOut(_Left):
    """The log in use has only inserts and deletes."""

    def comes(self, update: Update) -> bool:
        return update.type != UPDATE_TYPE_UPDATE


@broken("stream/overwrites", "special input")
class EachIdComesOnce(Messages):
    """An id that was sent before counts as a duplicate."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        known: set[bytes] = set()
        for message in super().stream_updates(request, context):
            fresh = [update for update in message.updates if id_key(update.id) not in known]
            known |= {id_key(update.id) for update in message.updates if update.type != UPDATE_TYPE_DELETE}
            del message.updates[:]
            message.updates.extend(fresh)
            yield message


@broken("stream/unchanged-fields", "special input")
class LargeTextsAreNotInTheLog(Reference):
    """Large values that an update does not change are stored elsewhere, and the log has a placeholder."""

    def streamed(self, entry: Any, data_type: DataType) -> Update:
        update = super().streamed(entry, data_type)
        if update.type != UPDATE_TYPE_UPDATE:
            return update
        document = {
            name: "__unavailable_value" if isinstance(value, str) and len(value) >= 2000 else value
            for name, value in read_document(update.data, data_type).items()
        }
        return Update(id=update.id, type=update.type, data=write_document(document, data_type))


@broken("stream/long-ids", "rare")
class ChangeTableCutsIds(Reference):
    """The key's column in the table of changes is a VARCHAR(255)."""

    def streamed(self, entry: Any, data_type: DataType) -> Update:
        update = super().streamed(entry, data_type)
        value = decode_id(update.id[0])
        if update.type != UPDATE_TYPE_DELETE or not isinstance(value, str):
            return update
        return Update(id=[encode_id(value[:255], update.id[0].name)], type=update.type)


@broken("stream/overwrites", "special input")
class OldStateIsSent(Reference):
    """The image before the change instead of the one after it."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            for index, update in enumerate(message.updates):
                before = self._before(message.namespace, update, sequence + index, data_type)
                if update.type == UPDATE_TYPE_UPDATE and before is not None:
                    update.data = before
            yield message

    def _before(self, namespace: str, update: Update, sequence: int, data_type: DataType) -> bytes | None:
        for entry in reversed(self.store.log[:sequence]):
            if entry.namespace == namespace and entry.data_type == data_type and entry.update.id == update.id:
                return bytes(entry.update.data) or None
        return None


@broken("stream/overwrites", "special input")
class ChangesAreSeenBySize(OldStateIsSent):
    """A document whose size is what it was before counts as unchanged."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in Reference.messages(self, sequence, entries, wanted, data_type):
            changed = [
                update
                for index, update in enumerate(message.updates)
                if len(self._before(message.namespace, update, sequence + index, data_type) or b"") != len(update.data)
                or update.type != UPDATE_TYPE_UPDATE
            ]
            del message.updates[:]
            message.updates.extend(changed)
            yield message


@broken("stream/deletes")
class DeletesAreLeftOut(_Left):
    """A query for changes does not find deleted documents."""

    def comes(self, update: Update) -> bool:
        return update.type != UPDATE_TYPE_DELETE


@broken("stream/deletes")
class DeleteIsAMark(Updates):
    """Deletes are soft: the document comes with a flag."""

    def changed(self, copy: Update, data_type: DataType) -> Update:
        if copy.type == UPDATE_TYPE_DELETE:
            copy.type = UPDATE_TYPE_UPDATE
            copy.data = encode({id_field(data_type): decode_id(copy.id[0]), "deleted": True}, data_type)
        return copy


@broken("stream/deletes", "special input")
class MovesAreLeftOut(Reference):
    """Changes come from commits, in which a document that moves to another id is neither deleted nor new."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.moved: set[int] = set()

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        gone = [
            self.content(known[change.position].data, data_type)
            for change in changes
            if change.update.type == UPDATE_TYPE_DELETE and change.position in known
        ]
        new = [self.content(change.update.data, data_type) for change in changes if change.position not in known]
        before = self.store.end
        super().commit(namespace, data_type, changes)
        if any(self.same(one, other) for one in new for other in gone):
            self.moved |= {id(entry) for entry in self.store.log[before:]}

    def content(self, data: bytes, data_type: DataType) -> dict[str, Any]:
        fields = read_document(data, data_type) if data else {}
        return {name: value for name, value in fields.items() if name != id_field(data_type)}

    def same(self, one: Any, other: Any) -> bool:
        return bool(one == other)

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return id(entry) not in self.moved and super().is_wanted(entry, wanted)


@broken("stream/deletes", "special input")
class SimilarDocumentsAreMoves(MovesAreLeftOut):
    """A document that has most of another one's 64-byte blocks counts as that one under a new name."""

    def content(self, data: bytes, data_type: DataType) -> list[bytes]:  # type: ignore[override]
        return [data[start : start + 64] for start in range(0, len(data), 64)]

    def same(self, one: list[bytes], other: list[bytes]) -> bool:
        return bool(one) and sum(block in other for block in one) > 0.6 * len(one)


@broken("stream/write-data")
class PagesAreNotInTheLog(Reference):
    """The bulk loader bypasses the log."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.bulk: set[int] = set()

    def write_data(self, request: WriteDataRequest) -> Any:
        before = self.store.end
        answer = super().write_data(request)
        self.bulk |= {id(entry) for entry in self.store.log[before:]}
        return answer

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return id(entry) not in self.bulk and bool(super().is_wanted(entry, wanted))


@broken("stream/from-plan")
class StreamBeginsNow(Reference):
    """The cursor is ignored: the stream begins when it is opened."""

    def stream_start(self, data: bytes) -> int:
        super().stream_start(data)
        return int(self.store.end)


@broken("stream/from-plan")
class StreamBeginsAMomentLate(Reference):
    """The stream begins at the end of the log when its connection is established: writes until then are lost."""

    def stream_start(self, data: bytes) -> int:
        super().stream_start(data)
        time.sleep(0.05)
        return int(self.store.end)


@broken("stream/while-listing", "special input")
class PositionIsTakenAfterTheCopy(Reference):
    """The stream begins where the last page was read."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.read_at = 0

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        self.read_at = 0
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        self.read_at = self.store.end
        return super().list_data(request)

    def stream_start(self, data: bytes) -> int:
        return max(super().stream_start(data), self.read_at)


class _Batches(Messages):
    """A connector that sends the updates of a message in another order."""

    def sent(self, message: StreamUpdatesResponse, data_type: DataType) -> Iterator[StreamUpdatesResponse]:
        ordered = self.ordered(list(message.updates))
        del message.updates[:]
        message.updates.extend(ordered)
        yield message

    def ordered(self, updates: list[Update]) -> list[Update]:
        return updates


@broken("stream/order", "special input")
class UpdatesAreReversed(_Batches):
    """The newest first, as the log's index gives them."""

    def ordered(self, updates: list[Update]) -> list[Update]:
        return updates[::-1]


@broken("stream/order", "special input")
class DeletesComeFirst(_Batches):
    """Updates are collected by kind, and deletes are sent first."""

    def ordered(self, updates: list[Update]) -> list[Update]:
        return sorted(updates, key=lambda update: update.type != UPDATE_TYPE_DELETE)


@broken("stream/order", "special input")
class DeletesComeLast(_Batches):
    """Updates are collected by kind, and deletes are sent last."""

    def ordered(self, updates: list[Update]) -> list[Update]:
        return sorted(updates, key=lambda update: update.type == UPDATE_TYPE_DELETE)


@broken("stream/order", "special input")
class TheFirstOfABatchIsKept(_Batches):
    """Of several updates of one id in a batch, the first is kept, as if it were the newest."""

    def ordered(self, updates: list[Update]) -> list[Update]:
        first: dict[bytes, Update] = {}
        for update in updates:
            first.setdefault(id_key(update.id), update)
        return list(first.values())


@broken("stream/order", "special input")
class UpdatesAreSortedByDocument(_Batches):
    """A batch is kept in a sorted map of key and value."""

    def ordered(self, updates: list[Update]) -> list[Update]:
        return sorted(updates, key=lambda update: (id_key(update.id), update.data))


class _Values(_Documents):
    """A connector that changes the values of BSON documents on their way into the stream."""

    def document(self, copy: Update, data_type: DataType) -> bytes:
        if data_type != DATA_TYPE_MONGO_BSON:
            return copy.data
        document = decode(copy.data, data_type)
        own = document.pop("_id")
        return encode({"_id": own, **{name: self.value(value) for name, value in document.items()}}, data_type)

    def value(self, value: Any) -> Any:
        return value


@broken("stream/values", "special input")
class IntegersBecomeFloats(_Values):
    """The stream goes through JSON, but the listing does not."""

    def value(self, value: Any) -> Any:
        return float(value) if type(value) in (int, Int64) else value


@broken("stream/values", "special input")
class ObjectIdsBecomeText(_Values):
    """The stream's encoder knows only plain types."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, ObjectId) else value


@broken("stream/values", "special input")
class EmptyTextIsLost(_Values):
    """The stream's decoder takes empty text as null."""

    def value(self, value: Any) -> Any:
        return None if value == "" else value


@broken("stream/many", "special input")
class BatchIsCut(Reference):
    """A query for the next 1,000 changes, but the position moves to the end."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        return super().messages(sequence, entries[:1000], wanted, data_type)


@broken("stream/many", "special input")
class OneIsLostAtEachBound(Messages):
    """`greater than` instead of `greater or equal` where a batch continues."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for index, message in enumerate(super().messages(sequence, entries, wanted, data_type)):
            if index and len(message.updates) > 1:
                del message.updates[0]
            yield message


@broken("stream/many", "rare")
class LateCommitsAreSkipped(Reference):
    """Rows are numbered as they are written, and seen when their transaction ends: a reader may be further by then."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.uncommitted: set[int] = set()

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        with self.store.writing():
            before = self.store.end
            answer = super().write_updates(request)
            written = {id(entry) for entry in self.store.log[before:]}
            self.uncommitted |= written
        time.sleep(len(written) / 20_000)
        self.uncommitted -= written
        self.store.notify()
        return answer

    def entries_after(self, sequence: int, context: StreamContext) -> Any:
        while entries := super().entries_after(sequence, context):
            while entries and not self.is_there(entries[-1]):
                entries.pop()
            if entries:
                break
            context.wait(0.001)
        return entries

    def is_there(self, entry: Any) -> bool:
        return id(entry) not in self.uncommitted

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return self.is_there(entry) and super().is_wanted(entry, wanted)


# Namespaces


@broken("stream/namespaces")
class FilterIsIgnored(Reference):
    """The request's namespaces are ignored."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return True


@broken("stream/namespaces", "special input")
class FilterIsAPrefix(Reference):
    """Namespaces are matched by their beginning."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return not wanted or any(entry.namespace.partition(".")[0] == name.partition(".")[0] for name in wanted)


@broken("stream/namespaces", "special input")
class FilterTakesLongerNames(Reference):
    """`namespace LIKE 'shop.orders%'` also matches shop.orders_archive."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return not wanted or entry.namespace.startswith(tuple(wanted))


@broken("stream/namespaces", "special input")
class FilterFoldsCase(Reference):
    """A stream's namespaces are compared without case, like names of tables."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return not wanted or entry.namespace.casefold() in {name.casefold() for name in wanted}


@broken("stream/namespaces-apart", "special input")
class OnlyTheFirstNamespaceIsStreamed(Reference):
    """One change stream, for one collection."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        del request.namespaces[1:]
        return super().stream_updates(request, context)


@broken("stream/namespaces-apart", "special input")
class MessagesMixNamespaces(Reference):
    """A batch gets the namespace of its first update."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        if kept := [entry for entry in entries if self.is_wanted(entry, wanted)]:
            mixed = [entry._replace(namespace=kept[0].namespace) for entry in kept]
            yield from super().messages(sequence + len(entries) - len(kept), mixed, frozenset(), data_type)


@broken("stream/all-namespaces", "special input")
class NoNamespacesMeansNone(Reference):
    """An empty filter matches nothing."""

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return entry.namespace in wanted


@broken("stream/new-namespace", "special input")
class NamespacesAreThoseOfThePlan(Reference):
    """The namespaces to stream are fixed when the plan is made."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        with self.store.reading():
            self.known = frozenset(self.store.namespaces())
        return super().generate_plan(request)

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return entry.namespace in (wanted or self.known)


@broken("stream/partial-updates", "special input")
class PartialUpdateIsStreamedAsItIs(Reference):
    """The changed fields of a partial update are logged as the document."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.partial: dict[bytes, bytes] = {}

    def whole_update(self, update: Update, part: BsonValue, current: bytes | None, data_type: DataType) -> Update:
        whole = super().whole_update(update, part, current, data_type)
        if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            fields = {id_field(data_type): decode_id(part), **decode(update.data, data_type)}
            self.partial[bytes(whole.data)] = encode(fields, data_type)
        return whole

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            for update in message.updates:
                update.data = self.partial.get(bytes(update.data), update.data)
            yield message


class _Emptied(Messages):
    """What happens to a stream when a namespace has lost its last document."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            yield message
            deletes = any(update.type == UPDATE_TYPE_DELETE for update in message.updates)
            if deletes and not self.store.count(message.namespace):
                self.emptied(message.namespace)

    def emptied(self, namespace: str) -> None:
        raise NotImplementedError


@broken("stream/emptied", "special input")
class StreamEndsWithTheLastDocument(_Emptied):
    """A namespace without documents is dropped, and its stream is invalidated."""

    def emptied(self, namespace: str) -> None:
        raise FailedPrecondition("the collection was dropped")


@broken("stream/emptied", "special input")
class EmptiedNamespaceIsForgotten(_Emptied):
    """A stream watches the existing namespaces: one that becomes empty is no longer watched."""

    def emptied(self, namespace: str) -> None:
        self.__dict__.setdefault("forgotten", set()).add(namespace)

    def is_wanted(self, entry: Any, wanted: frozenset[str]) -> bool:
        return super().is_wanted(entry, wanted) and entry.namespace not in self.__dict__.get("forgotten", ())
