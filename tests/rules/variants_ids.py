"""Stores that accept only some ids and updates, or treat ids as equal that others keep apart."""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary

from dsync_kit.documents import decode_id, id_field
from dsync_kit.errors import InvalidArgument, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    BsonValue,
    Capabilities,
    DataType,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .altering import read_document, write_document
from .fault import REFERENCE, STORE, Variant, unusual_in

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector


class _Picky(Reference):
    """A connector that accepts ids of some types only."""

    types: tuple[int, ...] = ()

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        if part.type not in self.types:
            raise InvalidArgument(f"ids of BSON type {part.type} are not supported")
        return super().position(part, data_type)


@unusual()
class TextIdsOnly(_Picky):
    """Ids are texts."""

    types = (2,)


@unusual()
class ShortIds(TextIdsOnly):
    """A VARCHAR(24): longer ids are refused."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        if len(part.data) > 29:
            raise InvalidArgument("value too long for type character varying(24)")
        return super().position(part, data_type)


@unusual()
class KeepsPartsOfRefusedPages(Reference):
    """An unordered bulk write: of ids that differ only in their binary subtype, it refuses all but one, and keeps the
    page's other documents."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        taken, subtypes = list[bytes](), dict[bytes, int]()
        for document in request.data:
            (part,) = self.insertion(document, request.type).update.id
            if part.type != 5 or subtypes.setdefault(part.data[5:], part.data[4]) == part.data[4]:
                taken.append(document)
        page = WriteDataRequest(namespace=request.namespace, data=taken, type=request.type)
        super().write_data(page)
        if len(taken) < len(request.data):
            raise InvalidArgument("the unique index knows no subtypes")
        return WriteDataResponse()


@unusual()
class PlainBinaryIds(Reference):
    """Binary ids have the subtype 0 or 4: others are refused, also by lookups and deletes."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        if part.type == 5 and part.data[4] not in (0, 4):
            raise InvalidArgument("a binary id has the subtype 0 or 4")
        return super().position(part, data_type)


@unusual()
class SerialNumbers(Reference):
    """The key is a number from 1 to 2^31-1, whatever its type."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
            raise InvalidArgument("a key is 1 to 2147483647")
        return super().position(part, data_type)


class _BsonOnly(Reference):
    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_MONGO_BSON]
        return source

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_MONGO_BSON])

    def check_data_type(self, data_type: DataType) -> None:
        if data_type != DATA_TYPE_MONGO_BSON:
            raise InvalidArgument("BSON only")


@unusual()
class BsonOnly(_BsonOnly):
    """Only BSON."""


@unusual()
class ObjectIdsOnly(_BsonOnly, _Picky):
    """Ids are ObjectIds, and documents BSON."""

    types = (7,)


@unusual()
class NumberIdsOnly(_BsonOnly, _Picky):
    """Ids are 64-bit integers, as a serial key is."""

    types = (18,)


@unusual()
class UuidIdsOnly(Reference):
    """Ids are UUIDs: binary ones in BSON, their text in JSON."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        try:
            identifier = value if isinstance(value, UUID) else UUID(value) if isinstance(value, str) else None
            identifier = value.as_uuid() if isinstance(value, Binary) else identifier
        except ValueError:
            identifier = None
        if identifier is None:
            raise InvalidArgument("an id is a UUID")
        return super().position(part, data_type)


@unusual()
class NamesAsIds(Reference):
    """Ids become parts of names: up to 40 letters, digits, `-` and `_`."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_-]{1,40}", value):
            raise InvalidArgument("an id is 1 to 40 letters, digits, - and _")
        return super().position(part, data_type)


@unusual()
class JsonOnly(Reference):
    """Only JSON."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_JSON_ID]
        return source

    def sink_capabilities(self) -> Capabilities.Sink:
        return Capabilities.Sink(supported_data_types=[DATA_TYPE_JSON_ID])

    def check_data_type(self, data_type: DataType) -> None:
        if data_type != DATA_TYPE_JSON_ID:
            raise Unimplemented("JSON only")


@unusual()
class PrefersJson(Reference):
    """Both types, JSON first."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.supported_data_types[:] = [DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON]
        return source


@unusual()
class EqualNumbersAreOne(Reference):
    """Equal numbers are one id, whatever their type, as in MongoDB; the last one written is kept."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return super().position(part, data_type)
        key = f"number {Decimal(value)}".encode()
        return (hash(key) & 0xFFFFFFFF).to_bytes(4) + key


@unusual()
class EqualNumbersKeepTheirType(EqualNumbersAreOne):
    """The same, but the id keeps the type with which it was first written."""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        known = self.store.collection(namespace, data_type).documents
        kept = []
        for change in changes:
            old = known.get(change.position)
            if old is not None and change.update.type != UPDATE_TYPE_DELETE:
                name = id_field(data_type)
                document = read_document(change.update.data, data_type)
                document[name] = read_document(old.data, data_type)[name]
                data = write_document(document, data_type)
                update = Update(id=REFERENCE.id_of(data, data_type), type=change.update.type, data=data)
                change = STORE.Change(change.position, update)
            kept.append(change)
            super().commit(namespace, data_type, [change])


class _CompositeIds(Reference):
    """A connector that handles ids of several parts."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        kept = [update for update in request.updates if len(update.id) < 2 or self.composite(update)]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=kept))

    def composite(self, update: Update) -> bool:
        return True


@unusual()
class CompositeIsUnimplemented(_CompositeIds):
    """Composite ids are refused with UNIMPLEMENTED."""

    def composite(self, update: Update) -> bool:
        raise Unimplemented("composite ids")


@unusual()
class CompositeFindsNothing(_CompositeIds):
    """Composite ids are supported: deleting a missing one is OK."""

    def composite(self, update: Update) -> bool:
        if update.type != UPDATE_TYPE_DELETE:
            raise InvalidArgument("the document's id is not the update's")
        return False


class _NoPartialUpdates(Reference):
    def update_id(self, update: Update, data_type: DataType) -> BsonValue:
        part = super().update_id(update, data_type)
        if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            raise self.refusal()
        return part

    def refusal(self) -> Exception:
        return InvalidArgument("partial updates are not supported")


@unusual()
class PartialIsInvalid(_NoPartialUpdates):
    """Partial updates are refused with INVALID_ARGUMENT."""


@unusual()
class PartialIsUnimplemented(_NoPartialUpdates):
    """Partial updates are refused with UNIMPLEMENTED."""

    def refusal(self) -> Exception:
        return Unimplemented("partial updates")
