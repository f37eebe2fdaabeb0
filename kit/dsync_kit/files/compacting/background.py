"""Compaction in the background, on one thread that starts with the first work."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from dsync_kit.files.compacting.merging import due
from dsync_kit.files.logs.log import Log

__all__ = ["Background"]

logger = logging.getLogger(__name__)

_INDEXES_AT_ONCE = 8
"""So many indexes are written at once: a connector that ends may have one left for each namespace."""


class Background:
    """Calls `run` for logs that have grown. `close` waits for the current step to end."""

    def __init__(self, run: Callable[[Log], None]) -> None:
        self._run = run
        self._lock = threading.Condition()
        self._waiting: dict[str, Log] = {}
        self._grown: dict[str, tuple[int, int]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._busy = False
        self._small = ThreadPoolExecutor(_INDEXES_AT_ONCE, "indexes")

    def soon(self, work: Callable[[], object]) -> None:
        """Do something optional soon."""
        with suppress(RuntimeError):  # it is closed
            self._small.submit(_logged, work)

    @property
    def closed(self) -> bool:
        """Whether no new work should begin."""
        return self._closed

    def written(self, log: Log, size: int) -> None:
        """Note that a page of `size` bytes was written."""
        with self._lock:
            pages, total = self._grown.get(log.folder, (0, 0))
            self._grown[log.folder] = pages + 1, total + size
            if self._closed or not due(*self._grown[log.folder]):
                return
            del self._grown[log.folder]
            self._waiting[log.folder] = log
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="compaction", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def settle(self) -> None:
        """Wait until nothing waits to be compacted."""
        with self._lock:
            while self._waiting or self._busy:
                self._lock.wait()

    def close(self) -> None:
        """End the thread. Calling it again does nothing."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lock.notify_all()
        self._small.shutdown()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                _, log = self._waiting.popitem()
                self._busy = True
            try:
                self._run(log)
            except Exception as error:  # writing continues, and the next compaction tries again
                logger.warning("%s was not compacted: %s", log.namespace, error)
            finally:
                with self._lock:
                    self._busy = False
                    self._lock.notify_all()


def _logged(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:
        logger.info("an index was not written: %s", error)
