"""The index of a file: where its lines are, from which pages they come, and the digests of their ids.

It can be computed from the file, except for the pages of a merged one. Indexes of pages share a file.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple
from zlib import crc32

import orjson

from dsync_kit.errors import FailedPrecondition, InvalidArgument
from dsync_kit.files.content.compression import Compression, compress, decompress
from dsync_kit.files.content.lines import DIGEST, Line, read_line
from dsync_kit.protocol import DataType

__all__ = [
    "BLOCK_BYTES",
    "Block",
    "BlockLines",
    "ChangedFile",
    "Index",
    "IndexBuilder",
    "build_block",
    "check_block",
    "decode_pages",
    "encode_pages",
    "index_of",
    "read_block",
]

BLOCK_BYTES = 1 << 20
"""The approximate size of a block before compression. A block is read and compressed as a whole."""

_MAGIC = b"dsync-index-1\n"
_PAGES_MAGIC = b"dsync-page-indexes-1\n"


class ChangedFile(FailedPrecondition):
    """A file isn't what its index says. Somebody changed it; or a compaction removed it, and a late writer has made
    another one with its name, which does not count: then a new listing doesn't show it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that can be read alone: its place in the file, its first line, and the CRC-32 of its bytes."""

    offset: int
    size: int
    line: int
    checksum: int


class Index:
    """The index of one file. Lines are counted from 0, in the order of their pages.

    `horizon` is the last page in whose favour older lines of this file may have been dropped; 0 if none were.
    """

    def __init__(
        self,
        *,
        size: int,
        horizon: int,
        blocks: Sequence[Block],
        pages: tuple["array[int]", "array[int]"],
        deletes: "array[int]",
        digests: bytes | mmap,
    ) -> None:
        self.size = size
        self.horizon = horizon
        self.blocks = blocks
        self.block_lines = [block.line for block in blocks]
        self.deletes = deletes
        self.digests = digests
        self._numbers, self._starts = pages

    def __len__(self) -> int:
        return len(self.digests) // DIGEST

    def digest(self, line: int) -> bytes:
        """The digest of one line's id."""
        return self.digests[line * DIGEST : (line + 1) * DIGEST]

    def all_digests(self, stop: int) -> list[bytes]:
        """The digests of the lines before `stop`."""
        data = self.digests
        return [data[at : at + DIGEST] for at in range(0, stop * DIGEST, DIGEST)]

    def line_from(self, number: int) -> int:
        """The first line of the page `number` or of the next existing one; the number of lines if there is none."""
        page = bisect_left(self._numbers, number)
        return self._starts[page] if page < len(self._starts) else len(self)

    def pages(self) -> Iterable[tuple[int, int]]:
        """The numbers of the pages, each with its first line."""
        return zip(self._numbers, self._starts, strict=True)

    def pages_between(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The pages that have lines from `start` up to `stop`: each number, and its lines in that range."""
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._starts) and self._starts[at] < stop:
            end = self._starts[at + 1] if at + 1 < len(self._starts) else len(self)
            yield self._numbers[at], max(self._starts[at], start), min(end, stop)
            at += 1

    def find(self, digest: bytes, stop: int) -> int | None:
        """The line before `stop` with this digest; None if there isn't one."""
        at = -1
        while (at := self.digests.find(digest, at + 1, stop * DIGEST)) >= 0:
            if at % DIGEST == 0:
                return at // DIGEST
        return None

    def encode(self) -> bytes:
        """The index as a file."""
        head = orjson.dumps(
            {
                "size": self.size,
                "horizon": self.horizon,
                "blocks": [[block.offset, block.size, block.line, block.checksum] for block in self.blocks],
                "pages": len(self._numbers),
                "deletes": len(self.deletes),
            }
        )
        arrays = b"".join(_little(each) for each in (self._numbers, self._starts, self.deletes))
        return b"".join((_MAGIC, head, b"\n", arrays, self.digests[:]))

    @classmethod
    def decode(cls, data: bytes) -> "Index":
        """The index from its file. Raises ValueError for anything that `encode` did not write."""
        if not data.startswith(_MAGIC):
            raise ValueError("not an index")
        end = data.index(b"\n", len(_MAGIC))
        head = orjson.loads(data[len(_MAGIC) : end])
        at = end + 1
        arrays = []
        for kind, count in (("Q", head["pages"]), ("I", head["pages"]), ("I", head["deletes"])):
            found = array(kind)
            found.frombytes(data[at : at + count * found.itemsize])
            at += count * found.itemsize
            arrays.append(found if sys.byteorder == "little" else _swapped(found))
        numbers, starts, deletes = arrays
        if (len(data) - at) % DIGEST:
            raise ValueError("not a whole index")
        return cls(
            size=head["size"],
            horizon=head["horizon"],
            blocks=[Block(*fields) for fields in head["blocks"]],
            pages=(numbers, starts),
            deletes=deletes,
            digests=data[at:],
        )


class IndexBuilder:
    """Builds an index, block by block, in the order of the file."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._size = 0
        self._numbers, self._starts, self._deletes = array("Q"), array("I"), array("I")
        self._digests = bytearray()

    @property
    def lines(self) -> int:
        """The lines so far."""
        return len(self._digests) // DIGEST

    def page(self, number: int) -> None:
        """The following lines belong to the page with this number."""
        if not self._numbers or self._numbers[-1] != number:
            self._numbers.append(number)
            self._starts.append(self.lines)

    def lines_of(self, digests: bytes, deletes: Iterable[int]) -> None:
        """Add lines to the current page: their digests, and which of them, counted from 0, are deletes."""
        self._deletes.extend(self.lines + each for each in deletes)
        self._digests += digests

    def block(self, data: bytes, line: int) -> None:
        """Add a block as it is in the file; `line` is its first line."""
        self._blocks.append(Block(self._size, len(data), line, crc32(data)))
        self._size += len(data)

    def build(self, horizon: int) -> Index:
        """The index of what was added."""
        return Index(
            size=self._size,
            horizon=horizon,
            blocks=self._blocks,
            pages=(self._numbers, self._starts),
            deletes=self._deletes,
            digests=bytes(self._digests),
        )


def encode_pages(indexes: Mapping[int, Index]) -> bytes:
    """The indexes of several pages as one file, by the numbers of the pages."""
    encoded = [index.encode() for index in indexes.values()]
    head = orjson.dumps([[number, len(each)] for number, each in zip(indexes, encoded, strict=True)])
    return b"".join((_PAGES_MAGIC, head, b"\n", *encoded))


def decode_pages(data: bytes) -> dict[int, Index]:
    """The indexes of several pages. Raises ValueError for anything that `encode_pages` did not write."""
    if not data.startswith(_PAGES_MAGIC):
        raise ValueError("no indexes of pages")
    end = data.index(b"\n", len(_PAGES_MAGIC))
    at = end + 1
    found = {}
    for number, size in orjson.loads(data[len(_PAGES_MAGIC) : end]):
        found[number] = Index.decode(data[at : at + size])
        at += size
    return found


def build_block(texts: Iterable[bytes], compression: Compression) -> bytes:
    """A block of these lines, as it is in the file."""
    return compress(b"\n".join((*texts, b"")), compression)


class BlockLines(NamedTuple):
    """The lines of a block without their ends, and whether none of them has a `$`, as lines of ours have."""

    texts: Sequence[bytes]
    plain: bool


def read_block(data: bytes, block: Block, compression: Compression, key: str) -> BlockLines:
    """The lines of a block. Raises ChangedFile if it has changed since it was written."""
    check_block(data, block, key)
    plain = decompress(data, compression)
    texts = plain.split(b"\n")
    texts.pop()
    return BlockLines(texts, plain.find(b"$") < 0)


def check_block(data: bytes, block: Block, key: str) -> None:
    """Raises ChangedFile if a block has changed since it was written."""
    if len(data) != block.size or crc32(data) != block.checksum:
        raise ChangedFile(
            f"the file {key!r} has been changed since it was written: restore it, or delete its file in _index/ "
            "if the change was meant"
        )


def index_of(
    data: bytes, number: int, compression: Compression, data_type: DataType, key: str
) -> tuple[Index, BlockLines]:
    """The index of a file, computed from its content, and its lines, which belong to the page `number`.

    Raises FailedPrecondition for a malformed line, and names file and line.
    """
    builder = IndexBuilder()
    builder.page(number)
    builder.block(data, 0)
    try:
        plain = decompress(data, compression)
    except Exception as error:
        raise FailedPrecondition(f"the file {key!r} cannot be decompressed: {error}") from error
    texts = plain.split(b"\n")
    if texts.pop():
        raise FailedPrecondition(f"the file {key!r} is cut off: its last line has no end")
    for count, text in enumerate(texts, 1):
        try:
            line: Line = read_line(text, data_type)
        except InvalidArgument as error:
            raise FailedPrecondition(f"the file {key!r}, line {count}: {error.message}") from error
        builder.lines_of(line.digest, [0] if line.deleted else [])
    return builder.build(horizon=0), BlockLines(texts, plain.find(b"$") < 0)


def _little(values: "array[int]") -> bytes:
    return (values if sys.byteorder == "little" else _swapped(values)).tobytes()


def _swapped(values: "array[int]") -> "array[int]":
    found = array(values.typecode, values)
    found.byteswap()
    return found
