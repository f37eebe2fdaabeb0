"""A line of a log: a document or a delete as JSON, and the digest of its id.

A line is the document itself: a JSON object as it was written, or a BSON document as canonical Extended JSON. There
are two exceptions: `{"_id": …, "$deleted": true}` is a delete, and a document that cannot be written in that form, or
that has a field with one of these names itself, is `{"_id": …, "$bson": "BASE64"}` or `{"id": …, "$json": "TEXT"}`.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import repeat
from operator import contains
from struct import Struct
from typing import Any, NamedTuple

import orjson

from dsync_kit.documents import decode, encode, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.extended import from_extended, to_extended
from dsync_kit.incoming import bare_document, check_document, key_of
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, BsonValue, DataType

__all__ = [
    "DIGEST",
    "Line",
    "Lines",
    "delete_line",
    "digest_of",
    "document_line",
    "document_lines",
    "document_of",
    "read_line",
]

DIGEST = 16
"""The bytes of a digest."""

_DELETED, _BSON, _JSON = "$deleted", "$bson", "$json"
_OURS = frozenset({_DELETED, _BSON, _JSON})
_STRING = 0x02
_INT64 = Struct("<Biq")
_LAST = DIGEST - 1
_SHORT = _LAST - 1
"""The longest string that stands in a digest as it is."""
_SHORT_STRING = Struct(f"<B{_SHORT}sB")
"""Its digest: a type, the string, and the length of both."""
_LENGTHS = [bytes([size]) for size in range(DIGEST)]
_LINE_BREAK = 0x0A
_NOT_PLAIN = (b"$", b"\\", b"\r")
"""What a document with a field of ours has in it, even if the field's name is escaped, or with a line break."""
_BY_ORDER = frozenset({0x03, 0x04})  # documents and arrays


class Line(NamedTuple):
    """One line without its line end, the digest of its id, and whether it is a delete."""

    digest: bytes
    text: bytes
    deleted: bool = False


@dataclass(slots=True)
class Lines:
    """Lines by the digests of their ids, one for each id."""

    texts: dict[bytes, bytes] = field(default_factory=dict)
    deleted: set[bytes] = field(default_factory=set)
    """The digests of the lines that are deletes."""
    _joined: bytes | None = None

    @property
    def size(self) -> int:
        """The bytes of all lines with their ends."""
        return len(self._joined) if self._joined else sum(map(len, self.texts.values())) + len(self.texts)

    def add(self, line: Line) -> None:
        """Add a line, in place of an older one with its id."""
        self._joined = None
        self.texts[line.digest] = line.text
        if line.deleted:
            self.deleted.add(line.digest)
        else:
            self.deleted.discard(line.digest)

    def update(self, other: "Lines") -> None:
        """Add all lines of another page."""
        self._joined = None if self.texts else other._joined
        self.texts.update(other.texts)
        if self.deleted:
            self.deleted -= other.texts.keys()
        self.deleted |= other.deleted

    def get(self, digest: bytes) -> Line | None:
        """The line with this digest, if there is one."""
        text = self.texts.get(digest)
        return None if text is None else Line(digest, text, digest in self.deleted)

    def joined(self, digests: Sequence[bytes]) -> bytes:
        """The lines with these digests, each with its end; they are all lines, or neighbours among them."""
        if self._joined is not None and len(digests) == len(self.texts):
            return self._joined
        return b"\n".join((*map(self.texts.__getitem__, digests), b""))


def digest_of(part: BsonValue, data_type: DataType) -> bytes:
    """16 bytes that two ids share exactly if they are one id. Raises InvalidArgument for a malformed id.

    As MongoDB has it, types count, and so does the order of the fields of an id that is a document.
    """
    if part.type == _STRING:
        return _digest(b"\x02" + part.data[4:-1])
    if data_type == DATA_TYPE_MONGO_BSON and part.type in _BY_ORDER:
        return _digest(bytes([part.type]) + part.data)
    return _digest(key_of(part, data_type))


def document_line(document: bytes, data_type: DataType) -> Line:
    """The line of a document, after a check of the whole document. Raises InvalidArgument for a malformed one."""
    if data_type == DATA_TYPE_MONGO_BSON:
        text = to_extended(document)
        part = check_document(document, data_type) if text is None else id_of(document, data_type)[0]
        digest = digest_of(part, data_type)
        if text is None or (b'"$' in text and not _OURS.isdisjoint(orjson.loads(text))):
            text = _wrapped(part, _BSON, b64encode(document).decode())
        return Line(digest, text)
    value = _object(document)
    digest = _json_digest(value.get("id"))
    if not _OURS.isdisjoint(value):
        return Line(digest, orjson.dumps({"id": value["id"], _JSON: document.decode()}))
    # Raw line breaks stand between tokens alone: within a string JSON escapes them.
    return Line(digest, document.replace(b"\n", b" ").replace(b"\r", b" "))


def document_lines(documents: Iterable[bytes], data_type: DataType) -> Lines:
    """The lines of a page, the last one of each id. Raises InvalidArgument for a document that is malformed."""
    documents = list(documents)
    if data_type == DATA_TYPE_JSON_ID and (lines := _plain_lines(documents)) is not None:
        return lines
    lines = Lines()
    for document in documents:
        lines.add(document_line(document, data_type))
    return lines


def _plain_lines(documents: Sequence[bytes]) -> Lines | None:
    """The lines of JSON documents that are lines as they stand, as most are; None if one isn't, or is malformed.

    Doing each step for all documents at once takes half the time. Raises InvalidArgument for a malformed id.
    """
    joined = b"\n".join((*documents, b""))
    if any(map(contains, documents, repeat(_LINE_BREAK))) or any(joined.find(each) >= 0 for each in _NOT_PLAIN):
        return None
    loads = orjson.loads
    try:
        keys = [loads(document)["id"] for document in documents]
    except (KeyError, TypeError, ValueError):
        return None
    texts = dict(zip(_json_digests(keys), documents, strict=True))
    return Lines(texts, _joined=joined if len(texts) == len(documents) else None)


def _json_digests(keys: Sequence[Any]) -> list[bytes]:
    """The digests of JSON documents' ids."""
    pack = _SHORT_STRING.pack
    try:
        return [
            pack(_STRING, key, len(key) + 1) if len(key) <= _SHORT else _digest(b"\x02" + key)
            for key in map(str.encode, keys)
        ]
    except (TypeError, UnicodeEncodeError):  # not all of them are strings
        return [_json_digest(key) for key in keys]


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
    """The document of a line that isn't a delete. Raises InvalidArgument for a malformed line."""
    if data_type == DATA_TYPE_JSON_ID:
        if b"$json" in text and _JSON in (value := decode(text, data_type)):
            return str(value[_JSON]).encode()
        return text
    if b'"$bson"' in text and (wrapped := _unwrapped(text)) is not None:
        return wrapped
    return from_extended(text)


def read_line(text: bytes, data_type: DataType) -> Line:
    """A line with its digest, computed from the text. Raises InvalidArgument for a malformed line."""
    value = _object(text)
    deleted = value.get(_DELETED) is True
    if data_type == DATA_TYPE_JSON_ID:
        return Line(_json_digest(value.get("id")), text, deleted)
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


def _json_digest(key: Any) -> bytes:
    """The digest of a JSON document's id; None stands for a missing one. Raises InvalidArgument for a malformed one."""
    # Strings and whole numbers are by far the most frequent: as `digest_of` has them.
    if type(key) is str and key.isascii():
        return _digest(b"\x02" + key.encode())
    if type(key) is int and -(2**63) <= key < 2**63:
        return _digest(_INT64.pack(0x12, 8, key))
    return digest_of(check_document(encode({"id": key}, DATA_TYPE_JSON_ID), DATA_TYPE_JSON_ID), DATA_TYPE_JSON_ID)


def _digest(key: bytes) -> bytes:
    """A short key unhashed, with its length; a hash of a longer one."""
    if len(key) <= _LAST:
        return key.ljust(_LAST, b"\0") + _LENGTHS[len(key)]
    return blake2b(key, digest_size=DIGEST).digest()


def _wrapped(part: BsonValue, field: str, value: str) -> bytes:
    """A line whose `_id` is only for readers; it is null if Extended JSON has no form for it."""
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
