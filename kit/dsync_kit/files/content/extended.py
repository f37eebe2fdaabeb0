"""Canonical Extended JSON: fast for common types, checked for exactness for the others."""

import datetime
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import bson
import orjson
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.json_util import JSONMode, JSONOptions

from dsync_kit.documents import CODEC_OPTIONS, decode, same_document
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["from_extended", "parse_extended", "to_extended"]

_CANONICAL = JSONOptions(
    json_mode=JSONMode.CANONICAL, datetime_conversion=CODEC_OPTIONS.datetime_conversion, tz_aware=False
)
_UNREADABLE = (BSONError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
_EPOCH = datetime.datetime(1970, 1, 1)
_MILLISECOND = datetime.timedelta(milliseconds=1)


class _Uncommon(Exception):
    """A value that the fast path doesn't handle."""


def to_extended(document: bytes) -> bytes | None:
    """A BSON document as one line of canonical Extended JSON; None if that would not yield the same document again.

    Raises InvalidArgument for bytes that aren't a BSON document.
    """
    value = decode(document, DATA_TYPE_MONGO_BSON)
    try:
        # It encodes to the same bytes unless it holds something unusual, such as a repeated name.
        if bson.encode(value, codec_options=CODEC_OPTIONS) == document:
            return orjson.dumps({name: _plain(each) for name, each in _fields(value)})
    except (_Uncommon, *_UNREADABLE):
        pass
    try:
        text = orjson.dumps(orjson.loads(json_util.dumps(value, json_options=_CANONICAL)))
        return text if same_document(from_extended(text), document, DATA_TYPE_MONGO_BSON) else None
    except (InvalidArgument, *_UNREADABLE):
        return None


def from_extended(text: bytes) -> bytes:
    """The BSON document of an Extended JSON object. Raises InvalidArgument for anything else."""
    try:
        return bson.encode(parse_extended(text), codec_options=CODEC_OPTIONS)
    except _UNREADABLE as error:
        raise InvalidArgument(f"not Extended JSON: {error}") from error


def parse_extended(text: bytes) -> dict[str, Any]:
    """An Extended JSON object, canonical, relaxed or plain, as a dict of BSON values. Raises InvalidArgument.

    Integers are int32 where they fit.
    """
    try:
        value = _parsed(text)
    except _UNREADABLE as error:
        raise InvalidArgument(f"not Extended JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidArgument(f"not an object but {type(value).__name__}")
    return value


def _parsed(text: bytes) -> Any:
    try:
        return _revived(orjson.loads(text))
    except (_Uncommon, *_UNREADABLE):
        return json_util.loads(text.decode(), json_options=_CANONICAL)


def _fields(value: dict[str, Any]) -> Any:
    for name in value:
        if name[:1] == "$":
            raise _Uncommon
    return value.items()


def _plain_float(value: float) -> Any:
    if not math.isfinite(value):
        raise _Uncommon
    return {"$numberDouble": repr(value)}


def _plain_date(value: datetime.datetime) -> Any:
    return {"$date": {"$numberLong": str((value - _EPOCH) // _MILLISECOND)}}


_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: lambda value: value,
    bool: lambda value: value,
    type(None): lambda value: value,
    int: lambda value: {"$numberInt" if -(2**31) <= value < 2**31 else "$numberLong": str(value)},
    Int64: lambda value: {"$numberLong": str(int(value))},
    float: _plain_float,
    dict: lambda value: {name: _plain(each) for name, each in _fields(value)},
    list: lambda value: [_plain(each) for each in value],
    ObjectId: lambda value: {"$oid": str(value)},
    datetime.datetime: _plain_date,
    DatetimeMS: lambda value: {"$date": {"$numberLong": str(int(value))}},
    bytes: lambda value: {"$binary": {"base64": b64encode(value).decode(), "subType": "00"}},
    Binary: lambda value: {"$binary": {"base64": b64encode(value).decode(), "subType": f"{value.subtype:02x}"}},
}


def _plain(value: Any) -> Any:
    convert = _PLAIN.get(type(value))
    if convert is None:
        raise _Uncommon
    return convert(value)


def _revived_binary(value: Any) -> Any:
    subtype = int(value["subType"], 16)
    data = b64decode(value["base64"], validate=True)
    if subtype in (0, 3, 4):  # as json_util has it
        return data if subtype == 0 else Binary(data, subtype)
    return Binary(data, subtype)


def _revived_date(value: Any) -> Any:
    if type(value) is not dict or list(value) != ["$numberLong"]:
        raise _Uncommon  # in the relaxed form
    milliseconds = int(value["$numberLong"])
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        return DatetimeMS(milliseconds)


_REVIVED: dict[str, Callable[[Any], Any]] = {
    "$numberInt": int,
    "$numberLong": lambda value: Int64(int(value)),
    "$numberDouble": float,
    "$numberDecimal": Decimal128,
    "$oid": ObjectId,
    "$date": _revived_date,
    "$binary": _revived_binary,
}


def _revived(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        if len(value) == 1:
            ((name, only),) = value.items()
            if name[:1] == "$":
                revive = _REVIVED.get(name)
                if revive is None:
                    raise _Uncommon
                return revive(only)
            return {name: _revived(only)}
        return {name: _revived(each) for name, each in _fields(value)}
    if kind is list:
        return [_revived(each) for each in value]
    return value
