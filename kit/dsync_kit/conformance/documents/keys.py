"""Keys of ids: equal for equal ids, however a document or an update carries them; and which documents are equal."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from bson import Decimal128

from dsync_kit.documents import canonical, decode_id, encode_id, id_key, id_of, whole_id
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, BsonValue, DataType

__all__ = ["document_key", "key_in", "key_of", "listed_id", "same"]

_NUMBERS = frozenset({0x01, 0x10, 0x12, 0x13})
"""BSON's double, int32, int64 and decimal128."""

_WHOLE = 10**34
"""Numbers from here on are compared as doubles."""

_SMALL = 1024
"""The keys and canonical forms of ids and documents up to so many bytes are cached."""


def key_of(parts: Sequence[BsonValue], data_type: DataType) -> bytes:
    """A key that is equal for equal ids. JSON has one kind of number, whatever BSON type carries it.

    Raises InvalidArgument for a part that is not a BSON value.
    """
    if len(parts) == 1:
        part = parts[0]
        key: tuple[tuple[int, bytes], ...] = ((part.type, part.data),)
        small = len(part.data) <= _SMALL
    else:
        key = tuple((part.type, part.data) for part in parts)
        small = sum(len(data) for _, data in key) <= _SMALL
    return (_small_id_key if small else _id_key)(key, data_type)


def _id_key(parts: tuple[tuple[int, bytes], ...], data_type: DataType) -> bytes:
    return id_key(_by_value([BsonValue(type=kind, data=data) for kind, data in parts], data_type))


def document_key(document: bytes, data_type: DataType) -> bytes:
    """The key of a document's id. Raises InvalidArgument if it is not a document, or has no id."""
    return (_small_document_key if len(document) <= _SMALL else _document_key)(document, data_type)


def _document_key(document: bytes, data_type: DataType) -> bytes:
    return key_of(id_of(document, data_type), data_type)


def same(one: bytes, other: bytes, data_type: DataType) -> bool:
    """Whether two documents mean the same. Raises InvalidArgument for bytes that are not a document."""
    return one == other or _canonical(one, data_type) == _canonical(other, data_type)


def _canonical(document: bytes, data_type: DataType) -> bytes:
    return (_small_canonical if len(document) <= _SMALL else canonical)(document, data_type)


# Cached, because they are needed when a document is written, expected and read.
_small_document_key = lru_cache(maxsize=20_000)(_document_key)
_small_id_key = lru_cache(maxsize=20_000)(_id_key)
_small_canonical = lru_cache(maxsize=20_000)(canonical)


def key_in(document: bytes, data_type: DataType) -> bytes | None:
    """The key of a document's id; None if it is not a document, or has no id."""
    try:
        return document_key(document, data_type)
    except InvalidArgument:
        return None


def listed_id(document: bytes, data_type: DataType) -> Sequence[BsonValue]:
    """The id of a listed document. A JSON number counts by its value, however it is spelled."""
    return _by_value(id_of(document, data_type), data_type)


def _by_value(parts: Sequence[BsonValue], data_type: DataType) -> Sequence[BsonValue]:
    return [_json_number(part) for part in parts] if data_type == DATA_TYPE_JSON_ID else parts


def _json_number(part: BsonValue) -> BsonValue:
    if part.type not in _NUMBERS:
        return part
    value = decode_id(part)
    number = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
    if number.is_nan():  # Python does not convert a signalling one
        return encode_id(float("nan"), part.name)
    whole = number.is_finite() and abs(number) < _WHOLE and number == number.to_integral_value()
    return encode_id(whole_id(int(number)) if whole else float(number), part.name)
