"""A line of a log: a document or a delete as JSON, and the digest of its id.

A line is the document itself: a JSON object as it was written, a BSON document as canonical Extended JSON. With two
exceptions, both fields that begin with `$`: `{"_id": …, "$deleted": true}` is a delete, and a document that cannot be
written like that, or that has such a field itself, is `{"_id": …, "$bson": "BASE64"}` or `{"id": …, "$json": "TEXT"}`.
"""

from base64 import b64decode, b64encode
from hashlib import blake2b
from struct import Struct
from typing import Any, NamedTuple

import orjson

from dsync_kit.documents import decode, encode, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.extended import from_extended, to_extended
from dsync_kit.incoming import bare_document, check_document, key_of
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, BsonValue, DataType

__all__ = ["DIGEST", "Line", "delete_line", "digest_of", "document_line", "document_of", "read_line"]

DIGEST = 16
"""The bytes of a digest."""

_DELETED, _BSON, _JSON = "$deleted", "$bson", "$json"
_OURS = frozenset({_DELETED, _BSON, _JSON})
_STRING = Struct("<Bii")
_BY_ORDER = frozenset({0x03, 0x04})  # documents and arrays


class Line(NamedTuple):
    """One line of a file without its end, the digest of its id, and whether it is a delete."""

    digest: bytes
    text: bytes
    deleted: bool = False


def digest_of(part: BsonValue, data_type: DataType) -> bytes:
    """16 bytes that two ids share exactly if they are one id. Raises InvalidArgument for a malformed id.

    As MongoDB has it, types count, and so does the order of the fields of an id that is a document.
    """
    if data_type == DATA_TYPE_MONGO_BSON and part.type in _BY_ORDER:
        return _digest(bytes([part.type]) + part.data)
    return _digest(key_of(part, data_type))


def document_line(document: bytes, data_type: DataType) -> Line:
    """The line of a document, after the whole of it has been checked. Raises InvalidArgument where it is none."""
    if data_type == DATA_TYPE_MONGO_BSON:
        text = to_extended(document)
        part = check_document(document, data_type) if text is None else id_of(document, data_type)[0]
        digest = digest_of(part, data_type)
        if text is None or (b'"$' in text and not _OURS.isdisjoint(orjson.loads(text))):
            text = _wrapped(part, _BSON, b64encode(document).decode())
        return Line(digest, text)
    value = _object(document)
    digest = _json_digest(value)
    if not _OURS.isdisjoint(value):
        return Line(digest, orjson.dumps({"id": value["id"], _JSON: document.decode()}))
    # Raw line breaks stand between tokens alone: within a string JSON escapes them.
    return Line(digest, document.replace(b"\n", b" ").replace(b"\r", b" "))


def delete_line(part: BsonValue, data_type: DataType) -> Line:
    """The line that deletes the document with this id."""
    digest = digest_of(part, data_type)
    if data_type == DATA_TYPE_JSON_ID:
        bare = decode(bare_document(part, data_type), data_type)
        return Line(digest, encode({**bare, _DELETED: True}, data_type), deleted=True)
    text = to_extended(bare_document(part, data_type))
    if text is None:
        text = _wrapped(part, _BSON, b64encode(bare_document(part, data_type)).decode())
    return Line(digest, text[:-1].rstrip() + b',"$deleted":true}', deleted=True)


def document_of(text: bytes, data_type: DataType) -> bytes:
    """The document that a line which is no delete holds. Raises InvalidArgument where it is none."""
    if data_type == DATA_TYPE_JSON_ID:
        if b"$json" in text and _JSON in (value := decode(text, data_type)):
            return str(value[_JSON]).encode()
        return text
    if b'"$bson"' in text and (wrapped := _unwrapped(text)) is not None:
        return wrapped
    return from_extended(text)


def read_line(text: bytes, data_type: DataType) -> Line:
    """A line with its digest, worked out from the text. Raises InvalidArgument where it is none."""
    value = _object(text)
    deleted = value.get(_DELETED) is True
    if data_type == DATA_TYPE_JSON_ID:
        return Line(_json_digest(value), text, deleted)
    if _BSON in value:
        part = check_document(document_of(text, data_type), data_type)
    elif "_id" in value:
        (part,) = id_of(from_extended(orjson.dumps({"_id": value["_id"]})), data_type)
    else:
        raise InvalidArgument("the document has no _id")
    return Line(digest_of(part, data_type), text, deleted)


def _object(text: bytes) -> dict[str, Any]:
    """A JSON object: quickly, and with the errors of `decode`."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if type(value) is dict else decode(text, DATA_TYPE_JSON_ID)


def _json_digest(value: dict[str, Any]) -> bytes:
    """The digest of a JSON document's id."""
    key = value.get("id")
    if type(key) is str and key.isascii():
        # The key of a string, as `key_of` gives it: by far the most frequent case.
        size = len(key)
        return _digest(_STRING.pack(2, size + 5, size + 1) + key.encode() + b"\0")
    return digest_of(check_document(encode({"id": key}, DATA_TYPE_JSON_ID), DATA_TYPE_JSON_ID), DATA_TYPE_JSON_ID)


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=DIGEST).digest()


def _wrapped(part: BsonValue, field: str, value: str) -> bytes:
    """A line whose `_id` is there for readers only, as far as Extended JSON has a form for it."""
    text = to_extended(bare_document(part, DATA_TYPE_MONGO_BSON))
    readable: Any = orjson.loads(text)["_id"] if text is not None else None
    return orjson.dumps({"_id": readable, field: value})


def _unwrapped(text: bytes) -> bytes | None:
    value = decode(text, DATA_TYPE_JSON_ID)
    if _BSON not in value:
        return None
    try:
        return b64decode(value[_BSON], validate=True)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"not the Base64 of a document: {error}") from error
