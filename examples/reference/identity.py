"""Which ids are the same, and where an id is in the order of listing."""

from zlib import crc32

from dsync_kit.errors import InvalidArgument
from dsync_kit.incoming import key_of
from dsync_kit.protocol import BsonValue, DataType


def position_of(part: BsonValue, data_type: DataType) -> bytes:
    """The place of an id among all ids of its namespace: two ids share it exactly if they are one id.

    It leads with a hash, the same in every process: a range of positions is a random share of the documents.
    Raises InvalidArgument for a JSON number beyond 64 bits.
    """
    key = key_of(part, data_type)
    return crc32(key).to_bytes(4) + key


def hash_range(index: int, count: int) -> tuple[bytes, bytes | None]:
    """Where share `index` of `count` begins and ends; the last one has no end."""
    if not 0 <= index < count:
        raise InvalidArgument(f"there is no partition {index} of {count}")
    bounds = [(n * 2**32 // count) for n in (index, index + 1)]
    return bounds[0].to_bytes(4), bounds[1].to_bytes(4) if index + 1 < count else None
