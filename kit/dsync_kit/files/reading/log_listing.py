"""The partitions of a log, and their pages."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dsync_kit.conversion import convert
from dsync_kit.errors import Aborted, FailedPrecondition, InvalidArgument
from dsync_kit.files.content.lines import document_of
from dsync_kit.files.logs.index import BlockLines
from dsync_kit.files.logs.log import Format, Log
from dsync_kit.files.reading.blocks import Blocks
from dsync_kit.files.reading.position import LinePlace, LogPartition
from dsync_kit.files.reading.snapshot import Part, Snapshot, Span
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DataType

__all__ = ["PageLimits", "Planned", "line_text", "log_page", "plan_log", "stored_document"]

_LEAST_AHEAD, _MOST_AHEAD, _AHEAD_BYTES = 4, 16, 4 << 20
"""How many blocks are read ahead, with the one that is listed: more where they are small."""


@dataclass(frozen=True, slots=True)
class PageLimits:
    """The most documents and bytes of a page; a larger document gets its own page."""

    documents: int
    size: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A partition's cursor, and its approximate number of documents."""

    cursor: bytes
    estimated_count: int


def plan_log(snapshot: Snapshot, partition_bytes: int) -> list[Planned]:
    """Partitions of the log, of about `partition_bytes` each."""
    bounds = [0]
    size = 0.0
    for part in snapshot.parts:
        each = part.file.size / max(len(part.index), 1)
        pages = list(part.index.pages())
        for at, (number, start) in enumerate(pages):
            if number <= bounds[-1]:
                continue
            stop = pages[at + 1][1] if at + 1 < len(pages) else len(part.index)
            if size and size + (stop - start) * each > partition_bytes:
                bounds.append(number - 1)
                size = 0.0
            size += (stop - start) * each
    bounds.append(snapshot.head)
    return [
        Planned(
            LogPartition(after=after, until=until, head=snapshot.head).encode(),
            sum(span.part.living(span.start, span.stop) for span in snapshot.spans(after, until)),
        )
        for after, until in pairwise(bounds)
    ]


def log_page(
    log: Log,
    known: Format,
    partition: LogPartition,
    place: LinePlace | None,
    snapshot_at: Callable[[int], Snapshot],
    *,
    blocks: Blocks,
    limits: PageLimits,
    data_type: DataType,
) -> tuple[list[bytes], LinePlace | None]:
    """One page, and where the next one begins, or None. `snapshot_at` returns the log as it was at a number.

    Raises FileNotFoundError if a file has gone (list again), Aborted if the place no longer exists.
    """
    found: list[bytes] = []
    size = 0
    current: LogPartition = place or partition
    while True:
        snapshot = snapshot_at(current.head)
        for part, first, (texts, plain) in _runs(log, known, snapshot, current, place, blocks):
            as_it_is = plain and data_type == known.data_type == DATA_TYPE_JSON_ID
            at = 0
            while at < len(texts):
                count, more = _fitting(texts, at, limits, len(found), size)
                if not count:
                    return found, _place(current, part, first + at)
                found += (
                    texts[at : at + count]
                    if as_it_is
                    else (
                        stored_document(texts[line], known.data_type, data_type, log.key, part.file.name, first + line)
                        for line in range(at, at + count)
                    )
                )
                size += more
                at += count
        # A compaction since the plan may have dropped lines in favour of newer ones: those follow, as a last partition.
        horizon = snapshot.horizon(current.after, current.until)
        if horizon <= current.head:
            return found, None
        current, place = LogPartition(after=current.head, until=horizon, head=horizon), None


def _fitting(texts: Sequence[bytes], at: int, limits: PageLimits, documents: int, size: int) -> tuple[int, int]:
    """How many lines, from one on, fit on a page that has so many documents and bytes, and how many bytes they have."""
    sizes = list(map(len, texts[at : at + limits.documents - documents]))
    total = sum(sizes)
    while sizes and size + total > limits.size and (documents or len(sizes) > 1):
        total -= sizes.pop()
    return len(sizes), total


def line_text(log: Log, known: Format, part: Part, line: int, blocks: Blocks) -> bytes:
    """One line of a file, without its end."""
    index = part.index
    number = bisect_left(index.block_lines, line + 1) - 1
    texts = blocks.lines(log.key(part.file.name), index.blocks[number], known.compression).texts
    return texts[line - index.block_lines[number]]


def stored_document(
    text: bytes, data_type: DataType, wanted: DataType, key_of: Callable[[str], str], file: str, line: int
) -> bytes:
    """The document of a line, in the wanted type. Errors name the file and the line."""
    try:
        document = document_of(text, data_type)
    except InvalidArgument as error:
        raise FailedPrecondition(f"the file {key_of(file)!r}, line {line + 1}: {error.message}") from error
    if data_type == wanted:
        return document
    try:
        return convert(document, data_type, wanted)
    except InvalidArgument as error:
        raise InvalidArgument(f"the file {key_of(file)!r}, line {line + 1}: {error.message}") from error


def _runs(
    log: Log, known: Format, snapshot: Snapshot, partition: LogPartition, place: LinePlace | None, blocks: Blocks
) -> Iterator[tuple[Part, int, BlockLines]]:
    """The lines of a partition that count, from a place on, in runs of neighbours with the number of the first."""
    spans = snapshot.spans(partition.after, min(partition.until, partition.head))
    if place is not None:
        at, line = _found(spans, place)
        spans = [Span(spans[at].part, line, spans[at].stop), *spans[at + 1 :]]
    pieces = _pieces(spans)
    ahead: deque[tuple[Part, int, int, int]] = deque()
    size = 0
    while True:
        while len(ahead) < _LEAST_AHEAD or (len(ahead) < _MOST_AHEAD and size < _AHEAD_BYTES):
            piece = next(pieces, None)
            if piece is None:
                break
            block = piece[0].index.blocks[piece[1]]
            blocks.ask(log.key(piece[0].file.name), block, known.compression)
            ahead.append(piece)
            size += block.size
        if not ahead:
            return
        part, number, start, stop = ahead.popleft()
        block = part.index.blocks[number]
        size -= block.size
        texts, plain = blocks.lines(log.key(part.file.name), block, known.compression)
        first = part.index.block_lines[number]
        for end in (*part.skip[bisect_left(part.skip, start) : bisect_left(part.skip, stop)], stop):
            if start < end:
                yield part, start, BlockLines(texts[start - first : end - first], plain)
            start = end + 1


def _pieces(spans: Sequence[Span]) -> Iterator[tuple[Part, int, int, int]]:
    """The blocks with lines of the spans that count: part, block, and range of lines."""
    for span in spans:
        starts = span.part.index.block_lines
        for number in range(bisect_left(starts, span.start + 1) - 1, bisect_left(starts, span.stop)):
            start = max(span.start, starts[number])
            stop = min(span.stop, starts[number + 1] if number + 1 < len(starts) else span.stop)
            if span.part.living(start, stop):
                yield span.part, number, start, stop


def _found(spans: Sequence[Span], place: LinePlace) -> tuple[int, int]:
    for at, span in enumerate(spans):
        if span.part.file.name == place.file and span.start <= place.line < span.stop:
            return at, place.line
    # Its file was compacted. The line is in another file, in a page of the same number, unless it was overwritten.
    for at, span in enumerate(spans):
        start = max(span.start, span.part.index.line_from(place.number))
        stop = min(span.stop, span.part.index.line_from(place.number + 1))
        for line in range(start, stop):
            if span.part.index.digest(line) == place.digest:
                return at, line
    raise Aborted("the files were compacted while they were listed: list the partition again")


def _place(partition: LogPartition, part: Part, line: int) -> LinePlace:
    ((number, _, _),) = part.index.pages_between(line, line + 1)
    return LinePlace(
        after=partition.after,
        until=partition.until,
        head=partition.head,
        number=number,
        digest=part.index.digest(line),
        file=part.file.name,
        line=line,
    )
