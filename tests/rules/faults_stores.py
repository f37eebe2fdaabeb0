"""Stores that do less or are slower than others, and also lose data: their freedoms hide no fault."""

from collections.abc import Sequence
from typing import Any

from dsync_kit.protocol import (
    DataType,
    ListDataRequest,
    ListDataResponse,
    UpdatesPartition,
    WriteDataRequest,
    WriteDataResponse,
)

from . import faults_plan, variants_stores, variants_typed
from .fault import AnyPosition, Fault, broken_in
from .typed_tables import Table

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


@broken("write/read-back")
class CopiesOnlySome(variants_stores.CopiesOnly):
    """A sink that only copies, whose upload leaves out the last document of a page."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        super().commit(namespace, data_type, changes[:-1])


@broken("schema/unknown-field")
class CopiesKnownColumnsOnly(variants_typed.CopiesOnly):
    """A sink that only copies, to a file with a header: fields without a column are dropped."""

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        """Drop it."""


@broken("write/read-back")
class LosesAWriteThatLags(variants_stores.ReadsLag):
    """A buffer that is flushed a little later omits its last document."""

    def visible(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        super().visible(namespace, data_type, changes if len(changes) < 2 else changes[:-1])


@broken("plan/self-contained")
class OneProcessKeepsPartitionsInMemory(variants_stores.OneProcessAtATime, faults_plan.PartitionsKeptInMemory):
    """An embedded store, whose partitions are objects of the process: after a restart nothing resumes."""


@broken("errors/nothing-half-written")
class KeepsHalfAPageLate(variants_stores.ReadsLag):
    """An index that is refreshed now and then, and takes a page document by document until one is refused."""

    seconds = 0.8

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for document in request.data:
            super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=[document]))
        return WriteDataResponse()


@broken("stream/while-listing")
class PositionIsAheadOfListings(variants_stores.ReadsLag, AnyPosition):
    """A plan's position is the end of the log, but its listings do not show the last writes yet."""

    def commit(self, namespace: str, data_type: DataType, changes: Sequence[Any]) -> None:
        self.store.__dict__["written"] = self.store.__dict__.get("written", 0) + len(changes)
        super().commit(namespace, data_type, changes)

    def updates_partitions(self, requested: Sequence[str]) -> list[UpdatesPartition]:
        partitions = super().updates_partitions(requested)
        for partition in partitions:
            partition.cursor = self.update_cursor(self.store.__dict__.get("written", 0))
        return partitions  # type: ignore[no-any-return]


@broken("list/repeatable")
class ReadsGoBack(variants_stores.ReadsLag):
    """Every third read comes from a replica that is minutes behind."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.store.__dict__["reads"] = reads = self.store.__dict__.get("reads", 0) + 1
        if reads % 3 == 0 and not request.cursor:
            return ListDataResponse()
        return super().list_data(request)  # type: ignore[no-any-return]


@broken("write/overwrites")
class ShowsAWriteForAMoment(variants_stores.ReadsLag):
    """An overwrite is visible until a merge of segments brings the old document back."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        known = self.store.__dict__.setdefault("known", {})
        changes = [self.insertion(document, request.type) for document in request.data]
        keys = [(request.namespace, request.type, change.position) for change in changes]
        old = [known.get(key) for key in keys]
        known.update(zip(keys, request.data, strict=True))
        answer = super().write_data(request)
        back = [self.insertion(document, request.type) for document in old if document is not None]
        if back:
            self.later(lambda: self.later(lambda: self.visible(request.namespace, request.type, back)))
        return answer  # type: ignore[no-any-return]
