"""Connectors whose stores go wrong after many calls: a segment is full, segments are merged, a cache overflows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType

from .fault import REFERENCE, STORE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class _Segmented(STORE.Store):
    """A store that counts the calls that write to a namespace."""

    def __init__(self, journal: Any = None) -> None:
        super().__init__(journal)
        self._calls: Counter[str] = Counter()

    def _apply(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        self._calls[namespace] += 1
        self.called(namespace, data_type, changes)

    def called(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        """Apply what a call changes."""
        super()._apply(namespace, data_type, changes)


class _Merging(_Segmented):
    """After 150 calls, what the first 40 of them deleted is back."""

    def __init__(self, journal: Any = None) -> None:
        super().__init__(journal)
        self._deleted: dict[str, dict[bytes, bytes]] = {}

    def called(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        documents = self.collection(namespace, data_type).documents
        deleted = self._deleted.setdefault(namespace, {})
        for position, update in changes:
            deleted.pop(position, None)
            if update.type == UPDATE_TYPE_DELETE and position in documents and self._calls[namespace] <= 40:
                deleted[position] = documents[position].data
        super().called(namespace, data_type, changes)
        if self._calls[namespace] == 150:
            for position, data in deleted.items():
                self.collection(namespace, data_type).put(position, data, len(self.log))


class _Rotating(_Segmented):
    """The call that fills a segment is not in it, nor in the next one."""

    def called(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        if self._calls[namespace] % 128:
            super().called(namespace, data_type, changes)


@broken("limits/many-calls", "special input")
class MergedSegmentsForgetDeletes(Reference):
    """Segments are merged without their tombstones, although an older segment still has the documents."""

    new_store = _Merging


@broken("limits/many-calls", "special input")
class FullSegmentLosesACall(Reference):
    """The call that fills a segment of 128 is acknowledged, and in no segment."""

    new_store = _Rotating
