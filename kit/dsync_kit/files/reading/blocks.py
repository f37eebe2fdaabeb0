"""Blocks of files, read ahead, and kept for a while: a block holds several pages of a listing."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from dsync_kit.files.content.compression import Compression
from dsync_kit.files.logs.index import BLOCK_BYTES, Block, read_block
from dsync_kit.files.stores.storage import Storage

__all__ = ["Blocks"]

_KEPT_BYTES = 24 << 20
_AHEAD = 2


class Blocks:
    """Reads blocks on `concurrency` threads; `close` ends them."""

    def __init__(self, storage: Storage, *, concurrency: int) -> None:
        self._storage = storage
        self._pool = ThreadPoolExecutor(concurrency, "blocks")
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[int, Future[list[bytes]]]] = OrderedDict()
        self._size = 0

    def close(self) -> None:
        """End the threads. Calling it again does nothing."""
        self._pool.shutdown(cancel_futures=True)

    def lines(self, key: str, blocks: Sequence[Block], number: int, compression: Compression) -> list[bytes]:
        """The lines of a file's block; the next ones are read ahead.

        Raises FileNotFoundError where the file has gone, FailedPrecondition where it is not as it was written.
        """
        futures = [
            self._ask(key, blocks[at], compression) for at in range(number, min(number + 1 + _AHEAD, len(blocks)))
        ]
        try:
            return futures[0].result()
        except BaseException:
            with self._lock:  # another try reads again
                self._drop((key, blocks[number].offset))
            raise

    def _ask(self, key: str, block: Block, compression: Compression) -> "Future[list[bytes]]":
        place = (key, block.offset)
        with self._lock:
            if (kept := self._kept.get(place)) is not None:
                self._kept.move_to_end(place)
                return kept[1]
            read: Callable[[], list[bytes]] = lambda: read_block(  # noqa: E731
                self._storage.read(key, block.offset, block.size), block, compression, key
            )
            future = self._pool.submit(read)
            size = max(block.size, BLOCK_BYTES)  # compressed blocks have more in memory
            self._kept[place] = (size, future)
            self._size += size
            while self._size > _KEPT_BYTES and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
            return future

    def _drop(self, place: tuple[str, int]) -> None:
        if (kept := self._kept.pop(place, None)) is not None:
            self._size -= kept[0]
