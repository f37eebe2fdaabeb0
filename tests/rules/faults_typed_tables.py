"""Typed stores that plan, stream or write one table right, but not several of them."""

# ruff: noqa: S608 - the names in the statements are those of the tables

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dsync_kit.cursors import Cursor
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, GeneratePlanRequest, StreamUpdatesRequest

from .fault import Fault, broken_in
from .typed_connector import Row, TypedConnector
from .typed_database import Logged
from .typed_referring import CUSTOMERS, INVOICES, ReferringConnector
from .typed_tables import Table

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


@broken("stream/tables", "special input")
class TheFirstTableIsStreamed(TypedConnector):
    """A stream without namespaces reads the replication slot of the first table."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        if not request.namespaces:
            request.namespaces.append(next(iter(self.store.tables)))
        return super().stream_updates(request, context)


@broken("stream/tables", "special input")
class OneRequestedTableIsStreamed(TypedConnector):
    """The last of the requested tables is the one whose changes are read."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        del request.namespaces[:-1]
        return super().stream_updates(request, context)


@broken("stream/tables", "special input")
class TablesThatWereNotRequestedAreStreamed(TypedConnector):
    """The publication is FOR ALL TABLES, and nothing filters it."""

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        del request.namespaces[:]
        return super().stream_updates(request, context)


class TablePosition(Cursor):
    """A position in the log of one table."""

    store: str
    number: int
    table: str


@broken("stream/resume-tables", "special input")
class OtherTablesResumeAtTheEnd(TypedConnector):
    """Each table has its own log, and a cursor holds the position in only one of them."""

    def message(self, run: Sequence[Logged]) -> Any:
        message = super().message(run)
        position = TablePosition(store=self.store.id, number=run[-1].number, table=run[0].namespace)
        message.next_cursor = position.encode()
        return message

    def stream_start(self, data: bytes) -> int:
        position = self.position(data)
        return super().stream_start(self.stream_cursor(position.number) if position else data)

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Any:
        position, end = self.position(request.cursor), self.store.end
        for message in super().stream_updates(request, context):
            later = TablePosition.decode(message.next_cursor).number > end
            if position is None or message.namespace == position.table or later:
                yield message

    def position(self, data: bytes) -> TablePosition | None:
        """The position of a message; None for a plan's cursor."""
        with suppress(InvalidArgument):
            return TablePosition.decode(data)
        return None


@broken("plan/tables", "special input")
class TheFirstRequestedTableIsPlanned(TypedConnector):
    """Only the first of the requested tables is planned."""

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        del request.namespaces[1:]
        return super().generate_plan(request)


@broken("write/referring-rows", "special input")
class ReplacingDeletesWhatRefers(ReferringConnector):
    """REPLACE INTO deletes the row and inserts it again: ON DELETE CASCADE removes the rows that refer to it."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if table is CUSTOMERS and self.find(table, row) is not None:
            for invoice in self.select(INVOICES, 'WHERE "customer" = ?', [row["code"]]):
                self.store.append(INVOICES.namespace, UPDATE_TYPE_DELETE, self.document(INVOICES, invoice))
            self.store.query(f'DELETE FROM "{INVOICES.name}" WHERE "customer" = ?', [row["code"]])
        super().put(table, row, kind)


@broken("write/referring-rows", "special input")
class ReplacingUnlinksWhatRefers(ReferringConnector):
    """The same with ON DELETE SET NULL."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if table is CUSTOMERS and self.find(table, row) is not None:
            self.store.query(f'UPDATE "{INVOICES.name}" SET "customer" = NULL WHERE "customer" = ?', [row["code"]])
        super().put(table, row, kind)
