"""Finds superseded lines: only the newest line of each id counts. Memory stays bounded for any number of lines."""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from struct import Struct
from typing import IO
from zlib import crc32

from dsync_kit.files.content.lines import DIGEST
from dsync_kit.files.logs.index import Index

__all__ = ["BUCKETS", "LINES_IN_MEMORY", "bucket_of", "superseded"]

LINES_IN_MEMORY = 500_000
"""More lines than this are first sorted into files by their digests; this many take about 60 MB."""

_ENTRY = Struct(f"<II{DIGEST}s")
BUCKETS = 256


def bucket_of(digest: bytes) -> int:
    """The bucket of a digest. Buckets have about the same size, even though short ids stand unhashed in digests."""
    return crc32(digest) % BUCKETS


def superseded(files: Sequence[tuple[Index, int]]) -> list["array[int]"]:
    """For each file, the lines whose id stands in a later file, in order. With each index: how many lines count."""
    if sum(stop for _, stop in files) <= LINES_IN_MEMORY:
        return _in_memory(files)
    found = [array("I") for _ in files]
    for bucket in _buckets(files):
        seen: set[bytes] = set()
        for file, line, digest in bucket:
            if digest in seen:
                found[file].append(line)
            else:
                seen.add(digest)
    return [array("I", sorted(lines)) for lines in found]


def _in_memory(files: Sequence[tuple[Index, int]]) -> list["array[int]"]:
    seen: set[bytes] = set()
    found = []
    for index, stop in reversed(files):
        digests = index.all_digests(stop)
        dead = array("I")
        if not seen.isdisjoint(digests):
            dead.extend(line for line, digest in enumerate(digests) if digest in seen)
        seen.update(digests)
        found.append(dead)
    return found[::-1]


def _buckets(files: Sequence[tuple[Index, int]]) -> Iterator[Iterator[tuple[int, int, bytes]]]:
    """All lines in parts that share no id, newest file first in each."""
    with ExitStack() as stack:
        spools = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(BUCKETS)]
        for number in range(len(files) - 1, -1, -1):
            index, stop = files[number]
            digests = index.digests
            for line in range(stop):
                digest = digests[line * DIGEST : (line + 1) * DIGEST]
                spools[bucket_of(digest)].write(_ENTRY.pack(number, line, digest))
        for spool in spools:
            yield _entries(spool)


def _entries(spool: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    spool.seek(0)
    while chunk := spool.read(_ENTRY.size * 4096):
        yield from _ENTRY.iter_unpack(chunk)
