"""Connectors whose WriteData loses, duplicates or mixes up documents."""

import threading
import time
from collections.abc import Sequence
from posixpath import normpath
from typing import Any
from unicodedata import category, normalize
from urllib.parse import unquote, unquote_plus

from bson import Binary, ObjectId
from grpc import StatusCode

from dsync_kit.documents import decode_id, encode_id, id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    BsonValue,
    DataType,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

from .altering import Altering, read_document, write_document
from .fault import REFERENCE, STORE, Fault, broken_in
from .pooled import Pooled

__all__ = ["FAULTS", "DocumentsByText", "Keyed"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector
Change = STORE.Change


def _request(request: WriteDataRequest, documents: list[bytes]) -> WriteDataRequest:
    return WriteDataRequest(namespace=request.namespace, type=request.type, data=documents)


@broken("write/accepts", "special input")
class NegativeNumbersOverflow(Altering):
    """Numbers go into unsigned columns, and nobody has thought of those below 0."""

    def deep(self, value: Any) -> Any:
        if isinstance(value, int | float) and value < 0:
            raise OverflowError("can't convert negative int to unsigned")
        return value


@broken("encoding/bson-text", "special input")
class QuotesBreakTheStatement(Altering):
    """Texts go into a statement unescaped: a quote ends it early."""

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and "'" in value:
            raise RuntimeError("unterminated quoted string at or near")
        return value


@broken("write/read-back")
class LastOfThePageLost(Reference):
    """data[:-1], where the last item was once a marker."""

    def write_data(self, request: WriteDataRequest) -> Any:
        return super().write_data(_request(request, list(request.data)[:-1]))


@broken("write/read-back", "special input")
class PageAsATable(Reference):
    """A page becomes a table: a field that a document lacks, and another has, becomes null."""

    def write_data(self, request: WriteDataRequest) -> Any:
        documents = [read_document(data, request.type) for data in request.data]
        names = {name: None for document in documents for name in document}
        whole = [write_document({**names, **document}, request.type) for document in documents]
        return super().write_data(_request(request, whole))


@broken("write/read-back", "special input")
class ColumnsOfTheFirstDocument(Reference):
    """The first document of a page makes the schema: the others lose fields that it lacks."""

    def write_data(self, request: WriteDataRequest) -> Any:
        documents = [read_document(data, request.type) for data in request.data]
        names = set(documents[0]) if documents else set()
        cut = [{name: value for name, value in document.items() if name in names} for document in documents]
        return super().write_data(_request(request, [write_document(document, request.type) for document in cut]))


class _Buffering(Reference):
    """A connector that answers before it writes."""

    size = 5

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.buffer: list[WriteDataRequest] = []

    def write_data(self, request: WriteDataRequest) -> Any:
        self.buffer.append(request)
        if sum(len(held.data) for held in self.buffer) >= self.size:
            self.flush()
        return REFERENCE.WriteDataResponse()

    def flush(self) -> None:
        held, self.buffer = self.buffer, []
        for request in held:
            super().write_data(request)


@broken("write/read-back")
class FlushesBySizeOnly(_Buffering):
    """Documents wait in a buffer until it is full: the rest at the end is never written."""


@broken("write/read-back")
class FlushesAtTeardown(_Buffering):
    """The rest of the buffer is written at teardown, which a remote connector never gets."""

    size = 1 << 30

    def teardown(self) -> None:
        self.flush()
        super().teardown()


@broken("write/several-pages")
class PageReplacesTheNamespace(Reference):
    """The file of a namespace is opened for writing, not for appending."""

    def write_data(self, request: WriteDataRequest) -> Any:
        collection = self.store.collection(request.namespace, request.type)
        removals = [
            Change(position, Update(id=stored_id(stored.data, request.type), type=UPDATE_TYPE_DELETE))
            for position, stored in list(collection.documents.items())
        ]
        with self.store.writing():
            self.commit(request.namespace, request.type, removals)
        return super().write_data(request)


@broken("write/several-pages")
class OnePageBehind(_Buffering):
    """A page is written when the next one comes."""

    def write_data(self, request: WriteDataRequest) -> Any:
        self.flush()
        return super().write_data(request)

    def flush(self) -> None:
        if len(self.buffer) != 1 or self.buffer[0].data:
            super().flush()


def stored_id(document: bytes, data_type: DataType) -> list[BsonValue]:
    """The id of a stored document."""
    return [REFERENCE.id_of(document, data_type)[0]]


class Keyed(Reference):
    """A connector that treats ids as the same if their keys are equal."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        position = super().position(part, data_type)
        key = self.key(decode_id(part), part)
        return position if key is None else key.rjust(4, b"\0")

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        """The key of an id; None for ids that are correctly kept apart."""
        return None


@broken("write/idempotent")
class Appends(Reference):
    """INSERT without a check for the id: a repeated page is there twice."""

    appended = 0

    def insertion(self, document: bytes, data_type: DataType) -> Any:
        change = super().insertion(document, data_type)
        self.appended += 1
        return Change(change.position + b"#%d" % self.appended, change.update)


@broken("write/idempotent")
class InsertFailsWhereThereIsOne(Reference):
    """Plain INSERT: the second time, the store refuses the key."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        if any(change.update.type == UPDATE_TYPE_INSERT and change.position in known for change in changes):
            raise ConnectorError("duplicate key value violates unique constraint", StatusCode.ALREADY_EXISTS)
        super().commit(namespace, data_type, changes)


@broken("write/overwrites")
class KeepsTheOldDocument(Reference):
    """INSERT … ON CONFLICT DO NOTHING: the existing document stays."""

    def write_data(self, request: WriteDataRequest) -> Any:
        known = self.store.collection(request.namespace, request.type).documents
        new = [data for data in request.data if self.insertion(data, request.type).position not in known]
        return super().write_data(_request(request, new))


@broken("write/overwrites", "special input")
class MergesOnWrite(Reference):
    """$set with the new fields, instead of replacing the document: old fields survive."""

    def write_data(self, request: WriteDataRequest) -> Any:
        known = self.store.collection(request.namespace, request.type).documents
        merged = []
        for data in request.data:
            old = known.get(self.insertion(data, request.type).position)
            fields = read_document(old.data, request.type) if old else {}
            merged.append(write_document({**fields, **read_document(data, request.type)}, request.type))
        return super().write_data(_request(request, merged))


@broken("write/overwrites", "special input")
class SameSizeIsUnchanged(Reference):
    """A document of the same length as the existing one counts as the same, as for rsync."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        changed = [
            change
            for change in changes
            if change.update.type == UPDATE_TYPE_DELETE
            or change.position not in known
            or len(known[change.position].data) != len(change.update.data)
        ]
        super().commit(namespace, data_type, changed)


@broken("write/repeated-ids", "special input")
class BatchRefusesRepeatedIds(Reference):
    """ON CONFLICT DO UPDATE cannot change a row twice in one statement."""

    def write_data(self, request: WriteDataRequest) -> Any:
        positions = [self.insertion(data, request.type).position for data in request.data]
        if len(set(positions)) < len(positions):
            raise RuntimeError("ON CONFLICT DO UPDATE command cannot affect row a second time")
        return super().write_data(request)


@broken("write/repeated-ids", "special input")
class RepeatedIdsAreBothKept(Reference):
    """Documents that are not in the store yet are inserted: twice, if they are on the page twice."""

    def write_data(self, request: WriteDataRequest) -> Any:
        changes, seen = [], set()
        for data in request.data:
            change = self.insertion(data, request.type)
            changes.append(Change(change.position + b"#" * (change.position in seen), change.update))
            seen.add(change.position)
        with self.store.writing():
            self.commit(request.namespace, request.type, changes)
        return REFERENCE.WriteDataResponse()


class _Renaming(Reference):
    """A connector that stores a namespace under another name."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(self.kept(namespace), data_type, changes)

    def write_updates(self, request: Any) -> Any:
        request.namespace = self.kept(request.namespace)
        return super().write_updates(request)

    def list_data(self, request: Any) -> Any:
        request.partition.namespace = self.kept(request.partition.namespace)
        return super().list_data(request)

    def partition_count(self, namespace: str) -> int:
        return super().partition_count(self.kept(namespace))

    def count(self, namespace: str) -> int:
        return super().count(self.kept(namespace))

    def kept(self, namespace: str) -> str:
        return namespace


@broken("write/isolates-namespaces")
class OneTableForAll(_Renaming):
    """The namespace is not part of the key."""

    def kept(self, namespace: str) -> str:
        return "documents"


@broken("write/isolates-namespaces", "special input")
class NamespacesCleaned(_Renaming):
    """Characters that a table's name may not have become `_`: `a-b` and `a_b` are one table."""

    def kept(self, namespace: str) -> str:
        return "".join(letter if letter.isalnum() else "_" for letter in namespace)


@broken("write/isolates-namespaces", "special input")
class NamespacesInLowerCase(_Renaming):
    """Unquoted names are folded: `Orders` and `orders` are one table."""

    def kept(self, namespace: str) -> str:
        return namespace.lower()


@broken("write/isolates-namespaces", "special input")
class NamespacesTrimmed(_Renaming):
    """Names come from a list that is split at commas, and are trimmed."""

    def kept(self, namespace: str) -> str:
        return namespace.strip()


@broken("write/isolates-namespaces", "special input")
class EmptyPartsLeftOut(_Renaming):
    """A name is split at its dots, and empty parts are dropped: `a..b` is `a.b`."""

    def kept(self, namespace: str) -> str:
        return ".".join(part for part in namespace.split(".") if part)


@broken("write/namespace-and-id", "special input")
class KeyIsNamespaceAndId(Reference):
    """Objects are named `namespace/id`: `a/b` in `shop` is `b` in `shop/a`."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        written = {self._key(namespace, change.update.id) for change in changes}
        for other in self.store.namespaces():
            for position, stored in list(self.store.collection(other, data_type).documents.items()):
                parts = id_of(stored.data, data_type)
                if other != namespace and self._key(other, parts) in written:
                    super().commit(other, data_type, [Change(position, Update(id=parts, type=UPDATE_TYPE_DELETE))])
        super().commit(namespace, data_type, changes)

    def _key(self, namespace: str, parts: Sequence[BsonValue]) -> str:
        return f"{namespace}/{decode_id(parts[0])}"


@broken("write/isolates-namespaces", "special input")
class CollectionOnly(_Renaming):
    """The database of `db.collection` is dropped: two databases with a collection of the same name collide."""

    def kept(self, namespace: str) -> str:
        return namespace.rpartition(".")[2]


@broken("write/isolates-namespaces", "rare")
class NamespacesCut(_Renaming):
    """Names are cut after 63 characters, which PostgreSQL does without an error."""

    def kept(self, namespace: str) -> str:
        return namespace[:63]


@broken("write/empty-page")
class EmptyPageFails(Reference):
    """The store refuses an empty batch: Expected a non-empty list."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if not request.data:
            raise ValueError("Invalid operation, no operations specified")
        return super().write_data(request)


@broken("write/empty-page")
class EmptyPageIsInvalid(Reference):
    """An empty page counts as a mistake of the caller."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if not request.data:
            raise InvalidArgument("there are no documents")
        return super().write_data(request)


@broken("write/large-page", "special input")
class PageCutAtAThousand(Reference):
    """The store accepts 1,000 items per batch, and the rest is dropped."""

    def write_data(self, request: WriteDataRequest) -> Any:
        return super().write_data(_request(request, list(request.data)[:1000]))


@broken("write/large-page", "special input")
class TooManyParameters(Reference):
    """A statement with a parameter for each value: beyond a limit, the store refuses it."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if len(request.data) > 999:
            raise RuntimeError("too many SQL variables")
        return super().write_data(request)


@broken("write/large-page", "rare")
class LastChunkLost(Reference):
    """A page is written in chunks of 400, and the remainder is forgotten."""

    def write_data(self, request: WriteDataRequest) -> Any:
        documents = list(request.data)
        whole = len(documents) // 400 * 400
        return super().write_data(_request(request, documents[:whole] if whole else documents))


@broken("write/id-kinds", "special input")
class DocumentsByText(Keyed):
    """Ids become text: 5 and "5" are one."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return str(value).encode()


@broken("write/id-kinds", "special input")
class IdsByBytes(Keyed):
    """Ids are keyed by their bytes, without the type: a date and a long with the same bytes are one."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return part.data


@broken("write/similar-ids", "rare")
class IdsFoldCase(Keyed):
    """The collation of the key's column ignores case: `a` and `A` are one."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value.casefold().encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class IdsTrimmed(Keyed):
    """A CHAR column: trailing spaces do not count."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value.rstrip().encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class IdsEscapedBadly(Keyed):
    """Ids become file names, and `/` becomes `_`."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value.replace("/", "_").encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class IdsNormalised(Keyed):
    """The file system normalises Unicode: two spellings of é are one."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        from unicodedata import normalize

        return normalize("NFC", value).encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class IdsIndexedByTheirBeginning(Keyed):
    """The key's column has a unique index on the first 64 characters."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value[:64].encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class LongIdsAreDoubles(Keyed):
    """Numbers are compared as doubles: beyond 2^53, two of them are one."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return float(value).hex().encode() if isinstance(value, int) and abs(value) >= 2**53 else None


@broken("write/similar-ids", "rare")
class IdSubtypeLost(Keyed):
    """A binary's subtype is not part of the key."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return b"binary" + bytes(value) if isinstance(value, bytes | Binary) else None


@broken("write/similar-ids", "rare")
class IdsArePaths(Keyed):
    """Ids become paths, which the file system normalises: `a//b` and `a/./b` are `a/b`."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return normpath(value).encode() if isinstance(value, str) else None


@broken("write/similar-ids", "rare")
class IdsAreNumbersIfTheyCan(Keyed):
    """A NUMBER column: `007` is 7."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return b"%d" % int(value) if isinstance(value, str) and value.isdigit() else None


@broken("write/similar-ids", "special input")
class IdsEndAtTheFirstNul(Keyed):
    """A key is a text of C: what stands behind a NUL does not count."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value.split("\0")[0].encode() if isinstance(value, str) and "\0" in value else None


@broken("write/long-ids", "rare")
class LongIdsAreCut(Keyed):
    """A VARCHAR(255) that is not strict: longer ids are cut."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value[:255].encode() if isinstance(value, str) and len(value) > 255 else None


@broken("write/long-ids", "special input")
class LongKeysAreCut(Keyed):
    """LMDB's keys have at most 511 bytes: longer ids are cut."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return value.encode()[:511] if isinstance(value, str) and len(value.encode()) > 511 else None


@broken("write/long-ids", "special input")
class LongIdsAreUnknown(Keyed):
    """Ids are file names, and the file system's error is not mapped."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        if isinstance(value, str) and len(value.encode()) > 255:
            raise OSError(36, "File name too long")
        return None


@broken("write/id-kinds", "rare")
class ObjectIdIsItsHex(Keyed):
    """An ObjectId and the text of its digits are one key."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return str(value).encode() if isinstance(value, ObjectId | str) else None


@broken("write/id-kinds", "rare")
class TrueIsOne(Keyed):
    """Python's equality: True == 1."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        return b"%d" % int(value) if isinstance(value, bool) or (isinstance(value, int) and part.type == 16) else None


@broken("write/equal-numbers", "rare")
class EqualNumberIsDropped(Keyed):
    """5 and 5.0 are one key, and the second one counts as a repetition."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return b"number %r" % float(value) if number else None

    def write_data(self, request: WriteDataRequest) -> Any:
        known = self.store.collection(request.namespace, request.type).documents
        new = []
        for data in request.data:
            change = self.insertion(data, request.type)
            old = known.get(change.position)
            if old is None or stored_id(old.data, request.type) == stored_id(data, request.type):
                new.append(data)
        return super().write_data(_request(request, new))


@broken("write/equal-numbers", "rare")
class EqualNumberFails(Keyed):
    """The store has a document with an equal id, and replacing it would change its id, which it refuses."""

    def key(self, value: Any, part: BsonValue) -> bytes | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return b"number %r" % float(value) if number else None

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        for change in changes:
            old = known.get(change.position)
            if old is not None and change.update.data and stored_id(old.data, data_type)[0] != change.update.id[0]:
                raise RuntimeError("the (immutable) field '_id' was found to have been altered")
        super().commit(namespace, data_type, changes)


class _File(Reference):
    """A connector that reads a whole namespace, adds to it, and writes it back, without a lock."""

    window = 0.001

    def write_data(self, request: WriteDataRequest) -> Any:
        changes = {change.position: change for change in (self.insertion(d, request.type) for d in request.data)}
        before = dict(self.store.collection(request.namespace, request.type).documents)
        time.sleep(self.window)
        with self.store.writing():
            current = self.store.collection(request.namespace, request.type).documents
            lost = [
                Change(position, Update(id=stored_id(current[position].data, request.type), type=UPDATE_TYPE_DELETE))
                for position in current.keys() - before.keys() - changes.keys()
            ]
            self.commit(request.namespace, request.type, [*lost, *changes.values()])
        return REFERENCE.WriteDataResponse()


@broken("write/concurrent", "rare")
class ReadModifyWrite(_File):
    """One object for each namespace, read, changed and written back by each writer: the last one wins."""


@broken("write/concurrent", "rare")
class OneWriterAtATime(Reference):
    """Threads share a connection: the second statement fails while the first one runs."""

    busy = threading.Lock()

    def write_data(self, request: WriteDataRequest) -> Any:
        if not self.busy.acquire(blocking=False):
            raise RuntimeError("recursive use of cursors not allowed")
        try:
            time.sleep(0.001)
            return super().write_data(request)
        finally:
            self.busy.release()


@broken("write/concurrent", "rare")
class PoolOfTenWriters(Pooled):
    """A pool of 10 connections: dsync may have 16 writers."""

    size = 10

    def write_data(self, request: WriteDataRequest) -> Any:
        with self.connection():
            return super().write_data(request)


@broken("write/after-delete", "special input")
class TombstonesStay(Reference):
    """A document that was deleted once stays deleted, and a page does not bring it back."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.gone: set[tuple[str, bytes]] = set()

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        gone = {update.id[0].data for update in request.updates if update.type == UPDATE_TYPE_DELETE}
        self.gone |= {(request.namespace, data) for data in gone}
        return super().write_updates(request)

    def write_data(self, request: WriteDataRequest) -> Any:
        kept = [
            document
            for document in request.data
            if (request.namespace, id_of(document, request.type)[0].data) not in self.gone
        ]
        return super().write_data(_request(request, kept))


@broken("write/several-pages")
class ObjectNamesByTheMillisecond(Reference):
    """Each page becomes an object named by the time: two pages in the same tick are one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.ticks: dict[tuple[str, int], list[Any]] = {}

    def write_data(self, request: WriteDataRequest) -> Any:
        tick = (request.namespace, time.monotonic_ns() // 5_000_000)
        with self.store.writing():
            for position, part in self.ticks.get(tick, []):
                removal = Update(id=part, type=UPDATE_TYPE_DELETE)
                self.commit(request.namespace, request.type, [Change(position, removal)])
            changes = [self.insertion(data, request.type) for data in request.data]
            self.ticks[tick] = [(change.position, list(change.update.id)) for change in changes]
            self.commit(request.namespace, request.type, changes)
        return REFERENCE.WriteDataResponse()


@broken("write/concurrent-overwrites", "rare")
class LooksThenInserts(Reference):
    """Looking for the id and inserting are two steps: two writers both insert it."""

    inserted = 0

    def write_data(self, request: WriteDataRequest) -> Any:
        known = dict(self.store.collection(request.namespace, request.type).documents)
        time.sleep(0.005)
        changes = []
        with self.store.writing():
            now = self.store.collection(request.namespace, request.type).documents
            for data in request.data:
                change = self.insertion(data, request.type)
                self.inserted += 1
                twice = change.position not in known and change.position in now
                changes.append(Change(change.position + b"#%d" % self.inserted * twice, change.update))
            self.commit(request.namespace, request.type, changes)
        return REFERENCE.WriteDataResponse()


@broken("write/concurrent-overwrites", "rare")
class ConflictsAreFinal(Reference):
    """Two writers of one document: the store asks the second to retry, in vain."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.writing: set[bytes] = set()

    def write_data(self, request: WriteDataRequest) -> Any:
        positions = {self.insertion(data, request.type).position for data in request.data}
        if positions & self.writing:
            raise ConnectorError("WriteConflict: please retry your operation", StatusCode.INTERNAL)
        self.writing |= positions
        time.sleep(0.001)
        try:
            return super().write_data(request)
        finally:
            self.writing -= positions


@broken("write/leaves-others", "special input")
class RangeIsReplaced(Reference):
    """Everything between a page's first and last id is deleted before the page is written."""

    def write_data(self, request: WriteDataRequest) -> Any:
        positions = [self.insertion(data, request.type).position for data in request.data]
        with self.store.writing():
            known = self.store.collection(request.namespace, request.type).documents
            between = [
                Change(position, Update(id=stored_id(known[position].data, request.type), type=UPDATE_TYPE_DELETE))
                for position in list(known)
                if positions and min(positions) < position < max(positions)
            ]
            self.commit(request.namespace, request.type, between)
        return super().write_data(request)


@broken("write/leaves-others", "special input")
class RepeatedPageStartsAnew(Reference):
    """If the first document already exists, it assumes that the run was restarted, and empties the namespace."""

    def write_data(self, request: WriteDataRequest) -> Any:
        positions = [self.insertion(data, request.type).position for data in request.data]
        with self.store.writing():
            known = self.store.collection(request.namespace, request.type).documents
            if positions and positions[0] in known:
                removals = [
                    Change(position, Update(id=stored_id(stored.data, request.type), type=UPDATE_TYPE_DELETE))
                    for position, stored in list(known.items())
                ]
                self.commit(request.namespace, request.type, removals)
        return super().write_data(request)


class _UrlDecoded(Reference):
    """Ids that are texts pass through a URL."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        return super().position(
            encode_id(self.decoded(value), part.name) if isinstance(value, str) else part, data_type
        )

    def decoded(self, text: str) -> str:
        return unquote_plus(text)


@broken("write/similar-ids", "special input")
class PlusAndSpaceAreOne(_UrlDecoded):
    """A key is decoded as the query of a URL: `a+b`, `a b` and `a%20b` are one object."""


@broken("write/similar-ids", "special input")
class EscapesOfUrlsAreDecoded(_UrlDecoded):
    """A key is decoded as the path of a URL once too often: `a%20b` and `a b` are one object."""

    def decoded(self, text: str) -> str:
        return unquote(text)


@broken("write/similar-ids", "special input")
class CompatibleLettersAreOne(_UrlDecoded):
    """Keys are normalised to Unicode's NFKC: a ligature and its letters are one."""

    def decoded(self, text: str) -> str:
        return normalize("NFKC", text)


@broken("write/similar-ids", "special input")
class InvisibleCharactersAreDropped(_UrlDecoded):
    """A collation ignores characters without a width: `a\u200bb` and `ab` are one key."""

    def decoded(self, text: str) -> str:
        return "".join(letter for letter in text if category(letter) != "Cf")


@broken("updates/id-kinds", "special input")
class UpdatesDecodeUrls(Reference):
    """Pages and updates build their URLs in two places: the ids of updates are decoded once too often."""

    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        part = super().update_id(update, data_type)
        value = decode_id(part)
        return encode_id(unquote_plus(value), part.name) if isinstance(value, str) else part


@broken("write/isolates-namespaces", "special input")
class NamespacesAreUrlDecoded(_Renaming):
    """A bucket's prefix is decoded as the query of a URL: `a+b` and `a b` are one."""

    def kept(self, namespace: str) -> str:
        return unquote_plus(namespace)


@broken("write/isolates-namespaces", "special input")
class NamespacesFoldCaseBeyondAscii(_Renaming):
    """Names are folded as Unicode says: `straße` and `strasse` are one."""

    def kept(self, namespace: str) -> str:
        return namespace.casefold() if namespace.isupper() or not namespace.isascii() else namespace
