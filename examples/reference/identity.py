"""Which documents are one: where an id has its place in the order of listing."""

from zlib import crc32

import bson

from dsync_kit.documents import decode_id, encode_id, id_key
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, BsonValue, DataType

_NUMBERS = frozenset({0x01, 0x10, 0x12})
_INT64_END = 2**63


def position_of(part: BsonValue, data_type: DataType) -> bytes:
    """The place of an id among all ids of its namespace: two ids share it exactly if they are one id.

    It leads with a hash, the same in every process: a range of positions is a random share of the documents.
    Raises InvalidArgument for a JSON number beyond 64 bits.
    """
    if data_type == DATA_TYPE_JSON_ID and part.type in _NUMBERS:
        part = _json_number(part)
    key = id_key([part])
    return crc32(key).to_bytes(4) + key


def hash_range(index: int, count: int) -> tuple[bytes, bytes | None]:
    """Where share `index` of `count` begins and ends; the last one has no end."""
    if not 0 <= index < count:
        raise InvalidArgument(f"there is no partition {index} of {count}")
    bounds = [(n * 2**32 // count) for n in (index, index + 1)]
    return bounds[0].to_bytes(4), bounds[1].to_bytes(4) if index + 1 < count else None


def _json_number(part: BsonValue) -> BsonValue:
    """One BSON value for one number: JSON does not tell 5 from 5.0, nor 32 bits from 64."""
    value = decode_id(part)
    # Larger integers come out of the JSON parser as rounded floats: different ids would look like one.
    if not -_INT64_END <= value < _INT64_END:
        raise InvalidArgument(f"the id {value!r} does not fit 64 bits: use a string")
    return encode_id(bson.Int64(value), part.name) if value == int(value) else part
