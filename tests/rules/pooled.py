"""A connector with a pool of connections that is smaller than the number of its callers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .fault import REFERENCE

__all__ = ["Pooled"]


class Pooled(REFERENCE.ReferenceConnector):
    """Has `size` connections, and fails if all of them are in use."""

    size = 0

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.pool = threading.BoundedSemaphore(self.size)

    @contextmanager
    def connection(self) -> Iterator[None]:
        if not self.pool.acquire(blocking=False):
            raise RuntimeError(f"QueuePool limit of size {self.size} overflow 0 reached")
        try:
            time.sleep(0.02)
            yield
        finally:
            self.pool.release()
