"""Connectors that accept bad input, or refuse it with the wrong code."""

import struct
import time
from collections.abc import Sequence
from typing import Any

from grpc import StatusCode

from dsync_kit.documents import decode_id, encode_id, id_field, id_of
from dsync_kit.errors import ConnectorError, InvalidArgument, ResourceExhausted, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    ListDataRequest,
    StreamUpdatesRequest,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
)

from .altering import read_document, write_document
from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class _Refusing(Reference):
    """A connector that answers WriteData in its own way if a document is bad."""

    def write_data(self, request: WriteDataRequest) -> Any:
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        try:
            return super().write_data(request)
        except InvalidArgument as error:
            return self.refuse(request, error)

    def good(self, request: WriteDataRequest) -> WriteDataRequest:
        """The request without its bad parts."""
        kept = []
        for data in request.data:
            try:
                self.insertion(data, request.type)
            except InvalidArgument:
                continue
            kept.append(data)
        return WriteDataRequest(namespace=request.namespace, type=request.type, data=kept)

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise error


@broken("errors/malformed-document")
class BadDocumentsSkipped(_Refusing):
    """`except: continue`: an unreadable document is skipped, and the page is OK."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        return super().write_data(self.good(request))


@broken("errors/input-codes")
class BadDocumentIsUnknown(_Refusing):
    """The decoder's exception is not caught: dsync gets UNKNOWN."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise ValueError(error.message)


@broken("errors/input-codes")
class BadDocumentIsInternal(_Refusing):
    """Every exception is mapped to INTERNAL."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise ConnectorError(error.message, StatusCode.INTERNAL)


@broken("errors/malformed-document")
class BadDocumentIsUnavailable(_Refusing):
    """Every exception is mapped to UNAVAILABLE: dsync retries in vain."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise Unavailable(error.message)


@broken("errors/malformed-document", "special input")
class DocumentCutShortIsTaken(Reference):
    """Only the part of a document with the id is read before it is stored."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        whole = int.from_bytes(document[:4], "little")
        if data_type == DATA_TYPE_MONGO_BSON and len(document) < whole < 1 << 20:
            return id_of(document.ljust(whole, b"\0"), data_type)[0]
        return super().document_id(document, data_type)


@broken("errors/missing-id")
class IdIsMadeUp(Reference):
    """A document without an id gets a new one each time that the page is repeated."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        try:
            return super().document_id(document, data_type)
        except InvalidArgument:
            read_document(document, data_type)
            return encode_id(f"made-up-{time.monotonic_ns()}", id_field(data_type))

    def write_data(self, request: WriteDataRequest) -> Any:
        documents = []
        for data in request.data:
            try:
                part = self.document_id(data, request.type)
                name = id_field(request.type)
                known = read_document(data, request.type)
                documents.append(
                    data if name in known else write_document({name: decode_id(part), **known}, request.type)
                )
            except (ValueError, InvalidArgument) as error:
                raise InvalidArgument("not a document") from error
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=documents))


@broken("errors/input-codes")
class MissingIdIsAKeyError(_Refusing):
    """document["_id"], and nobody catches the KeyError."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        if "no id" in error.message or "no _id" in error.message:
            raise KeyError("_id")
        raise error


@broken("errors/missing-id")
class DocumentsWithoutIdSkipped(_Refusing):
    """A row without a key is left out, with a line in the log."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        if "no id" in error.message or "no _id" in error.message:
            return super().write_data(self.good(request))
        raise error


@broken("errors/bad-document-in-page", "special input")
class BulkGoesOnAfterErrors(_Refusing):
    """An unordered bulk write: one bad document of many is in a list of errors that nobody reads."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        if len(request.data) > 1:
            return super().write_data(self.good(request))
        raise error


@broken("errors/bad-document-in-page", "special input")
class OnlyTheFirstIsChecked(_Refusing):
    """Only the first document of a page is checked."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        self.insertion(request.data[0], request.type)
        return super().write_data(self.good(request))


@broken("errors/nothing-half-written", "special input")
class WritesOneByOne(_Refusing):
    """Documents are written as they are read: those before the bad one stay."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        for data in request.data:
            one = WriteDataRequest(namespace=request.namespace, type=request.type, data=[data])
            Reference.write_data(self, one)
        raise error


@broken("errors/nothing-half-written", "special input")
class WritesInBatches(Reference):
    """A page is written in batches of 100, and only a batch's own documents are checked before it is."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for start in range(0, len(request.data) or 1, 100):
            batch = WriteDataRequest(namespace=request.namespace, type=request.type)
            batch.data.extend(request.data[start : start + 100])
            super().write_data(batch)
        return WriteDataResponse()


@broken("errors/nothing-half-written", "rare")
class LargeDocumentsEndAPage(Reference):
    """A page is written in batches of 100, after all of it was decoded; only a document's size is checked by batch."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for document in request.data:
            self.insertion(document, request.type)
        for start in range(0, len(request.data), 100):
            if any(len(document) > 16384 for document in request.data[start : start + 100]):
                raise InvalidArgument("a document has more than 16 KiB")
            batch = WriteDataRequest(namespace=request.namespace, type=request.type)
            batch.data.extend(request.data[start : start + 100])
            Reference.write_data(self, batch)
        return WriteDataResponse()


@broken("errors/refused-type")
class UnknownTypeIsDropped(Reference):
    """Two branches for two types, and none for others: OK, and nothing is written."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if request.type not in (1, 2):
            return REFERENCE.WriteDataResponse()
        return super().write_data(request)


@broken("errors/input-codes")
class UnknownTypeIsAKeyError(Reference):
    """A dict of decoders, by type."""

    def check_data_type(self, data_type: DataType) -> None:
        if data_type not in (1, 2):
            raise KeyError(data_type)


@broken("errors/request-codes")
class ListTypeIsUnknown(Reference):
    """An enum member that does not exist raises ValueError."""

    def list_data(self, request: ListDataRequest) -> Any:
        if request.type not in (1, 2):
            raise ValueError(f"{request.type} is not a valid DataType")
        return super().list_data(request)


@broken("errors/unknown-type", "special input")
class AnyTypeIsBson(Reference):
    """`if type is JSON: …, else: …`."""

    def list_data(self, request: ListDataRequest) -> Any:
        known = request.type in (1, 2)
        sent = request if known else ListDataRequest(partition=request.partition, type=1, cursor=request.cursor)
        return super().list_data(sent)


@broken("errors/list-type")
class ListTypeIsUnavailable(Reference):
    """Every failure is UNAVAILABLE: the partition is listed three more times."""

    def list_data(self, request: ListDataRequest) -> Any:
        if request.type not in (1, 2):
            raise Unavailable("cannot encode")
        return super().list_data(request)


class _Cursors(Reference):
    """A connector that handles a foreign cursor in another way."""

    def list_data(self, request: ListDataRequest) -> Any:
        try:
            return super().list_data(request)
        except InvalidArgument as error:
            if "Cursor" in error.message:
                raise self.bad_cursor(error) from error
            raise

    def bad_cursor(self, error: InvalidArgument) -> Exception:
        return error


@broken("errors/request-codes")
class CursorIsUnpacked(_Cursors):
    """struct.unpack of a cursor of the wrong length."""

    def bad_cursor(self, error: InvalidArgument) -> Exception:
        return struct.error("unpack requires a buffer of 8 bytes")


@broken("errors/request-codes")
class BadCursorIsInternal(_Cursors):
    """An unreadable cursor counts as a fault of the connector."""

    def bad_cursor(self, error: InvalidArgument) -> Exception:
        return ConnectorError("bad state", StatusCode.INTERNAL)


@broken("errors/page-cursor", "special input")
class BadPartitionIsUnavailable(_Cursors):
    """An unreadable partition is requested again and again, but never becomes readable."""

    def bad_cursor(self, error: InvalidArgument) -> Exception:
        return Unavailable("try again") if "PartitionCursor" in error.message else error


@broken("errors/request-codes", "special input")
class LeadingByteMatters(Reference):
    """A cursor that begins like JSON is read as JSON of another shape: a TypeError, for some garbage only."""

    def list_data(self, request: ListDataRequest) -> Any:
        if request.cursor[:1] in (b"{", b"["):
            raise TypeError("list indices must be integers or slices, not str")
        return super().list_data(request)


@broken("errors/stream-cursor")
class StreamCursorIsUnknown(Reference):
    """The resume token of a stream is not checked before it is used."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        try:
            yield from super().stream_updates(request, context)
        except InvalidArgument as error:
            raise ValueError(error.message) from error


@broken("errors/stream-cursor")
class StreamCursorIsUnavailable(Reference):
    """An unreadable cursor is UNAVAILABLE."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        try:
            yield from super().stream_updates(request, context)
        except InvalidArgument as error:
            raise Unavailable(error.message) from error


class _Named(Reference):
    """A connector that refuses some namespaces in its own way."""

    def check_namespace(self, namespace: str) -> None:
        super().check_namespace(namespace)
        if self.bad(namespace):
            raise self.refusal(namespace)

    def bad(self, namespace: str) -> bool:
        return False

    def refusal(self, namespace: str) -> Exception:
        return InvalidArgument(f"no good name: {namespace!r}")


@broken("errors/namespace-codes", "special input")
class LongNamesFail(_Named):
    """A namespace is a file: File name too long."""

    def bad(self, namespace: str) -> bool:
        return len(namespace) > 255

    def refusal(self, namespace: str) -> Exception:
        return RuntimeError("File name too long")


@broken("errors/namespace-codes", "special input")
class NulInNamesFails(_Named):
    """open() raises ValueError: embedded null byte."""

    def bad(self, namespace: str) -> bool:
        return "\0" in namespace

    def refusal(self, namespace: str) -> Exception:
        return ValueError("embedded null byte")


@broken("errors/namespace-codes", "special input")
class UnquotedNames(_Named):
    """A namespace goes into a statement unescaped."""

    def bad(self, namespace: str) -> bool:
        return "'" in namespace

    def refusal(self, namespace: str) -> Exception:
        return ConnectorError('syntax error at or near "--"', StatusCode.INTERNAL)


@broken("errors/namespaces", "special input")
class NulInNamesIsUnavailable(_Named):
    """Every error of the store's client counts as an outage: the page is repeated, and never accepted."""

    def bad(self, namespace: str) -> bool:
        return "\0" in namespace

    def refusal(self, namespace: str) -> Exception:
        return Unavailable("write failed")


@broken("errors/namespaces", "special input")
class SlashesLost(Reference):
    """A namespace with a slash is written to one place, and read from another."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(namespace.replace("../", "").replace("/", "_"), data_type, changes)


@broken("errors/plan-namespaces", "special input")
class PlanOfAStrangeNameFails(Reference):
    """A plan of a namespace without a dot: not enough values to unpack."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        for namespace in request.namespaces:
            database, *collection = namespace.split(".")
            if not collection or not database:
                raise ValueError("not enough values to unpack (expected 2, got 1)")
        return super().generate_plan(request)


@broken("errors/plan-namespaces", "special input")
class PlanOfALongNameIsUnavailable(Reference):
    """The store's complaint about a name counts as an outage."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        if any(len(name) > 1024 for name in requested):
            raise Unavailable("bad request")
        return super().planned_namespaces(requested)


class _Ids(Reference):
    """A connector that handles a malformed id in its own way."""

    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        try:
            return super().update_id(update, data_type)
        except InvalidArgument as error:
            if "the id" in error.message and "document" not in error.message:
                return self.malformed(update, error)
            raise

    def malformed(self, update: Update, error: InvalidArgument) -> BsonValue:
        raise error


@broken("errors/input-codes")
class MalformedIdIsUnknown(_Ids):
    """struct.error from decoding the id."""

    def malformed(self, update: Update, error: InvalidArgument) -> BsonValue:
        raise struct.error("unpack requires a buffer of 4 bytes")


@broken("errors/input-codes")
class MissingIdIsAnIndexError(_Ids):
    """update.id[0] of an update without an id."""

    def malformed(self, update: Update, error: InvalidArgument) -> BsonValue:
        if not update.id:
            raise IndexError("list index (0) out of range")
        raise error


@broken("errors/malformed-id-code", "special input")
class MalformedIdIsUnavailable(_Ids):
    """Any problem with a key is mapped to UNAVAILABLE: dsync retries three times, in vain."""

    def malformed(self, update: Update, error: InvalidArgument) -> BsonValue:
        raise Unavailable(error.message)


@broken("errors/malformed-id", "special input")
class RawTextIsTaken(Reference):
    """Malformed bytes are taken as the id's text: a delete finds nothing, and is OK."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        for update in request.updates:
            if update.id and update.type == UPDATE_TYPE_DELETE:
                try:
                    decode_id(update.id[0])
                except InvalidArgument:
                    text = update.id[0].data.decode("utf-8", "replace")
                    update.id[0].CopyFrom(encode_id(text, id_field(request.type)))
        return super().write_updates(request)


@broken("errors/malformed-id", "special input")
class UpdatesWithoutIdSkipped(Reference):
    """An update without an id is skipped."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        updates = [update for update in request.updates if update.id]
        return super().write_updates(
            WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=updates)
        )


class _Updates(Reference):
    """A connector that handles a call with a bad update in its own way."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        try:
            return super().write_updates(request)
        except InvalidArgument as error:
            return self.bad(request, error)

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        raise error

    def good(self, request: WriteUpdatesRequest) -> WriteUpdatesRequest:
        kept = []
        for update in request.updates:
            try:
                self.update_id(update, request.type)
            except InvalidArgument:
                continue
            kept.append(update)
        return WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=kept)


@broken("errors/malformed-update")
class BadUpdatesSkipped(_Updates):
    """A bad update is logged, and the call is OK."""

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        return super().write_updates(self.good(request))


@broken("errors/input-codes")
class BadUpdateIsUnknown(_Updates):
    """The decoder's exception is not caught."""

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        raise ValueError(error.message)


@broken("errors/malformed-update")
class BadUpdateIsUnavailable(_Updates):
    """It is retried three times, in vain."""

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        raise Unavailable(error.message)


@broken("errors/bad-update-in-call", "special input")
class BadUpdateAmongGoodOnesSkipped(_Updates):
    """A bulk write continues after an error, and nobody reads its list of errors."""

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        if len(request.updates) > 1:
            return super().write_updates(self.good(request))
        raise error


@broken("errors/bad-update-in-call", "special input")
class RefusedCallBlocksTheNext(_Updates):
    """The ids of a call are remembered before it is applied: its retry is taken as a duplicate, and skipped."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.refused: set[tuple[str, bytes]] = set()

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        fresh = [u for u in request.updates if (request.namespace, u.SerializeToString()) not in self.refused]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=fresh))

    def bad(self, request: WriteUpdatesRequest, error: InvalidArgument) -> Any:
        self.refused |= {(request.namespace, update.SerializeToString()) for update in request.updates}
        raise error


@broken("errors/input-codes")
class UpdateTypeIsAKeyError(Reference):
    """A dict of handlers, by the update's type."""

    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        if not update.type:
            raise KeyError(update.type)
        return super().update_id(update, data_type)


@broken("errors/update-type", "special input")
class UpdateTypeIsPassedOver(Reference):
    """A chain of ifs without an else."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        known = [update for update in request.updates if update.type]
        sent = WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=known)
        return super().write_updates(sent)


@broken("errors/update-type")
class UpdateTypeIsUnavailable(Reference):
    """It assumes that an unknown type may become known later."""

    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        if not update.type:
            raise Unavailable("unknown operation")
        return super().update_id(update, data_type)


@broken("errors/messages")
class ErrorsSayNothing(_Refusing):
    """A status without a message."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise InvalidArgument("")


@broken("errors/messages")
class ErrorsAreTracebacks(_Refusing):
    """traceback.format_exc() as the status's message."""

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        raise InvalidArgument(f'Traceback (most recent call last):\n  File "connector.py", line 1\n{error.message}')


@broken("errors/serves-on", "special input")
class TransactionStaysAborted(_Refusing):
    """An error leaves the transaction open: the next statement is refused until it is rolled back."""

    aborted = False

    def write_data(self, request: WriteDataRequest) -> Any:
        if self.aborted and any(request.data):
            self.aborted = False
            raise ConnectorError("current transaction is aborted", StatusCode.INTERNAL)
        return super().write_data(request)

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        self.aborted = True
        raise error


@broken("errors/serves-on", "rare")
class PoolRunsDry(_Refusing):
    """A connection that met an error is not returned: after a few, the pool is empty."""

    left = 3

    def write_data(self, request: WriteDataRequest) -> Any:
        if not self.left:
            self.left = 3
            raise ConnectorError("connection pool exhausted", StatusCode.INTERNAL)
        return super().write_data(request)

    def refuse(self, request: WriteDataRequest, error: InvalidArgument) -> Any:
        self.left -= 1
        raise error


_HEADER_BYTES = 8 << 10


@broken("errors/malformed-document", "special input")
class BadDocumentIsQuoted(Reference):
    """A refusal quotes the document: with a large one, the status exceeds its header, and the call is retried."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        try:
            return super().document_id(document, data_type)
        except InvalidArgument as error:
            message = f"{error.message}: {document!r}"
            if len(message) > _HEADER_BYTES:  # as a caller sees it
                raise ResourceExhausted("received metadata size exceeds hard limit") from error
            raise InvalidArgument(message) from error


@broken("errors/missing-id", "special input")
class DocumentWithoutIdIsQuoted(Reference):
    """The same, for a valid document without an id."""

    def document_id(self, document: bytes, data_type: DataType) -> BsonValue:
        try:
            return super().document_id(document, data_type)
        except InvalidArgument as error:
            if "no" in error.message and "id" in error.message and len(document) > _HEADER_BYTES:
                raise ResourceExhausted("received metadata size exceeds hard limit") from error
            raise
