"""Partial updates: some fields of a stored document are set or removed, the others stay byte for byte."""

import json
import re
from collections.abc import Iterable, Sequence

from dsync_kit.bson_bytes import elements
from dsync_kit.documents import decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, DataType

__all__ = ["apply_partial_update"]

_SPACE = re.compile(r"[ \t\n\r]*")
# Only the end of a value matters here, and kept as text a number may have any number of digits.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)


def apply_partial_update(document: bytes, changes: bytes, unset: Sequence[str], data_type: DataType) -> bytes:
    """`document` with the fields of `changes` set, and those named in `unset` removed, at the top level.

    `changes` is an encoded document of the same type, or empty. Raises InvalidArgument for bytes that are not a
    document, and for names with a dot, which would mean nested fields.
    """
    fields = _fields(document, data_type)
    changed = _fields(changes, data_type) if changes else {}
    for name in (*changed, *unset):
        if "." in name:
            raise InvalidArgument(
                f"a partial update of the nested field {name!r} is not supported: send the field whole"
            )
    for name in unset:
        fields.pop(name, None)
    fields.update(changed)
    return _join(fields.values(), data_type)


def _fields(data: bytes, data_type: DataType) -> dict[str, bytes]:
    """The encoded fields by name, each with its name in it."""
    decode(data, data_type)
    if data_type == DATA_TYPE_MONGO_BSON:
        return {
            name.decode(): bytes([kind]) + name + b"\0" + data[start:end] for kind, name, start, end in elements(data)
        }
    return _json_fields(data.decode())


def _json_fields(text: str) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    position = _after_space(text, text.index("{") + 1)
    while text[position] != "}":
        try:
            name, colon = _JSON.raw_decode(text, position)
            value = _after_space(text, _after_space(text, colon) + 1)
            _, end = _JSON.raw_decode(text, value)
        except RecursionError as error:
            raise InvalidArgument("the document is nested too deeply for a partial update") from error
        fields[name] = f"{text[position:colon]}:{text[value:end]}".encode()
        position = _after_space(text, end)
        if text[position] == ",":
            position = _after_space(text, position + 1)
    return fields


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def _join(fields: Iterable[bytes], data_type: DataType) -> bytes:
    if data_type == DATA_TYPE_MONGO_BSON:
        body = b"".join(fields)
        return (len(body) + 5).to_bytes(4, "little") + body + b"\0"
    return b"{" + b",".join(fields) + b"}"
