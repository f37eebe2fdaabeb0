"""Stores for any documents that do less or are slower than others: none of their choices is a violation."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from dsync_kit.errors import Aborted, FailedPrecondition, Unimplemented
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    DataType,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .fault import REFERENCE, Variant, unusual_in

__all__ = ["VARIANTS", "CopiesOnly", "ReadsLag"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector


@unusual()
class CopiesOnly(Reference):
    """A sink that only copies, without WriteUpdates, like dsync's own S3 and file connectors."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        raise Unimplemented("WriteUpdates: run dsync with --mode InitialSync")


@unusual()
class DeletesNothing(Reference):
    """A store that keeps everything ever written: a DELETE is refused, everything else is applied."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        if any(update.type == UPDATE_TYPE_DELETE for update in request.updates):
            raise Unimplemented("DELETE is not supported")
        return super().write_updates(request)  # type: ignore[no-any-return]


@unusual()
class AbortsEmptyTransactionsOnce(Reference):
    """A transaction without changes conflicts with the one before: it is aborted, and succeeds when it is repeated."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.aborted: set[bytes] = set()

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.abort_once(request, request.data)
        return super().write_data(request)  # type: ignore[no-any-return]

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.abort_once(request, request.updates)
        return super().write_updates(request)  # type: ignore[no-any-return]

    def abort_once(self, request: Any, changes: Sequence[Any]) -> None:
        key = request.SerializeToString()
        if not changes and key not in self.aborted:
            self.aborted.add(key)
            raise Aborted("the transaction conflicts with another one: repeat it")


@unusual()
class HoldsFew(Reference):
    """A namespace holds 300 documents at most: a call that would go beyond is refused as a whole."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        written = {change.position: change.update.type != UPDATE_TYPE_DELETE for change in changes}
        kinds = self.store.data_types(namespace)
        there = {position for kind in kinds for position in self.store.collection(namespace, kind).documents}
        there = (there - written.keys()) | {position for position, is_there in written.items() if is_there}
        if len(there) > 300:
            raise FailedPrecondition(f"{namespace} would hold {len(there)} documents: 300 is the limit")
        super().commit(namespace, data_type, changes)


@unusual()
class OneProcessAtATime(Reference):
    """An embedded store, which its first process locks."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store)
        holders = self.store.__dict__.setdefault("holders", set())
        if holders - {self.store.crashes}:
            holders.clear()  # the process that held it was killed
        if holders:
            raise FailedPrecondition("the store is locked by another process")
        holders.add(self.store.crashes)

    def teardown(self) -> None:
        super().teardown()
        self.store.__dict__["holders"].clear()


class _Lagging(Reference):
    """Writes are durable at once; `later` actions happen after `seconds`, in the order of the writes."""

    seconds: ClassVar[float] = 0.3

    def later(self, call: Callable[[], None]) -> None:
        pending = self.store.__dict__.setdefault("pending", [])
        pending.append((time.monotonic() + self.seconds, call))
        timer = threading.Timer(self.seconds, self._call_due)
        timer.daemon = True
        timer.start()

    def _call_due(self) -> None:
        with self.store.writing():
            pending = self.store.__dict__["pending"]
            while pending and pending[0][0] <= time.monotonic() + 0.001:
                pending.pop(0)[1]()


@unusual()
class ReadsLag(_Lagging):
    """A search index: acknowledged writes are listed, counted, found and streamed a little later."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        self.later(lambda: self.visible(namespace, data_type, changes))

    def visible(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        self.store.commit(namespace, data_type, changes)

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        if any(update.type == UPDATE_TYPE_PARTIAL_UPDATE for update in request.updates):
            raise Unimplemented("PARTIAL_UPDATE is not supported")
        return super().write_updates(request)  # type: ignore[no-any-return]


@unusual()
class CountsLag(_Lagging):
    """The count comes from statistics that lag a little; everything else is visible at once."""

    def count(self, namespace: str) -> int:
        counts = self.store.__dict__.setdefault("counts", {})
        current = self.store.count(namespace)
        if counts.get(namespace, 0) != current:
            self.later(lambda: counts.update({namespace: current}))
        return int(counts.get(namespace, 0))
