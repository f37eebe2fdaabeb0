"""Following a log of changes: woken by the store where it can wake, polled with a growing wait where it cannot."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import Protocol

from dsync_kit.connector import StreamContext
from dsync_kit.errors import ConnectorError
from dsync_kit.store.values import Change, Place, closed_after

__all__ = ["Bell", "ChangeLog", "follow"]

logger = logging.getLogger(__name__)

_BATCH_CHANGES = 500
_BATCH_BYTES = 8 << 20
_FIRST_POLL, _LONGEST_POLL = 0.01, 0.5  # seconds between two looks at a log that cannot wake its readers
_FIRST_RETRY, _LONGEST_RETRY = 0.5, 8.0  # seconds until the next attempt to reach the store


class ChangeLog(Protocol):
    """A store's log of changes, opened at a place."""

    def read(self, limit: int, wait: float) -> Iterable[Change]:
        """The next changes in order, `limit` at most.

        If there are none yet, a log that can wake its readers waits for some, `wait` seconds at most; any other
        returns at once.
        """

    def close(self) -> None:
        """Release what the log holds. Called once."""


class Bell:
    """Wakes the streams of one connector: rung when it has written, and closed with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[threading.Event] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the streams must end."""
        return self._closed

    def ring(self) -> None:
        """Wake all streams."""
        with self._lock:
            for listener in self._listeners:
                listener.set()

    def close(self) -> None:
        """Wake all streams, to end them."""
        self._closed = True
        self.ring()

    @contextmanager
    def heard(self) -> Iterator[threading.Event]:
        """An event that is set whenever the bell rings."""
        event = threading.Event()
        with self._lock:
            self._listeners.add(event)
        try:
            yield event
        finally:
            with self._lock:
                self._listeners.discard(event)


def follow(
    open_log: Callable[[Place], ChangeLog],
    after: Place,
    context: StreamContext,
    *,
    bell: Bell | None = None,
    translate: Callable[[Exception], ConnectorError | None] = lambda _: None,
    redact: Callable[[str], str] = str,
) -> Iterator[list[Change]]:
    """The changes of a log after a place as they come, in batches, until the call or the connector ends.

    dsync does not open a stream again: while the store fails with an error that may pass, the log is opened again and
    again where it was left, with growing waits. Raises any other error. `translate` and `redact` are the connector's
    own (see `Connector`).
    """
    bell = bell or Bell()

    def ended() -> bool:
        return context.cancelled or bell.closed

    poll, retry = _FIRST_POLL, _FIRST_RETRY
    log: ChangeLog | None = None
    with bell.heard() as event:
        context.add_callback(event.set)
        try:
            while True:
                event.clear()  # before the look at what it is set for
                if ended():
                    return
                began = monotonic()
                try:
                    log = log or open_log(after)
                    batch = _batch(log.read(_BATCH_CHANGES, _LONGEST_POLL))
                except Exception as error:
                    if ended():  # the store was closed under the stream's feet
                        return
                    known = _passing(error, translate)
                    if known is None:
                        raise
                    logger.warning("the stream goes on in %g s: %s", retry, redact(str(known)))
                    if log is not None:
                        log.close()
                        log = None
                    event.wait(retry)  # rung by a write that succeeded: the store is back
                    retry = min(2 * retry, _LONGEST_RETRY)
                    continue
                retry = _FIRST_RETRY
                if batch:
                    after, poll = batch[-1].place, _FIRST_POLL
                    yield batch
                else:
                    event.wait(max(0.0, began + poll - monotonic()))
                    poll = min(2 * poll, _LONGEST_POLL)
        finally:
            if log is not None:
                log.close()


def _batch(changes: Iterable[Change]) -> list[Change]:
    """The first changes, of which those with large documents are few: a message is held in memory as a whole."""
    batch: list[Change] = []
    size = 0
    with closed_after(changes) as entries:
        for change in islice(entries, _BATCH_CHANGES):
            batch.append(change)
            size += len(change.document.data) if change.document else 0
            if size > _BATCH_BYTES:
                break
    return batch


def _passing(error: Exception, translate: Callable[[Exception], ConnectorError | None]) -> Exception | None:
    """The error as the connector names it, if it may pass."""
    known = error if isinstance(error, ConnectorError) else translate(error)
    if known is not None:
        return known if known.retryable else None
    return error if isinstance(error, ConnectionError | TimeoutError) else None
