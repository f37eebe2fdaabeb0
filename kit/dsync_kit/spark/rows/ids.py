"""Ids as text, with their types: `"a"`, `5`, `{"$oid": "…"}`, and back.

The text is Extended JSON: of a JSON document's id plain JSON, of a BSON document's id the canonical form, such as
`{"$numberInt": "5"}`. An id of several parts is an array of objects, one for each part.
"""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from bson import Int64

from dsync_kit.documents import decode, decode_id, encode, encode_id, id_field, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.extended import parse_extended, to_extended
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, BsonValue, DataType

__all__ = ["id_parts", "id_text", "text_of_id"]

_STRING, _OBJECT_ID = 0x02, 0x07
_KEY = "v"


def id_text(document: bytes, data_type: DataType) -> str:
    """The id of a document as text. Raises InvalidArgument if it has none."""
    if data_type == DATA_TYPE_JSON_ID:
        value = decode(document, data_type).get("id")
        if value is None:
            raise InvalidArgument("the document has no id")
        return json.dumps(value, ensure_ascii=False)
    return text_of_id(id_of(document, data_type), data_type)


def text_of_id(parts: Sequence[BsonValue], data_type: DataType) -> str:
    """An update's id as text. Raises InvalidArgument for parts that are not BSON values."""
    if len(parts) == 1:
        return _part_text(parts[0], data_type)
    fields = (f"{{{json.dumps(part.name)}: {_part_text(part, data_type)}}}" for part in parts)
    return f"[{', '.join(fields)}]"


def id_parts(text: str, data_type: DataType) -> list[BsonValue]:
    """The id that a text means, as an update carries it. Raises InvalidArgument for a text that is no id."""
    value = parse_extended(b'{"%s": %s}' % (_KEY.encode(), text.encode()))[_KEY]
    if isinstance(value, list):
        return [_part(part, data_type) for part in value]
    return [encode_id(_typed(value, data_type), id_field(data_type))]


def _part(value: Any, data_type: DataType) -> BsonValue:
    if not isinstance(value, dict) or len(value) != 1:
        raise InvalidArgument("an id of several parts is an array of objects with one field each")
    ((name, part),) = value.items()
    return encode_id(_typed(part, data_type), name)


def _typed(value: Any, data_type: DataType) -> Any:
    """A JSON document's integers are 64 bits wide, as `id_of` has it."""
    is_plain = isinstance(value, int) and not isinstance(value, bool)
    return Int64(value) if data_type == DATA_TYPE_JSON_ID and is_plain else value


def _part_text(part: BsonValue, data_type: DataType) -> str:
    if part.type == _OBJECT_ID and len(part.data) == 12:
        return f'{{"$oid": "{part.data.hex()}"}}'
    value = decode_id(part)
    if part.type == _STRING:
        return json.dumps(value, ensure_ascii=False)
    if data_type == DATA_TYPE_JSON_ID:
        return orjson.dumps(value).decode()
    text = to_extended(encode({_KEY: value}, DATA_TYPE_MONGO_BSON))
    if text is None:
        raise InvalidArgument(f"the id of BSON type {part.type} cannot be written as Extended JSON")
    return json.dumps(orjson.loads(text)[_KEY], ensure_ascii=False)
