"""Partitions of the files of other tools, and how many rows they have."""

import threading
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise

from dsync_kit.files.content.compression import plain_name
from dsync_kit.files.foreign.kinds import Kind, Piece, Rows, kind_of, named
from dsync_kit.files.foreign.parquet_rows import row_groups
from dsync_kit.files.foreign.rows import Row
from dsync_kit.files.reading.log_listing import Planned
from dsync_kit.files.reading.position import FilesPartition, PiecePartition
from dsync_kit.files.stores.storage import Entry, Storage

__all__ = ["ForeignPlans"]

_COUNTED_BYTES = 64 << 20
"""So many bytes of files are counted exactly."""
_SAMPLED_BYTES = 1 << 20
_DIVIDED: frozenset[Kind] = frozenset({"lines", "csv", "tsv", "bson"})
"""The kinds in which a row can be found from a place in the middle."""
_ROW_BYTES = 200
"""What a row is taken to have where none could be looked at."""


class ForeignPlans:
    """Plans and counts the files in one store, in partitions of about `partition_bytes`."""

    def __init__(self, storage: Storage, rows: Rows, partition_bytes: int) -> None:
        self._storage = storage
        self._rows = rows
        self._partition_bytes = partition_bytes
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}

    def plan(self, entries: Sequence[Entry]) -> list[Planned]:
        """Small files share a partition. Large ones have several, if they are plain and not a JSON array."""
        planned: list[Planned] = []
        group: list[Entry] = []
        size = 0
        for entry in entries:
            pieces = self._pieces(entry) if entry.size > self._partition_bytes else []
            if group and (pieces or size + entry.size > self._partition_bytes):
                planned.append(self._together(group))
                group, size = [], 0
            if pieces:
                planned += pieces
            else:
                group.append(entry)
                size += entry.size
        return [*planned, self._together(group)] if group else planned

    def count(self, entries: Sequence[Entry]) -> int:
        """How many rows there are: exactly for small files and Parquet, otherwise estimated from samples."""
        known = counted = counted_bytes = rest_bytes = 0
        for entry in entries:
            kind = kind_of(entry.key)
            if kind == "parquet":
                known += sum(rows for _, rows in self._row_groups(entry))
            elif counted_bytes + entry.size <= _COUNTED_BYTES:
                counted += self._counted(entry)
                counted_bytes += entry.size
            elif kind in _DIVIDED and _is_plain(entry):
                known += round(self._rows.density(entry, _SAMPLED_BYTES) * entry.size)
            else:
                rest_bytes += entry.size
        # The rest is taken to be like what was counted.
        rest = rest_bytes * counted // counted_bytes if counted_bytes else rest_bytes // _ROW_BYTES
        return known + counted + rest

    def _together(self, group: Sequence[Entry]) -> Planned:
        return Planned(FilesPartition(first=group[0].key, last=group[-1].key).encode(), self.count(group))

    def _pieces(self, entry: Entry) -> list[Planned]:
        """The partitions of a large file; none if it cannot be divided."""
        kind = kind_of(entry.key)
        if not _is_plain(entry):
            return []
        if kind == "parquet":
            return self._runs_of_groups(entry)
        if kind not in _DIVIDED:
            return []
        density = self._rows.density(entry, _SAMPLED_BYTES)
        count = -(-entry.size // self._partition_bytes)
        bounds = [entry.size * number // count for number in range(count + 1)]
        return [_piece(entry, start, stop, round((stop - start) * density)) for start, stop in pairwise(bounds)]

    def _runs_of_groups(self, entry: Entry) -> list[Planned]:
        groups = self._row_groups(entry)
        bounds, size = [0], 0
        for number, (each, _) in enumerate(groups):
            if size and size + each > self._partition_bytes:
                bounds.append(number)
                size = 0
            size += each
        if len(bounds) == 1:
            return []
        return [
            _piece(entry, start, stop, sum(rows for _, rows in groups[start:stop]))
            for start, stop in pairwise([*bounds, len(groups)])
        ]

    def _row_groups(self, entry: Entry) -> list[tuple[int, int]]:
        with self._storage.open(entry.key) as file, named(entry):
            return row_groups(file)

    def _counted(self, entry: Entry) -> int:
        place = (entry.key, entry.version)
        with self._lock:
            known = self._counts.get(place)
        if known is None:
            with self._storage.open(entry.key) as file, closing(self._rows.of(Piece(entry), file)) as rows:
                known = sum(1 for row in rows if isinstance(row, Row))
            with self._lock:
                self._counts[place] = known
        return known


def _piece(entry: Entry, start: int, stop: int, rows: int) -> Planned:
    partition = PiecePartition(key=entry.key, file_version=entry.version, start=start, stop=stop)
    return Planned(partition.encode(), rows)


def _is_plain(entry: Entry) -> bool:
    return plain_name(entry.key)[1] == "none"
