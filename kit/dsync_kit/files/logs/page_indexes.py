"""The indexes of many pages in one file: a reader needs one request for them, and a writer, too."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from dsync_kit.files.logs.index import Index, encode_pages
from dsync_kit.files.logs.log import Log
from dsync_kit.files.logs.names import LogFile, pages_name
from dsync_kit.files.stores.storage import Storage

__all__ = ["PageIndexes"]

_PAGES = 64
_BYTES = 16 << 20
"""Pages are indexed when there are so many of them, or when they have so many bytes."""
_WORTH_BYTES = 1 << 20
"""A page with fewer bytes and no neighbour gets no index: reading it costs little more."""

_Page = tuple[LogFile, Index]


class PageIndexes:
    """Collects the indexes of pages as they are written. `soon` does something in the background."""

    def __init__(self, storage: Storage, soon: Callable[[Callable[[], object]], None]) -> None:
        self._storage = storage
        self._soon = soon
        self._lock = threading.Lock()
        self._collected: dict[str, tuple[Log, list[_Page]]] = {}

    def written(self, log: Log, file: LogFile, index: Index) -> None:
        """Note a page; with enough of them an index is written."""
        with self._lock:
            _, pages = self._collected.setdefault(log.folder, (log, []))
            pages.append((file, index))
            if len(pages) < _PAGES and sum(each.size for each, _ in pages) < _BYTES:
                return
            del self._collected[log.folder]
        self._write(log, pages)

    def flush(self) -> None:
        """Write the indexes of all pages that were noted."""
        with self._lock:
            collected, self._collected = self._collected, {}
        for log, pages in collected.values():
            self._write(log, pages)

    def _write(self, log: Log, pages: Sequence[_Page]) -> None:
        for run in _neighbours(sorted(pages, key=lambda page: page[0].last)):
            if len(run) > 1 or run[0][0].size >= _WORTH_BYTES:
                key = log.index_key(pages_name(run[0][0].first, run[-1][0].last))
                indexes = {file.last: index for file, index in run}
                self._soon(partial(self._put, key, indexes))

    def _put(self, key: str, indexes: Mapping[int, Index]) -> None:
        self._storage.replace(key, encode_pages(indexes))


def _neighbours(pages: Sequence[_Page]) -> Iterator[list[_Page]]:
    """Runs of pages whose numbers follow on each other."""
    run: list[_Page] = []
    for page in pages:
        if run and page[0].first != run[-1][0].last + 1:
            yield run
            run = []
        run.append(page)
    if run:
        yield run
