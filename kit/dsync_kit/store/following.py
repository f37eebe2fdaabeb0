"""Follows a log of changes: waits for the store to wake it, or polls with growing pauses."""

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
_FIRST_POLL, _LONGEST_POLL = 0.01, 0.5  # seconds between two reads of a log that cannot wake its readers
_FIRST_RETRY, _LONGEST_RETRY = 0.5, 8.0  # seconds until the next attempt to reach the store


class ChangeLog(Protocol):
    """A store's log of changes, opened at a place."""

    def read(self, limit: int, wait: float) -> Iterable[Change]:
        """The next changes in order, at most `limit`.

        If there are none yet, a log that can wake its readers waits for some, at most `wait` seconds; any other log
        returns an empty sequence at once.
        """

    def close(self) -> None:
        """Release the log's resources. Called once."""


class Bell:
    """Wakes the streams of a connector: it rings when the connector has written, and closes with it."""

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
        """Wake all streams so that they end."""
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

    dsync never reopens a stream. So if the store fails with a retryable error, the log is reopened where it stopped,
    again and again with growing pauses. Any other error is raised. `translate` and `redact` are the connector's methods
    (see `Connector`).
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
                event.clear()  # before the log is read: a bell that rings in between is not missed
                if ended():
                    return
                began = monotonic()
                try:
                    log = log or open_log(after)
                    batch = _batch(log.read(_BATCH_CHANGES, _LONGEST_POLL))
                except Exception as error:
                    if ended():  # the connector was closed meanwhile
                        return
                    known = _passing(error, translate)
                    if known is None:
                        raise
                    logger.warning("the stream goes on in %g s: %s", retry, redact(str(known)))
                    if log is not None:
                        log.close()
                        log = None
                    event.wait(retry)  # ends early after a successful write: the store is back
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
    """The first changes, fewer if their documents are large: a message is held in memory as a whole."""
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
    """The connector's error for an exception if it is retryable, else None."""
    known = error if isinstance(error, ConnectorError) else translate(error)
    if known is not None:
        return known if known.retryable else None
    return error if isinstance(error, ConnectionError | TimeoutError) else None
