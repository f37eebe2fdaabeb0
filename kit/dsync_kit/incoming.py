"""Checks on what a connector receives, made before it writes anything: documents, ids and updates.

Every function raises InvalidArgument for malformed input; the message says what was expected.
"""

from collections.abc import Collection, Sequence

import bson

from dsync_kit.documents import decode_all, decode_id, encode, encode_id, id_field, id_key, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
)

__all__ = [
    "bare_document",
    "check_data_type",
    "check_document",
    "check_documents",
    "check_id",
    "check_same_id",
    "check_update",
    "key_of",
]

_NUMBERS = frozenset({0x01, 0x10, 0x12})  # double, int32, int64
_INT64_END = 2**63


def check_data_type(data_type: DataType, supported: Collection[DataType]) -> None:
    """Refuse a data type that the connector does not support."""
    if data_type not in supported:
        expected = " or ".join(f"{DataType.Name(known)} ({int(known)})" for known in supported)
        raise InvalidArgument(f"unsupported data type {int(data_type)}: expected {expected}")


def check_document(document: bytes, data_type: DataType) -> BsonValue:
    """Check the whole document; returns its id."""
    (part,) = check_documents([document], data_type)
    return part


def check_documents(documents: Sequence[bytes], data_type: DataType) -> list[BsonValue]:
    """Check whole documents, all at once, which costs less than one by one; returns their ids in the same order."""
    if data_type == DATA_TYPE_MONGO_BSON:
        decode_all(documents, data_type)  # id_of only checks a document up to its id
    return [id_of(document, data_type)[0] for document in documents]


def check_id(parts: Sequence[BsonValue], data_type: DataType) -> BsonValue:
    """The only part of an id, for a store without composite ids."""
    if len(parts) != 1:
        raise InvalidArgument(f"the id has {len(parts)} parts: expected one, composite ids are not supported")
    field = id_field(data_type)
    if parts[0].name not in ("", "_id", field):
        raise InvalidArgument(f"the id is named {parts[0].name!r}: expected {field!r} or no name")
    decode_id(parts[0])
    return parts[0]


def check_update(update: Update, data_type: DataType) -> BsonValue:
    """Check an update: its type, its id, its document, and that these agree. Returns its id."""
    part = check_id(update.id, data_type)
    if update.type in (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE):
        check_same_id(part, update.data, data_type)
    elif update.type not in (UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE):
        raise InvalidArgument(f"unsupported update type {update.type}: expected 1 to 4 (INSERT to PARTIAL_UPDATE)")
    return part


def check_same_id(part: BsonValue, document: bytes, data_type: DataType) -> None:
    """Refuse a document that is malformed, or whose id is not `part`."""
    found = check_document(document, data_type)
    if key_of(part, data_type) != key_of(found, data_type):
        raise InvalidArgument(
            f"the update's id (type {part.type}, {part.data[:32]!r}) is not "
            f"its document's id (type {found.type}, {found.data[:32]!r})"
        )


def key_of(part: BsonValue, data_type: DataType) -> bytes:
    """A key that is equal for two ids exactly if they are the same id.

    In BSON, types matter. JSON has one kind of number, so 5 and 5.0 have the same key. JSON numbers beyond 64 bits are
    refused: readers round them, so that different ids would look the same.
    """
    if data_type == DATA_TYPE_JSON_ID and part.type in _NUMBERS:
        value = decode_id(part)
        if not -_INT64_END <= value < _INT64_END:
            raise InvalidArgument(f"the id {value!r} does not fit 64 bits: use a string")
        if value == int(value):
            part = encode_id(bson.Int64(value))
    return id_key([part])


def bare_document(part: BsonValue, data_type: DataType) -> bytes:
    """An encoded document with nothing but an id. A partial update of a missing document starts from it."""
    if data_type == DATA_TYPE_JSON_ID:
        return encode({"id": decode_id(part)}, data_type)
    element = bytes([part.type]) + b"_id\0" + part.data + b"\0"
    return (len(element) + 4).to_bytes(4, "little") + element
