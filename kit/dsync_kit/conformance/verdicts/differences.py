"""Which kind of value differs between two documents, and so which encoding rule is to blame."""

import json
from datetime import datetime
from typing import Any

import bson
from bson import DatetimeMS, Decimal128, Int64, ObjectId

from dsync_kit.conformance.results.owners import Owner
from dsync_kit.documents import CODEC_OPTIONS, decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["blamed"]

_BSON_OWNERS: dict[type, Owner] = {
    str: Owner.BSON_TEXT,
    int: Owner.BSON_INT32,
    Int64: Owner.BSON_INT64,
    float: Owner.BSON_DOUBLE,
    bool: Owner.BSON_BOOLEAN,
    type(None): Owner.BSON_NULL,
    ObjectId: Owner.BSON_OBJECT_ID,
    datetime: Owner.BSON_DATE,
    DatetimeMS: Owner.BSON_DATE,
    bytes: Owner.BSON_BINARY,
    bson.Binary: Owner.BSON_BINARY,
    Decimal128: Owner.BSON_DECIMAL,
}
_JSON_OWNERS: dict[type, Owner] = {
    str: Owner.JSON_TEXT,
    int: Owner.JSON_NUMBERS,
    float: Owner.JSON_NUMBERS,
    bool: Owner.JSON_LITERALS,
}
_MISSING = object()


def blamed(written: bytes | None, found: bytes | None, data_type: DataType) -> str:
    """The rule about the first change in a document; empty if no rule is only about that, or one is not a document."""
    if not written or not found:
        return ""
    try:
        return _blamed(decode(written, data_type), decode(found, data_type), data_type)
    except InvalidArgument:
        return ""


def _blamed(written: Any, found: Any, data_type: DataType) -> str:
    if isinstance(written, dict) and isinstance(found, dict) and written:
        return _blamed_field(written, found, data_type)
    if isinstance(written, list) and isinstance(found, list) and written:
        if len(written) != len(found):
            return _rule(None, data_type) if None in written and None not in found else Owner.ARRAY_ORDER
        pairs = ((one, other) for one, other in zip(written, found, strict=True) if not _same(one, other, data_type))
        return next((_blamed(one, other, data_type) for one, other in pairs), "")
    if isinstance(written, str | dict | list) and not written:
        return Owner.EMPTY_AND_NULL
    if written is None:
        return Owner.BSON_NULL  # in JSON, too, if the connector supports both
    return _rule(written, data_type)


def _blamed_field(written: dict[str, Any], found: dict[str, Any], data_type: DataType) -> str:
    missing = [value for name, value in written.items() if name not in found]
    if any(value not in (None, "", [], {}) for value in missing):
        return Owner.FIELD_NAMES
    if found.keys() - written.keys():
        return ""
    pairs = ((value, found.get(name, _MISSING)) for name, value in written.items())
    return next((_blamed(one, other, data_type) for one, other in pairs if not _same(one, other, data_type)), "")


def _rule(value: Any, data_type: DataType) -> str:
    if data_type == DATA_TYPE_MONGO_BSON:
        return _BSON_OWNERS.get(type(value), Owner.BSON_RARE)
    return _JSON_OWNERS.get(type(value), "")


def _same(one: Any, other: Any, data_type: DataType) -> bool:
    if other is _MISSING:
        return False
    if data_type == DATA_TYPE_MONGO_BSON:
        return bson.encode({"": one}, codec_options=CODEC_OPTIONS) == bson.encode(
            {"": other}, codec_options=CODEC_OPTIONS
        )
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
