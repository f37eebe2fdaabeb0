"""Reads a stream with a time limit for each message."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from dsync_kit.client import Stream
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import StreamLSNResponse, StreamUpdatesResponse

__all__ = ["StreamReader"]

M = TypeVar("M", bound=StreamUpdatesResponse | StreamLSNResponse)


class StreamReader(Generic[M]):
    """Reads a stream in another thread, so that waiting for a message can have a time limit.

    `error` is the status with which the stream ended, unless OK; `ended` says whether it ended by itself. `on_cancel`
    is called if the stream is cancelled while it is open.
    """

    def __init__(self, stream: Stream[M], *, ahead: int = 0, on_cancel: Callable[[], None] = lambda: None) -> None:
        self._stream: Stream[M] = stream
        self._on_cancel = on_cancel
        self._messages: queue.Queue[M | None] = queue.Queue(ahead)
        self._closed = threading.Event()
        self.error: ConnectorError | None = None
        self._thread = threading.Thread(target=self._pump, daemon=True, name="stream-reader")
        self._thread.start()

    def next(self, seconds: float) -> M | None:
        """The next message; None after `seconds` without one, or if the stream has ended."""
        if not self._thread.is_alive() and self._messages.empty():
            return None
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            return None

    def until(self, seconds: float, enough: Callable[[M], bool]) -> bool:
        """Read until `enough` returns True for a message; False after `seconds`, or at the stream's end."""
        end = time.monotonic() + seconds
        while (message := self.next(max(0.0, end - time.monotonic()))) is not None:
            if enough(message):
                return True
        return False

    @property
    def ended(self) -> bool:
        """Whether the stream has ended, and its messages have been read."""
        return not self._thread.is_alive() and self._messages.empty()

    def join(self, seconds: float) -> bool:
        """Whether the stream ends within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Hang up, as dsync does; the reading thread ends when the stream does."""
        if not self._closed.is_set() and self._thread.is_alive():
            self._on_cancel()
        self._closed.set()
        self._stream.cancel()

    def __enter__(self) -> "StreamReader[M]":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _pump(self) -> None:
        try:
            for message in self._stream:
                while not self._closed.is_set():
                    try:
                        self._messages.put(message, timeout=0.1)
                        break
                    except queue.Full:
                        continue  # nobody reads: the rule tests a slow reader
                if self._closed.is_set():
                    return
        except ConnectorError as error:
            if not self._closed.is_set():
                self.error = error
        finally:
            self._wake()

    def _wake(self) -> None:
        try:
            self._messages.put_nowait(None)
        except queue.Full:
            return  # a reader does not wait while there are messages
