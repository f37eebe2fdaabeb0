"""Converts documents between the data types: dsync asks a source for the type that the sink prefers."""

import json
from typing import Any

import bson
from bson import json_util
from bson.errors import BSONError
from bson.json_util import DatetimeRepresentation, JSONMode, JSONOptions

from dsync_kit.documents import CODEC_OPTIONS, decode, id_field, same_document
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["convert"]

_CANONICAL = JSONOptions(
    json_mode=JSONMode.CANONICAL, datetime_conversion=CODEC_OPTIONS.datetime_conversion, tz_aware=False
)
_RELAXED = JSONOptions(
    json_mode=JSONMode.RELAXED,
    datetime_conversion=CODEC_OPTIONS.datetime_conversion,
    datetime_representation=DatetimeRepresentation.ISO8601,
    tz_aware=False,
)
_UNREADABLE = (BSONError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


def convert(document: bytes, data_type: DataType, wanted: DataType, *, exchange: bool = False) -> bytes:
    """Convert an encoded document from one type to the other; `_id` becomes `id`, and the reverse.

    BSON becomes relaxed Extended JSON: numbers are plain numbers, and types that JSON lacks become objects such as
    `{"$oid": "…"}`. Raises InvalidArgument if something would be lost, or if a document has both `id` and `_id`; with
    `exchange`, the two swap their names instead.
    """
    if data_type == wanted:
        return document
    value = decode(document, data_type)
    old, new = id_field(data_type), id_field(wanted)
    if new in value and not exchange:
        raise InvalidArgument(
            f"the document has both {new!r} and {old!r}: cannot convert it to {DataType.Name(wanted)}"
        )
    try:
        if wanted == DATA_TYPE_MONGO_BSON:
            exact = json.loads(document)  # orjson rounds integers beyond 64 bits, which BSON cannot hold
            return bson.encode(_renamed(exact, old, new))
        text = json_util.dumps(value, json_options=_CANONICAL)
        again = bson.encode(json_util.loads(text, json_options=_CANONICAL), codec_options=CODEC_OPTIONS)
        if not same_document(again, document, DATA_TYPE_MONGO_BSON):
            raise InvalidArgument("the document holds BSON that Extended JSON cannot express")
        return json_util.dumps(_renamed(value, old, new), json_options=_RELAXED, ensure_ascii=False).encode()
    except _UNREADABLE as error:
        raise InvalidArgument(f"the document cannot be converted to {DataType.Name(wanted)}: {error}") from error


def _renamed(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The fields with the id first, under its `new` name; a field that had that name takes the old one."""
    names = {old: new, new: old}
    return {new: document.pop(old), **{names.get(name, name): value for name, value in document.items()}}
