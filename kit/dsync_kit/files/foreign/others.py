"""The files of other tools in a namespace, which count as older than its log."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from dsync_kit.conversion import convert
from dsync_kit.documents import id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.content.lines import digest_of
from dsync_kit.files.foreign.planning import ForeignPlans
from dsync_kit.files.foreign.reading import ForeignFiles
from dsync_kit.files.logs.log import Format, Listing, Log
from dsync_kit.files.reading.log_listing import Planned
from dsync_kit.files.reading.mentioned import Mentioned
from dsync_kit.files.reading.position import FilePlace, FilesPartition, PiecePartition, PiecePlace
from dsync_kit.files.reading.snapshot import Snapshot
from dsync_kit.files.reading.snapshots import Snapshots
from dsync_kit.files.stores.listed import Listable
from dsync_kit.files.stores.storage import Entry
from dsync_kit.protocol import DataType

__all__ = ["Others", "is_foreign"]

_KEPT = 16
_CURSORS: tuple[tuple[type[FilesPartition | PiecePartition], type[FilePlace | PiecePlace]], ...] = (
    (FilesPartition, FilePlace),
    (PiecePartition, PiecePlace),
)
"""The cursor of each kind of partition, and that of a place in it."""


class Others:
    """The files of other tools in the namespaces of one store.

    They are in the namespace's folder, in a folder of its plain name, or, for the namespace `root`, in no folder. A
    document that the log has written or deleted is left out.
    """

    def __init__(
        self, storage: Listable, files: ForeignFiles, plans: ForeignPlans, snapshots: Snapshots, *, root: str
    ) -> None:
        self._storage = storage
        self._files = files
        self._plans = plans
        self._snapshots = snapshots
        self._root = root
        self._lock = threading.Lock()
        self._listings: OrderedDict[tuple[str, int, bytes], tuple[list[Entry], Callable[[bytes], bool]]] = OrderedDict()
        self._mentioned: tuple[Snapshot, Mentioned] | None = None

    def at_top(self, listed: Listable | None = None) -> list[Entry]:
        """The files outside any folder. Raises FailedPrecondition for one of an unknown kind."""
        return self._files.wanted(self._top(listed or self._storage))

    def entries(self, log: Log, listing: Listing, listed: Listable | None = None) -> list[Entry]:
        """The files of a namespace, in the order of their keys. Raises FailedPrecondition for one of an unknown kind.

        `listing` is of the namespace's folder; `listed` says what the store has, instead of the store.
        """
        found = list(listing.foreign)
        plain = log.namespace
        if plain != log.folder and "/" not in plain and not plain.startswith(("_", ".")) and plain.isprintable():
            found += [entry for entry in (listed or self._storage).entries(plain) if not _hidden(entry.key)]
        if plain == self._root:
            found += self._top(listed or self._storage)
        return self._files.wanted(found)

    def count(self, entries: Sequence[Entry]) -> int:
        """How many rows there are; an estimate for large files."""
        return self._plans.count(entries)

    def plan(self, entries: Sequence[Entry]) -> list[Planned]:
        """Partitions that together hold each row once."""
        return self._plans.plan(entries)

    def page(
        self, log: Log, partition: bytes, cursor: bytes, data_type: DataType
    ) -> tuple[list[bytes], FilePlace | PiecePlace | None]:
        """A page of a partition, from a cursor on (empty: from the start), and where the next one begins, or None.

        Raises InvalidArgument for foreign cursors, and what `ForeignFiles.page` raises.
        """
        part, place = _decoded(partition, cursor)
        key = (log.namespace, data_type, partition)
        with self._lock:
            known = self._listings.get(key) if place is not None else None
        if known is None:
            listing = log.listing()
            known = self.entries(log, listing), self._superseded(log, listing, data_type)
            with self._lock:
                self._listings[key] = known
                while len(self._listings) > _KEPT:
                    self._listings.popitem(last=False)
        entries, superseded = known
        return self._files.page(
            entries,
            part,
            place,
            data_type=data_type,
            within=lambda name: _within(log, name),
            superseded=superseded,
        )

    def find(self, log: Log, entries: Sequence[Entry], wanted: set[bytes], data_type: DataType) -> dict[bytes, bytes]:
        """The documents whose ids have these digests, as far as there are any; this reads all the files."""
        found: dict[bytes, bytes] = {}
        partition, cursor = FilesPartition(first=entries[0].key, last=entries[-1].key).encode(), b""
        while True:
            documents, place = self.page(log, partition, cursor, data_type)
            for document in documents:
                digest = digest_of(id_of(document, data_type)[0], data_type)
                if digest in wanted:
                    found[digest] = document
            if place is None:
                return found
            cursor = place.encode()

    def forget(self) -> None:
        """Forget all listings, since a file has gone."""
        with self._lock:
            self._listings.clear()

    def _top(self, listed: Listable) -> list[Entry]:
        return [entry for entry in listed.top() if not _hidden(entry.key)]

    def _superseded(self, log: Log, listing: Listing, data_type: DataType) -> Callable[[bytes], bool]:
        known = log.format()
        if known is None or not listing.files:
            return _never
        snapshot = self._snapshots.newest(log, listing)
        with self._lock:
            if self._mentioned is None or self._mentioned[0] is not snapshot:
                self._mentioned = snapshot, Mentioned(snapshot)
            mentioned = self._mentioned[1]
        written: Format = known

        def is_superseded(document: bytes) -> bool:
            try:
                there = convert(document, data_type, written.data_type)
                return digest_of(id_of(there, written.data_type)[0], written.data_type) in mentioned
            except InvalidArgument:  # no such document could have been written
                return False

        return is_superseded


def is_foreign(partition: bytes) -> bool:
    """Whether a partition's cursor is one of files of other tools."""
    return _cursors_of(partition) is not None


def _cursors_of(partition: bytes) -> tuple[type[FilesPartition | PiecePartition], type[FilePlace | PiecePlace]] | None:
    return next((kinds for kinds in _CURSORS if partition.startswith(f'["{kinds[0].__name__}"'.encode())), None)


def _decoded(partition: bytes, cursor: bytes) -> tuple[FilesPartition | PiecePartition, FilePlace | PiecePlace | None]:
    part, place = _cursors_of(partition) or _CURSORS[0]
    return part.decode(partition), place.decode(cursor) if cursor else None


def _within(log: Log, key: str) -> str:
    """A file's name within its namespace."""
    for folder in (log.folder, log.namespace):
        if key.startswith(f"{folder}/"):
            return key[len(folder) + 1 :]
    return key


def _never(_: bytes) -> bool:
    return False


def _hidden(key: str) -> bool:
    return any(part.startswith(("_", ".")) for part in key.split("/"))
