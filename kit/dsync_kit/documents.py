"""Documents and ids on the wire: BSON and JSON, `BsonValue`, and when two documents are the same.

Documents stay bytes wherever possible: encoding them costs more time than sending them.
"""

import json
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import bson
import orjson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from dsync_kit.bson_bytes import INT32, canonical_document, canonical_value, elements, has_its_length, value_size
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, BsonValue, DataType

__all__ = [
    "CODEC_OPTIONS",
    "batches",
    "canonical",
    "decode",
    "decode_all",
    "decode_id",
    "elements",
    "encode",
    "encode_id",
    "id_field",
    "id_key",
    "id_of",
    "id_parts",
    "same_document",
    "whole_id",
]

# Lossless: dates beyond Python's range stay milliseconds, UUIDs stay binary.
CODEC_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)

_ENCODING_ERRORS = (BSONError, TypeError, ValueError, OverflowError, RecursionError)
"""What the encoders raise for values that they cannot encode."""

_SHOWN_LEVELS = 8
"""How many levels of names and positions an error message shows."""

_DECIMAL_DIGITS = 34


def id_field(data_type: DataType) -> str:
    """The name of the id's field: `_id` in BSON documents, `id` in JSON objects."""
    return "_id" if data_type == DATA_TYPE_MONGO_BSON else "id"


def decode(data: bytes, data_type: DataType) -> dict[str, Any]:
    """One document as a dict.

    Raises InvalidArgument for bytes that are not a document of this type. JSON numbers beyond 64 bits become floats:
    pass on the bytes where that matters.
    """
    if data_type == DATA_TYPE_MONGO_BSON:
        try:
            return bson.decode(data, CODEC_OPTIONS)
        except (BSONError, ValueError, OverflowError) as error:
            raise InvalidArgument(f"not a BSON document: {error}") from error
    if data_type == DATA_TYPE_JSON_ID:
        value = _decode_json(data)
        if not isinstance(value, dict):
            raise InvalidArgument(f"not a JSON object but {type(value).__name__}")
        return value
    raise _unsupported(data_type)


def decode_all(documents: Sequence[bytes], data_type: DataType) -> list[dict[str, Any]]:
    """Documents as dicts, as `decode` gives them; for BSON in half the time.

    Raises InvalidArgument if any of them is not a document of this type.
    """
    if data_type == DATA_TYPE_MONGO_BSON and all(map(has_its_length, documents)):
        with suppress(BSONError, ValueError, OverflowError):
            return bson.decode_all(b"".join(documents), CODEC_OPTIONS)
    return [decode(document, data_type) for document in documents]  # says what is wrong


def encode(document: dict[str, Any], data_type: DataType) -> bytes:
    """A dict as one document.

    Raises InvalidArgument for a value that the type cannot hold, naming its field, and for an unknown type.
    """
    try:
        return _encode(document, data_type)
    except _ENCODING_ERRORS as error:
        field = _unencodable(document, data_type)
        what = f"the field {field!r}" if field else "the document"
        raise InvalidArgument(f"{what} cannot be encoded: {error}") from error


def _encode(document: dict[str, Any], data_type: DataType) -> bytes:
    """A dict as one document. Raises one of `_ENCODING_ERRORS`, or InvalidArgument for an unknown type."""
    if data_type == DATA_TYPE_MONGO_BSON:
        return bson.encode(document, codec_options=CODEC_OPTIONS)
    if data_type == DATA_TYPE_JSON_ID:
        return _encode_json(document)
    raise _unsupported(data_type)


def _unencodable(document: dict[str, Any], data_type: DataType) -> str:
    """Where the first value is that cannot be encoded, as `a.b[2]`; deeper than `_SHOWN_LEVELS` it is not searched."""

    def fails(inner: dict[str, Any]) -> bool:
        try:
            _encode(inner, data_type)
        except _ENCODING_ERRORS:
            return True
        return False

    path = ""
    value: Any = document
    for _ in range(_SHOWN_LEVELS):
        if isinstance(value, dict):
            inside = [(f".{name}" if path else str(name), {name: item}) for name, item in value.items()]
        elif isinstance(value, list | tuple):
            inside = [(f"[{index}]", {"": item}) for index, item in enumerate(value)]
        else:
            break
        step, bad = next(((step, inner) for step, inner in inside if fails(inner)), ("", None))
        if bad is None:
            break
        path += step
        (value,) = bad.values()
    return path


def encode_id(value: Any, name: str = "_id") -> BsonValue:
    """A Python value as one part of an id: its BSON type code, and the bytes of the BSON value alone.

    Raises InvalidArgument for a value that BSON cannot hold.
    """
    try:
        document = bson.encode({"": value}, codec_options=CODEC_OPTIONS)
    except (BSONError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidArgument(f"cannot be an id: {error}") from error
    # int32 length, type byte, empty name and its NUL, the value, the closing NUL
    return BsonValue(data=document[6:-1], type=document[4], name=name)


def decode_id(value: BsonValue) -> Any:
    """One part of an id as a Python value.

    Raises InvalidArgument if `data` is not a value of the BSON type `type`. (Raw UTF-8 never is.)
    """
    try:
        size = value_size(value.data, 0, value.type)
    except (struct.error, IndexError, ValueError) as error:
        raise InvalidArgument(f"the id's data is not a BSON value of type {value.type}: {value.data[:32]!r}") from error
    if size != len(value.data):
        raise InvalidArgument(
            f"the id's data has {len(value.data)} bytes, but its BSON value of type {value.type} has {size}"
        )
    document = INT32.pack(len(value.data) + 7) + bytes([value.type, 0]) + value.data + b"\0"
    return decode(document, DATA_TYPE_MONGO_BSON)[""]


def id_of(data: bytes, data_type: DataType) -> list[BsonValue]:
    """The id of an encoded document, as an update carries it.

    Raises InvalidArgument if the bytes are not a document or have no id. BSON is only checked up to the id; `decode`
    checks the rest.
    """
    if data_type == DATA_TYPE_MONGO_BSON:
        try:
            if (first := _first_id(data)) is not None:
                return [first]
            for kind, name, start, end in elements(data):
                if name == b"_id":
                    return [BsonValue(data=data[start:end], type=kind, name="_id")]
        except (struct.error, IndexError, ValueError) as error:
            raise InvalidArgument(f"not a BSON document: {error}") from error
        raise InvalidArgument("the document has no _id")
    document = decode(data, data_type)
    if document.get("id") is None:
        raise InvalidArgument("the document has no id")
    value = document["id"]
    if isinstance(value, int) and not isinstance(value, bool):
        value = whole_id(value)
    return [encode_id(value, "id")]


def whole_id(number: int) -> bson.Int64 | bson.Decimal128 | float:
    """A whole JSON number as an id: an int64, or a decimal beyond 64 bits, so that different ids remain different.

    Raises InvalidArgument for one beyond doubles.
    """
    if -(2**63) <= number < 2**63:
        return bson.Int64(number)
    if abs(number) < 10**_DECIMAL_DIGITS:
        return bson.Decimal128(str(number))
    try:
        return float(number)
    except OverflowError as error:
        raise InvalidArgument(f"cannot be an id: {error}") from error


def _first_id(data: bytes) -> BsonValue | None:
    """The id, if it is the first element, as usual; None also for most bytes that are not a document."""
    if data[5:9] != b"_id\0" or INT32.unpack_from(data)[0] != len(data) or data[-1] != 0:
        return None
    end = 9 + value_size(data, 9, data[4])
    return BsonValue(data=data[9:end], type=data[4], name="_id") if end < len(data) else None


def id_key(parts: Iterable[BsonValue]) -> bytes:
    """A key that is equal for two ids exactly if they are the same id: types matter, names do not.

    Raises InvalidArgument for a part that is not a BSON value.
    """
    try:
        keys = [_part_key(part.type, part.data) for part in parts]
    except (struct.error, IndexError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"not an id: {error}") from error
    return keys[0] if len(keys) == 1 else b"".join(keys)


def id_parts(key: bytes) -> list[BsonValue]:
    """The parts of the id that a key of `id_key` stands for, without names."""
    parts = []
    start = 0
    while start < len(key):
        end = start + 5 + INT32.unpack_from(key, start + 1)[0]
        parts.append(BsonValue(type=key[start], data=key[start + 5 : end]))
        start = end
    return parts


def _part_key(kind: int, data: bytes) -> bytes:
    value = canonical_value(data, 0, len(data), kind)
    return bytes([kind]) + INT32.pack(len(value)) + value


def same_document(one: bytes, other: bytes, data_type: DataType) -> bool:
    """Whether two encoded documents mean the same. Types and the order of arrays matter; field order does not."""
    return one == other or canonical(one, data_type) == canonical(other, data_type)


def canonical(data: bytes, data_type: DataType) -> bytes:
    """Bytes that are equal for documents that mean the same. Compare them within one process only.

    BSON: fields are sorted at every level, and all NaN are equal. JSON: keys are sorted, and numbers compare by value
    (1 equals 1.0). Raises InvalidArgument for bytes that are not a document.
    """
    try:
        if data_type == DATA_TYPE_MONGO_BSON:
            return canonical_document(data)
        if data_type == DATA_TYPE_JSON_ID:
            return _canonical_json(data)
    except (struct.error, IndexError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"not a {DataType.Name(data_type)} document: {error}") from error
    raise _unsupported(data_type)


def batches(documents: Iterable[bytes], *, max_items: int, max_bytes: int) -> Iterator[list[bytes]]:
    """Split documents into pages of at most `max_items` documents and `max_bytes` bytes.

    A larger document becomes a page by itself.
    """
    page: list[bytes] = []
    size = 0
    for document in documents:
        if page and (len(page) >= max_items or size + len(document) > max_bytes):
            yield page
            page, size = [], 0
        page.append(document)
        size += len(document)
    if page:
        yield page


def _unsupported(data_type: DataType) -> InvalidArgument:
    return InvalidArgument(f"unsupported data type {data_type}: expected MONGO_BSON (1) or JSON_ID (2)")


def _encode_json(document: dict[str, Any]) -> bytes:
    data = orjson.dumps(document)
    if b"null" in data:  # orjson silently writes null for NaN and the infinities
        json.dumps(document, allow_nan=False, default=str)
    return data


def _decode_json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            # orjson refuses numbers beyond doubles and escaped halves of surrogate pairs, which JSON allows.
            return json.loads(data.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise InvalidArgument(f"not a JSON object: {error}") from error


def _canonical_json(data: bytes) -> bytes:
    value = _BY_VALUE.decode(data.decode())
    if not isinstance(value, dict):
        raise ValueError(f"not an object but {type(value).__name__}")
    return _SORTED.encode(value).encode()


def _number(text: str) -> list[object]:
    """A JSON number by its value alone, in a form that no JSON document contains: `Infinity` is not JSON."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    sign = "-" if text.startswith("-") else ""
    return [math.inf, f"{sign}{significant}e{power}" if significant else "0"]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Made once: each takes longer to make than to read or write a small document.
_BY_VALUE = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_refuse)
_SORTED = json.JSONEncoder(sort_keys=True)
