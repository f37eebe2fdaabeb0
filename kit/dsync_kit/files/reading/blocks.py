"""Blocks of files, read ahead and kept for a while, since a block holds several pages of a listing."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future

from dsync_kit.files.content.compression import Compression
from dsync_kit.files.logs.index import Block, BlockLines, read_block
from dsync_kit.files.stores.storage import Storage

__all__ = ["Blocks"]

_KEPT_BYTES = 32 << 20
_RATIO = 8
"""A compressed block is assumed to be this many times larger in memory."""


class Blocks:
    """Reads blocks on the threads of a pool."""

    def __init__(self, storage: Storage, pool: Executor) -> None:
        self._storage = storage
        self._pool = pool
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, Block], tuple[int, Future[BlockLines]]] = OrderedDict()
        self._size = 0

    def lines(self, key: str, block: Block, compression: Compression) -> BlockLines:
        """The lines of one block of a file.

        Raises FileNotFoundError if the file has gone, FailedPrecondition if it has changed since it was written.
        """
        try:
            return self.ask(key, block, compression).result()
        except BaseException:
            with self._lock:  # the next attempt reads again
                self._drop((key, block))
            raise

    def ask(self, key: str, block: Block, compression: Compression) -> "Future[BlockLines]":
        """Begin to read a block, unless it was read already."""
        place = (key, block)
        with self._lock:
            if (kept := self._kept.get(place)) is not None:
                self._kept.move_to_end(place)
                return kept[1]
            read: Callable[[], BlockLines] = lambda: read_block(  # noqa: E731
                self._storage.read(key, block.offset, block.size), block, compression, key
            )
            future = self._pool.submit(read)
            self._keep(place, block.size if compression == "none" else block.size * _RATIO, future)
            return future

    def keep(self, key: str, block: Block, lines: BlockLines) -> None:
        """Keep the lines of a block that something else has read."""
        future: Future[BlockLines] = Future()
        future.set_result(lines)
        with self._lock:
            self._keep((key, block), sum(map(len, lines.texts)), future)

    def _keep(self, place: tuple[str, Block], size: int, future: "Future[BlockLines]") -> None:
        self._drop(place)
        self._kept[place] = (size, future)
        self._size += size
        while self._size > _KEPT_BYTES and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: tuple[str, Block]) -> None:
        if (kept := self._kept.pop(place, None)) is not None:
            self._size -= kept[0]
