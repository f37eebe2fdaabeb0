"""Snapshots of logs, kept for the next page or call."""

import threading
from collections import OrderedDict

from dsync_kit.files.logs.log import Listing, Log
from dsync_kit.files.logs.names import visible
from dsync_kit.files.reading.snapshot import Indexes, Snapshot

__all__ = ["Snapshots"]

_KEPT = 16


class Snapshots:
    """The snapshots of the logs of one store. Safe to call from several threads."""

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()

    def newest(self, log: Log, listing: Listing) -> Snapshot:
        """The log as a listing shows it."""
        return self.at(log, max((file.last for file in listing.files), default=0), listing)

    def at(self, log: Log, head: int, listing: Listing | None = None) -> Snapshot:
        """The log as it was at a number; with `listing`, of files that are there now."""
        with self._lock:
            kept = self._kept.get((log.namespace, head))
        # A page below the newest may have come since.
        if kept is not None and (
            listing is None or [part.file for part in kept.parts] == [each.file for each in visible(listing.files)]
        ):
            return kept
        snapshot = Snapshot(log, listing or log.listing(), self._indexes, head)
        with self._lock:
            self._kept[log.namespace, head] = snapshot
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return snapshot

    def forget(self, log: Log) -> None:
        """Forget the log's snapshots, since one of its files has gone."""
        with self._lock:
            for place in [place for place in self._kept if place[0] == log.namespace]:
                del self._kept[place]
