"""A typed store with a partition for each value of a column."""

# ruff: noqa: S608 - the names in the statements are those of the tables

from typing import Any

import bson

from dsync_kit.cursors import Cursor
from dsync_kit.incoming import check_data_type
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    GeneratePlanRequest,
    GeneratePlanResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
)

from .typed_connector import Row, TypedConnector
from .typed_tables import Column, Table

__all__ = ["SOLD", "PartitionedConnector", "RegionCursor"]

SOLD = Table(
    "sold",
    (Column("number", "long"),),
    (Column("region", "string", length=40), Column("amount", "decimal", digits=(10, 2))),
)


class RegionCursor(Cursor):
    """The rows of a region after one, as far as they existed when the listing began."""

    region: str
    after: bytes
    bound: int


class PartitionedConnector(TypedConnector):
    """A table whose rows are partitioned by region; each partition has its own pages."""

    tables = (SOLD,)

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan = super().generate_plan(request)
        if not request.initial_sync:
            return plan
        del plan.partitions[:]
        for (region,) in self.store.query(f'SELECT DISTINCT "region" FROM "{SOLD.name}"') or [("",)]:
            cursor = RegionCursor(region=region, after=b"", bound=0).encode()
            plan.partitions.append(Partition(namespace=SOLD.namespace, cursor=cursor))
        return plan

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        check_data_type(request.type, [DATA_TYPE_MONGO_BSON])
        self.table(request.partition.namespace)
        cursor = RegionCursor.decode(request.cursor or request.partition.cursor)
        if not request.cursor:
            cursor = cursor.model_copy(update={"bound": self.store.end})
        page = self.rows_of(cursor)
        next_cursor = b""
        if len(page) == self.page_size():
            next_cursor = cursor.model_copy(update={"after": self.position(cursor, page)}).encode()
        return ListDataResponse(data=[self.document(SOLD, row) for row in page], next_cursor=next_cursor)

    def rows_of(self, cursor: RegionCursor) -> list[Row]:
        """A page of a region."""
        after: list[Any] = [bson.decode(cursor.after)["n"]] if cursor.after else []
        where = f'WHERE "region" = ? AND "_created" <= ? {"AND number > ?" if after else ""} ORDER BY "number" LIMIT ?'
        return self.select(SOLD, where, [cursor.region, cursor.bound, *after, self.page_size()])

    def position(self, cursor: RegionCursor, page: list[Row]) -> bytes:
        """Where the next page begins."""
        return bson.encode({"n": bson.Int64(page[-1]["number"])})
