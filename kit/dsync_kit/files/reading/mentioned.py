"""The ids that a log mentions: in memory, or in a sorted file if there are many."""

import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from mmap import ACCESS_READ, mmap

from dsync_kit.files.content.lines import DIGEST
from dsync_kit.files.reading.resolve import BUCKETS, LINES_IN_MEMORY, bucket_of
from dsync_kit.files.reading.snapshot import Snapshot

__all__ = ["Mentioned"]


class Mentioned:
    """The digests of a snapshot's lines, documents and deletes: `digest in mentioned`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._few: frozenset[bytes] = frozenset()
        self._many: mmap | None = None
        self._starts: Sequence[int] = ()
        if sum(part.stop for part in snapshot.parts) <= LINES_IN_MEMORY:
            self._few = frozenset(snapshot.digests())
        else:
            self._many, self._starts = _sorted(snapshot.digests())

    def __contains__(self, digest: bytes) -> bool:
        many = self._many
        if many is None:
            return digest in self._few
        bucket = bucket_of(digest)
        start, stop = self._starts[bucket], self._starts[bucket + 1]
        at = bisect_left(range(stop), digest, lo=start, key=lambda each: many[each * DIGEST : (each + 1) * DIGEST])
        return at < stop and many[at * DIGEST : (at + 1) * DIGEST] == digest


def _sorted(digests: Iterator[bytes]) -> tuple[mmap, Sequence[int]]:
    """The digests by their buckets, sorted in each; and the first one of each bucket, then the count of all."""
    with ExitStack() as stack:
        spools = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(BUCKETS)]
        for digest in digests:
            spools[bucket_of(digest)].write(digest)
        file = stack.enter_context(tempfile.TemporaryFile())
        starts = [0]
        for spool in spools:
            spool.seek(0)
            data = spool.read()
            starts.append(starts[-1] + len(data) // DIGEST)
            file.write(b"".join(sorted(data[at : at + DIGEST] for at in range(0, len(data), DIGEST))))
        file.flush()
        return mmap(file.fileno(), 0, access=ACCESS_READ), starts
