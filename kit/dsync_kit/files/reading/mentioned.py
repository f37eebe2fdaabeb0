"""Which ids a log mentions, in memory or, where they are many, in a sorted file."""

import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack
from mmap import ACCESS_READ, mmap

from dsync_kit.files.content.lines import DIGEST
from dsync_kit.files.reading.resolve import LINES_IN_MEMORY
from dsync_kit.files.reading.snapshot import Snapshot

__all__ = ["Mentioned"]

_BUCKETS = 256


class Mentioned:
    """The digests of a snapshot's lines, documents and deletes: `digest in mentioned`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._few: frozenset[bytes] = frozenset()
        self._many: mmap | None = None
        if sum(part.stop for part in snapshot.parts) <= LINES_IN_MEMORY:
            self._few = frozenset(snapshot.digests())
        else:
            self._many = _sorted(snapshot.digests())

    def __contains__(self, digest: bytes) -> bool:
        many = self._many
        if many is None:
            return digest in self._few
        count = len(many) // DIGEST
        at = bisect_left(range(count), digest, key=lambda each: many[each * DIGEST : (each + 1) * DIGEST])
        return at < count and many[at * DIGEST : (at + 1) * DIGEST] == digest


def _sorted(digests: Iterator[bytes]) -> mmap:
    with ExitStack() as stack:
        spools = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(_BUCKETS)]
        for digest in digests:
            spools[digest[0]].write(digest)
        file = stack.enter_context(tempfile.TemporaryFile())
        for spool in spools:
            spool.seek(0)
            data = spool.read()
            file.write(b"".join(sorted(data[at : at + DIGEST] for at in range(0, len(data), DIGEST))))
        file.flush()
        return mmap(file.fileno(), 0, access=ACCESS_READ)
