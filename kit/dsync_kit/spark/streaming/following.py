"""Follows StreamUpdates of one updates partition, in a thread of its own, and hands on what has come."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import CallContext
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.retries import WAITS
from dsync_kit.protocol import DataType, StreamUpdatesRequest, StreamUpdatesResponse
from dsync_kit.spark.streaming.offsets import Lane

__all__ = ["Follower"]

_WAITING = 16
"""The most messages that wait to be taken: a slow query slows the stream down."""

_AGAIN_SECONDS = 1.0
"""Before a stream is opened again that ended with OK: a source that is finite, or a server that was stopped."""


_WAITS = (*WAITS, 2.0, *([5.0] * 10))
"""Seconds before a stream that failed is opened again: a server that is replaced may take a while."""


class Follower:
    """The messages of an updates partition from a cursor on.

    A stream that breaks is opened again from the last cursor that came; what it then repeats does no harm. After a
    minute of failures, or one that cannot pass, `take` raises the last one. `woken` is called when something has come.
    """

    def __init__(self, api: ConnectorApi, lane: Lane, data_type: DataType, woken: Callable[[], object]) -> None:
        self._api = api
        self._namespaces = lane.namespaces
        self._type = data_type
        self._cursor = lane.began
        self._woken = woken
        self._ending = CallContext()
        self._messages: Queue[StreamUpdatesResponse] = Queue(_WAITING)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="dsync-updates", daemon=True)
        self._thread.start()

    def take(self) -> StreamUpdatesResponse | None:
        """The next message, None where none has come yet. Raises the stream's failure behind its last message."""
        with suppress(Empty):
            return self._messages.get_nowait()
        if self._failure is not None and self._messages.empty():
            raise self._failure
        return None

    def close(self) -> None:
        """End the stream, and the thread."""
        self._ending.cancel()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # it is raised where the messages are taken
            self._failure = error
        self._woken()

    def _follow(self) -> None:
        failures, wait = 0, 0.0
        while not self._ending.wait(wait):
            began = self._cursor
            try:
                self._read()
                failures, wait = 0, _AGAIN_SECONDS
            except ConnectorError as error:
                if self._ending.cancelled:
                    return
                failures = 1 if self._cursor != began else failures + 1
                if not error.retryable or failures > len(_WAITS):
                    raise
                wait = _WAITS[failures - 1]

    def _read(self) -> None:
        request = StreamUpdatesRequest(namespaces=self._namespaces, type=self._type, cursor=self._cursor)
        stream = self._api.stream_updates(request)
        self._ending.add_callback(stream.cancel)
        for message in stream:
            if not self._put(message):
                return
            self._cursor = message.next_cursor or self._cursor

    def _put(self, message: StreamUpdatesResponse) -> bool:
        """Hand on a message, as soon as there is room; False once the follower is closed."""
        while not self._ending.cancelled:
            with suppress(Full):
                self._messages.put(message, timeout=0.2)
                self._woken()
                return True
        return False
