"""Unusual but correct typed stores: none of their choices is a violation."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from grpc import StatusCode

from dsync_kit.documents import encode
from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, Unimplemented
from dsync_kit.incoming import check_data_type, check_update
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .fault import Variant
from .typed_connector import Row, TypedConnector
from .typed_database import Database, Logged
from .typed_partitioned import PartitionedConnector
from .typed_referring import ReferringConnector
from .typed_tables import EVENTS, ITEMS, LINES, USERS, Column, Table

__all__ = ["VARIANTS", "CopiesOnly", "ReadsLag"]

VARIANTS: list[Variant] = []


def unusual(connector: Any) -> Any:
    """List a class as a variant, with its tables as namespaces."""
    name = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in connector.__name__).lstrip("-")
    namespaces = [table.namespace for table in connector.tables]
    VARIANTS.append(Variant(f"typed-{name}", connector, connector.__doc__, "local", namespaces=namespaces))
    return connector


@unusual
class AsTheyAre(TypedConnector):
    """Tables with text, integer and composite keys, made beforehand."""


@unusual
class ListsItsColumns(TypedConnector):
    """An empty table whose refusals say in a sentence what a row has; its key is a number, and it has no -0.0."""

    tables = (
        Table(
            "listed",
            (Column("number", "long"),),
            (
                Column("sku", "string", length=32),
                Column("qty", "int"),
                Column("price", "double"),
                Column("seen", "date"),
            ),
        ),
    )

    @classmethod
    def documents(cls) -> dict[str, dict[str, Any]]:
        return {}  # nobody declares what it holds

    def key(self, table: Table, identifier: Any) -> Row:
        try:
            return super().key(table, identifier)
        except InvalidArgument:
            raise InvalidArgument("the table's key is an int64") from None

    def missing(self, table: Table, column: Column, row: Row) -> None:
        raise InvalidArgument("a row has _id and sku, and also qty, price and seen")

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        self.missing(table, table.written[0], {})

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        super().check_value(table, column, value)
        if column.kind == "double" and value == 0 and math.copysign(1, value) < 0:
            raise InvalidArgument("price is a finite double, and not -0.0")


@unusual
class Sheet(ListsItsColumns):
    """A sheet's cells hold no control characters, and nothing that looks like a formula."""

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        super().check_value(table, column, value)
        if isinstance(value, str) and (
            value[:1] in ("=", "+", "-", "@") or any(character < " " for character in value)
        ):
            raise InvalidArgument(f"cell {column.name}: no formula, and no control characters")


@unusual
class RefusesMarkup(ListsItsColumns):
    """A column without quotes, backslashes and markup: nobody has declared that, and few texts show it."""

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        super().check_value(table, column, value)
        if isinstance(value, str) and any(character in value for character in '"\\<>`'):
            raise InvalidArgument(f"{column.name}: no markup, and no quotes")


@unusual
class FewKeys(ListsItsColumns):
    """A table whose key is a number from 1 to 150: most documents of different pages share their ids."""

    tables = (Table("few", (Column("number", "int", least=1, most=150),), ListsItsColumns.tables[0].columns),)


@unusual
class UniqueColumns(TypedConnector):
    """A row with the e-mail address or the telephone number of another row is refused."""

    tables = (USERS,)

    def put(self, table: Table, row: Row, kind: Any) -> None:
        try:
            super().put(table, row, kind)
        except sqlite3.IntegrityError as error:
            raise FailedPrecondition(str(error)) from error


@unusual
class ForeignKeys(ReferringConnector):
    """A row refers to one of another table, which must be there, and cannot be deleted before."""


@unusual
class PartitionedByAColumn(PartitionedConnector):
    """Rows lie in partitions by a column: documents that all differ in it have as many partitions."""


# What it can do


@unusual
class CopiesOnly(TypedConnector):
    """A sink that only copies, without WriteUpdates, like dsync's own S3 and file connectors."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        raise Unimplemented("WriteUpdates: run dsync with --mode InitialSync")


@unusual
class DeletesNothing(TypedConnector):
    """A table that only supports inserts and overwrites: a DELETE is refused."""

    def apply(self, table: Table, update: Update) -> None:
        if update.type == UPDATE_TYPE_DELETE:
            raise Unimplemented("this table keeps all that was ever written: DELETE is not supported")
        super().apply(table, update)


@unusual
class RefusesPartialUpdates(TypedConnector):
    """Rows are written whole."""

    def apply(self, table: Table, update: Update) -> None:
        if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            raise Unimplemented("PARTIAL_UPDATE is not supported")
        super().apply(table, update)


class _ReadOnly(TypedConnector):
    """A source that nobody may write to."""

    def capabilities(self) -> Capabilities:
        return Capabilities(source=super().capabilities().source)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        raise Unimplemented("WriteData")

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        raise Unimplemented("WriteUpdates")

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        rows = [
            (f"code-{number}", f"name {number}", None, f"{number}.15", "open", number, number) for number in range(250)
        ]
        with store.transaction():
            for row in rows:
                store.query('INSERT INTO "items" VALUES (?, ?, ?, ?, ?, ?, ?)', [*row[:6], 0])
        return store


@unusual
class ReadOnly(_ReadOnly):
    """Existing rows that nobody changes."""

    tables = (ITEMS,)


@unusual
class ReadOnlyWithoutAStream(_ReadOnly):
    """Existing rows, without a log of changes."""

    tables = (ITEMS,)

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        plan = super().generate_plan(request)
        del plan.updates_partitions[:]
        return plan

    def stream_updates(self, request: Any, context: Any) -> Any:
        raise Unimplemented("StreamUpdates")

    def stream_lsn(self, request: Any, context: Any) -> Any:
        raise Unimplemented("StreamLSN")


@unusual
class NobodyReadsIt(TypedConnector):
    """A sink whose data goes where nobody can read it back."""

    def capabilities(self) -> Capabilities:
        return Capabilities(sink=super().capabilities().sink)

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        raise Unimplemented("GeneratePlan")

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        raise Unimplemented("ListData")

    def stream_updates(self, request: Any, context: Any) -> Any:
        raise Unimplemented("StreamUpdates")

    def stream_lsn(self, request: Any, context: Any) -> Any:
        raise Unimplemented("StreamLSN")

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        raise Unimplemented("GetByIds")


@unusual
class WithoutLookupsAndCounts(TypedConnector):
    """Neither GetByIds nor StreamLSN, and no count: 0."""

    def capabilities(self) -> Capabilities:
        capabilities = super().capabilities()
        capabilities.source.get_by_ids = capabilities.source.lsn_stream = False
        return capabilities

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        raise Unimplemented("GetByIds")

    def stream_lsn(self, request: Any, context: Any) -> Any:
        raise Unimplemented("StreamLSN")

    def count(self, table: Table) -> int:
        return 0


@unusual
class OneTable(TypedConnector):
    """There is a single, fixed namespace."""

    tables = (EVENTS,)

    def capabilities(self) -> Capabilities:
        capabilities = super().capabilities()
        capabilities.source.multi_namespace_plan = capabilities.source.default_plan = False
        return capabilities


@unusual
class FewNumbersAsIds(TypedConnector):
    """A table whose ids are the numbers from 1 to 2,000: there is little room for several series of ids."""

    tables = (Table("few", (Column("number", "long", least=1, most=2000),), (Column("name", "string", length=20),)),)


@unusual
class OneProcessAtATime(TypedConnector):
    """An embedded database, which its first process locks."""

    def __init__(self, settings: Any, store: Database | None = None) -> None:
        super().__init__(settings, store)
        holders = self.store.__dict__.setdefault("holders", set())
        if holders - {self.store.crashes}:
            holders.clear()  # the process that held it was killed
        if holders:
            raise FailedPrecondition("the database is locked by another process")
        holders.add(self.store.crashes)
        self.closed = False

    def teardown(self) -> None:
        super().teardown()
        self.closed = True
        self.store.__dict__["holders"].clear()

    def table(self, namespace: str) -> Table:
        if self.closed:
            raise RuntimeError("the database is closed")
        return super().table(namespace)


# When it can be read


class _Lagging(TypedConnector):
    """Writes are durable at once, and `lagging` reads see them after `seconds`."""

    seconds: ClassVar[float] = 0.3

    def _later(self, apply: Callable[[], Any]) -> None:
        """Do it after the time has passed, and after what was to be done before it."""
        pending = self.store.__dict__.setdefault("pending", [])
        pending.append((time.monotonic() + self.seconds, apply))
        timer = threading.Timer(self.seconds, self._apply_due)
        timer.daemon = True
        timer.start()

    def _apply_due(self) -> None:
        with self.store.changed:
            pending = self.store.__dict__.get("pending", [])
            while pending and pending[0][0] <= time.monotonic() + 0.001:
                pending.pop(0)[1]()


@unusual
class ReadsLag(_Lagging):
    """A search index: acknowledged writes are listed, counted, found and streamed a little later."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        check_data_type(request.type, [DATA_TYPE_MONGO_BSON])
        table = self.table(request.namespace)
        for document in request.data:
            self.row(table, document)
        with self.store.changed:
            self._later(lambda: super(ReadsLag, self).write_data(request))
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        table = self.table(request.namespace)
        for update in request.updates:
            check_update(update, DATA_TYPE_MONGO_BSON)
            if update.type == UPDATE_TYPE_PARTIAL_UPDATE:
                raise Unimplemented("PARTIAL_UPDATE is not supported")
            if update.type != UPDATE_TYPE_DELETE:
                self.row(table, update.data)
        with self.store.changed:
            self._later(lambda: super(ReadsLag, self).write_updates(request))
        return WriteUpdatesResponse()


@unusual
class CountsLag(_Lagging):
    """The count comes from statistics that lag a little; everything else is visible at once."""

    def count(self, table: Table) -> int:
        counts = self.store.__dict__.setdefault("counts", {})
        current = super().count(table)

        def note() -> None:
            counts[table.name] = current

        if counts.get(table.name, 0) != current:
            self._later(note)
        return int(counts.get(table.name, 0))


@unusual
class SlowCalls(TypedConnector):
    """Each call takes 30 ms."""

    tables = (ITEMS,)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        time.sleep(0.03)
        return super().write_data(request)

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        time.sleep(0.03)
        return super().list_data(request)


# How it refuses


class _Refusing(TypedConnector):
    """Refuses misfits with another code."""

    code: ClassVar[StatusCode] = StatusCode.INVALID_ARGUMENT

    def row_of(self, table: Table, fields: dict[str, Any]) -> Row:
        try:
            return super().row_of(table, fields)
        except InvalidArgument as error:
            raise ConnectorError(error.message, self.code) from error


@unusual
class RefusesWithFailedPrecondition(_Refusing):
    """A document that the table cannot hold is not a bad argument: the table is not set up for it."""

    code = StatusCode.FAILED_PRECONDITION


@unusual
class RefusesWithInternal(_Refusing):
    """Any final code is legal: another one would be better, but dsync reacts in the same way."""

    code = StatusCode.INTERNAL


@unusual
class RefusesControlCharacters(TypedConnector):
    """Only printable texts, as the table's CHECK says."""

    tables = (
        Table(
            "items",
            (Column("code", "string", length=40),),
            (Column("name", "string", length=20, pattern="^[^\\x00-\\x1f\\x7f]*$"), Column("count", "int")),
        ),
    )


@unusual
class RefusesNulls(TypedConnector):
    """No column accepts NULL."""

    tables = (Table("plain", (Column("key", "string"),), (Column("text", "string"), Column("number", "long"))),)


# What it keeps


@unusual
class KeepsUnknownFields(TypedConnector):
    """Fields without a column are stored in an extra column, and returned: more than the schema promises."""

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        self.store.__dict__.setdefault("held", threading.local()).fields = dict(fields)

    def row(self, table: Table, document: bytes) -> Row:
        held = self.store.__dict__.setdefault("held", threading.local())
        held.fields = {}
        row = super().row(table, document)
        key = (table.name, *(row[column.name] for column in table.key))
        row["_more"] = (key, held.fields)
        return row

    def put(self, table: Table, row: Row, kind: Any) -> None:
        key, fields = row.pop("_more")
        self.store.__dict__.setdefault("more", {})[key] = fields
        super().put(table, row, kind)

    def document_of(self, table: Table, row: Row) -> dict[str, Any]:
        key = (table.name, *(row[column.name] for column in table.key))
        return super().document_of(table, row) | self.store.__dict__.setdefault("more", {}).get(key, {})


class _Wider(TypedConnector):
    """Its columns hold more than the schema says."""

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        if column in table.key or not self.wider(column):
            super().check_value(table, column, value)

    def wider(self, column: Column) -> bool:
        return False


@unusual
class KeepsLongTexts(_Wider):
    """The schema says twenty characters, but the column holds any number."""

    tables = (Table("notes", (Column("key", "string"),), (Column("text", "string", length=20, unchecked=True),)),)

    def wider(self, column: Column) -> bool:
        return column.name == "text"


@unusual
class KeepsAllDigits(_Wider):
    """The schema says two decimal places, but the column is a numeric without a scale."""

    tables = (Table("sums", (Column("key", "string"),), (Column("sum", "decimal", digits=(10, 2)),)),)

    def wider(self, column: Column) -> bool:
        return column.kind == "decimal"


@unusual
class ComputedColumnsAreListed(TypedConnector):
    """A computed column is listed as a field: a written document lacks it, or has the right value."""

    tables = (ITEMS,)

    @classmethod
    def documents(cls) -> dict[str, Mapping[str, Any]]:
        schema = dict(ITEMS.schema)
        schema["properties"] = {**schema["properties"], "size": {"bsonType": "int", "readOnly": True}}
        return {ITEMS.namespace: schema}

    def listed_columns(self, table: Table) -> Sequence[Column]:
        return table.columns

    def row_of(self, table: Table, fields: dict[str, Any]) -> Row:
        size = fields.pop("size", None)
        row = super().row_of(table, fields)
        if size is not None and size != len(row["name"]):
            raise InvalidArgument("items.size is computed: expected the length of the name")
        return row


@unusual
class IdsInTwoColumns(TypedConnector):
    """A composite key whose parts are not fields of the document."""

    tables = (Table("lines", LINES.key, LINES.columns),)


@unusual
class FieldsInTheOrderOfTheirNames(TypedConnector):
    """A row's columns come in another order than they were written."""

    def document(self, table: Table, row: Row) -> bytes:
        return encode(dict(sorted(self.document_of(table, row).items(), reverse=True)), DATA_TYPE_MONGO_BSON)


# How it lists and streams


@unusual
class SmallPages(TypedConnector):
    """Three rows on a page."""

    tables = (LINES,)

    def page_size(self) -> int:
        return 3


@unusual
class FromTheLastKey(TypedConnector):
    """Rows are listed from the last key to the first."""

    def rows_after(self, table: Table, after: list[Any] | None, bound: int, limit: int) -> list[Row]:
        rows = super().rows_after(table, None, bound, -1)[::-1]
        keys = [[row[column.name] for column in table.key] for row in rows]
        begin = 0 if after is None else next((n for n, key in enumerate(keys) if key < after), len(keys))
        return rows[begin : begin + limit]


@unusual
class AllIsAnUpdate(TypedConnector):
    """The log does not distinguish inserts from overwrites."""

    def streamed(self, entry: Logged) -> Update:
        update = super().streamed(entry)
        kind = UPDATE_TYPE_DELETE if update.type == UPDATE_TYPE_DELETE else UPDATE_TYPE_UPDATE
        return Update(id=update.id, type=kind, data=update.data)


@unusual
class DeletesCarryTheirDocument(TypedConnector):
    """A DELETE in the stream has the old row: dsync drops it."""

    def streamed(self, entry: Logged) -> Update:
        update = super().streamed(entry)
        return Update(id=update.id, type=update.type, data=entry.data)


@unusual
class OneUpdateAMessage(TypedConnector):
    """Each update comes separately."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        for message in super().stream_updates(request, context):
            for number, update in enumerate(message.updates, 1):
                cursor = message.next_cursor if number == len(message.updates) else b""
                yield type(message)(namespace=message.namespace, updates=[update], next_cursor=cursor)


@unusual
class UnknownTablesAreEmpty(TypedConnector):
    """A missing table has no rows; writing to it is refused."""

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        known = request.namespace in self.store.tables or not request.namespace
        return super().get_namespace_metadata(request) if known else GetNamespaceMetadataResponse()
