"""The file of one page, and its index."""

from collections.abc import Iterator, Sequence

from dsync_kit.files.content.compression import Compression, compress
from dsync_kit.files.content.lines import Lines
from dsync_kit.files.logs.index import BLOCK_BYTES, Index, IndexBuilder

__all__ = ["page_file"]


def page_file(lines: Lines, number: int, compression: Compression) -> tuple[bytes, Index]:
    """The content of the page `number`, and its index."""
    builder, blocks = IndexBuilder(), []
    builder.page(number)
    for run in _runs(lines):
        block = compress(lines.joined(run), compression)
        builder.block(block, builder.lines)
        deleted = [at for at, digest in enumerate(run) if digest in lines.deleted] if lines.deleted else ()
        builder.lines_of(b"".join(run), deleted)
        blocks.append(block)
    return b"".join(blocks), builder.build(horizon=0)


def _runs(lines: Lines) -> Iterator[Sequence[bytes]]:
    """The digests of the lines, in runs that fit in a block."""
    digests = list(lines.texts)
    if lines.size <= BLOCK_BYTES:
        yield digests
        return
    first = size = 0
    for at, digest in enumerate(digests):
        more = len(lines.texts[digest]) + 1
        if at > first and size + more > BLOCK_BYTES:
            yield digests[first:at]
            first, size = at, 0
        size += more
    yield digests[first:]
