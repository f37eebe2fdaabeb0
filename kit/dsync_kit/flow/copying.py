"""The initial copy: it lists partitions in parallel, and fetches pages while it writes earlier ones."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from dsync_kit.client import ConnectorApi
from dsync_kit.connector import StreamContext
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.events import Failure, Listener, PartitionFailed, PartitionFinished, PartitionRestarted
from dsync_kit.flow.listing import pages
from dsync_kit.flow.retries import Stopped, repeated
from dsync_kit.flow.route import Route
from dsync_kit.flow.state import State
from dsync_kit.flow.workers import Workers
from dsync_kit.protocol import Partition

__all__ = ["Allowance", "Copy", "Job"]

_IN_A_ROW = 3
"""After this many partitions in a row have failed after retries, an end counts as gone: each of the others would wait
just as long."""


@dataclass(frozen=True, slots=True)
class Job:
    """A partition, and its number in the plan."""

    number: int
    partition: Partition


class Allowance:
    """How many documents may still be copied; None means no limit."""

    def __init__(self, documents: int | None) -> None:
        self._left = documents
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self._left == 0

    def take(self, wanted: int) -> int:
        """Take up to `wanted` documents; returns how many were taken."""
        if self._left is None:
            return wanted
        with self._lock:
            taken = min(wanted, self._left)
            self._left -= taken
            return taken

    def give_back(self, documents: int) -> None:
        """Give back documents that will be taken again."""
        with self._lock:
            if self._left is not None:
                self._left += documents


class WriteFailed(Exception):
    """A page cannot be written, even after retries: listing the partition again would not help."""

    def __init__(self, error: ConnectorError) -> None:
        super().__init__(str(error))
        self.retryable = error.retryable


@dataclass(slots=True)
class _Attempt:
    """One listing of a partition."""

    documents: int = 0


class Copy:
    """Copies partitions: lists `copiers` of them at once, and writes `writers` pages at once.

    Only so many pages are listed ahead: a slow sink slows the source down.
    """

    def __init__(
        self,
        source: ConnectorApi,
        route: Route,
        state: State,
        *,
        copiers: int,
        writers: int,
        allowance: Allowance,
        stop: StreamContext,
        listener: Listener,
    ) -> None:
        self._source = source
        self._route = route
        self._state = state
        self._copiers = copiers
        self._writers = writers
        self._allowance = allowance
        self._stop = stop
        self._listener = listener
        self._room = threading.BoundedSemaphore(2 * writers)
        self._unanswered = 0  # partitions in a row that failed with a retryable code

    def run(self, jobs: Iterable[Job]) -> list[Failure]:
        """Copy all partitions; returns the failures. Ends early if it is stopped or an end is gone."""
        todo: SimpleQueue[Job] = SimpleQueue()
        for job in jobs:
            todo.put(job)
        with Workers(self._writers, "writer") as writers, Workers(self._copiers, "copier") as copiers:
            copying = [copiers.submit(self._work, todo, writers) for _ in range(self._copiers)]
            failures = [failure for done in copying for failure in done.result()]
        if self._gone and todo.qsize():
            reason = f"not tried: {_IN_A_ROW} in a row failed after all retries"
            failures.append(Failure(f"{todo.qsize()} more partitions", reason))
        return failures

    @property
    def _gone(self) -> bool:
        return self._unanswered >= _IN_A_ROW

    def _work(self, todo: SimpleQueue[Job], writers: Workers) -> list[Failure]:
        failures = []
        while not (self._stop.cancelled or self._allowance.exhausted or self._gone):
            try:
                job = todo.get_nowait()
            except Empty:
                break
            namespace = job.partition.namespace
            try:
                documents = self._partition(job, writers)
            except Stopped:
                break
            except (ConnectorError, WriteFailed) as error:
                self._listener(PartitionFailed(namespace, job.number, str(error)))
                failures.append(Failure(f"partition {job.number} of {namespace}", str(error)))
                self._unanswered = self._unanswered + 1 if error.retryable else 0
            else:
                self._unanswered = 0
                self._state.finish(job.number, documents)
                self._listener(PartitionFinished(namespace, job.number, documents))
        return failures

    def _partition(self, job: Job, writers: Workers) -> int:
        """Copy a partition, and start over if listing it fails; returns its number of documents."""
        attempt = _Attempt()

        def begin() -> int:
            nonlocal attempt
            attempt = _Attempt()
            self._list(job.partition, attempt, writers)
            return attempt.documents

        def report(error: ConnectorError, seconds: float) -> None:
            self._allowance.give_back(attempt.documents)
            event = PartitionRestarted(job.partition.namespace, job.number, attempt.documents, str(error), seconds)
            self._listener(event)

        return repeated(begin, wait=self._stop.wait, on_retry=report)

    def _list(self, partition: Partition, attempt: _Attempt, writers: Workers) -> None:
        pending: deque[Future[None]] = deque()
        try:
            for page in pages(self._source, partition, self._route.types.read):
                if self._stop.cancelled:
                    raise Stopped
                documents = list(page.data)
                allowed = self._allowance.take(len(documents))
                if documents and not allowed:
                    break
                self._room.acquire()
                pending.append(writers.submit(self._write, partition.namespace, documents[:allowed]))
                attempt.documents += allowed
                if self._allowance.exhausted:
                    break
                while pending and pending[0].done():
                    pending.popleft().result()
        finally:
            # If the partition starts over, no page of this listing may overwrite a page of the next one.
            wait(pending)
        for written in pending:
            written.result()

    def _write(self, namespace: str, documents: Sequence[bytes]) -> None:
        try:
            self._route.write_page(namespace, documents)
        except ConnectorError as error:
            raise WriteFailed(error) from error
        finally:
            self._room.release()
