"""Chooses the files that a compaction merges."""

from collections.abc import Sequence

from dsync_kit.files.logs.names import LogFile

__all__ = ["due", "to_merge"]

_RATIO = 4
"""A merged file is rewritten as long as it is at most this many times as large as everything after it."""

_DUE = ((64 << 10, 8), (1 << 20, 16), (8 << 20, 64), (64 << 20, 256))
"""Files with fewer bytes in total than the first number are merged when there are as many as the second."""


def due(pages: int, size: int) -> bool:
    """Whether it is time to merge files: of `pages` pages, with `size` bytes in total.

    Single updates are merged early, to keep the files few; whole pages late, because merging writes each byte again.
    """
    for limit, enough in _DUE:
        if size < limit:
            return pages >= enough
    return True


def to_merge(files: Sequence[LogFile], largest: int) -> list[list[LogFile]]:
    """The runs of neighbours to merge, of files in the order of their numbers; no run has more than `largest` bytes.

    From the newest file on back, until a merged file comes that is much larger than all that came after it: so each
    byte is rewritten a few times only, and the sizes of the files grow like powers of the ratio.
    """
    size = 0
    first = len(files)
    for at in range(len(files) - 1, -1, -1):
        file = files[at]
        if file.size > largest // 2 or (file.merged and file.size > _RATIO * size):
            break
        size += file.size
        first = at
    runs: list[list[LogFile]] = []
    size = 0
    for file in files[first:]:
        if not runs or size + file.size > largest:
            runs.append([])
            size = 0
        runs[-1].append(file)
        size += file.size
    return [run for run in runs if len(run) > 1]
