"""A correct source and sink over tables: small methods, each with one job, so that a broken connector overrides one."""

# ruff: noqa: S608 - the names in the statements are those of the tables

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import bson
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, json_util
from bson.json_util import CANONICAL_JSON_OPTIONS

from dsync_kit.connector import Connector, StreamContext
from dsync_kit.cursors import Cursor
from dsync_kit.documents import decode, decode_id, encode, encode_id
from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, NotFound
from dsync_kit.incoming import check_data_type, check_document, check_id, check_update
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetByIdsResponse,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdatesPartition,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .typed_database import Database, Logged
from .typed_tables import TABLES, Column, Table

__all__ = ["Row", "TypedConnector"]

Row = dict[str, Any]
"""A row as SQLite holds it."""

_BSON = DATA_TYPE_MONGO_BSON
_MESSAGE_UPDATES = 500
_CLASSES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "long": Int64,
    "double": float,
    "decimal": Decimal128,
    "bool": bool,
    "uuid": Binary,
    "binData": bytes,
    "objectId": ObjectId,
    "json": dict,
}


class PageCursor(Cursor):
    """The rows after a key, as far as they existed when the listing began."""

    table: str
    after: bytes
    bound: int


class StreamCursor(Cursor):
    """The writes after a number."""

    store: str
    number: int


class TypedConnector(Connector):
    """Documents with given columns; all others are refused as a whole."""

    prefix = "typed-"
    """What the names of its faults begin with in the catalogue."""

    tables: ClassVar[Sequence[Table]] = TABLES

    @classmethod
    def new_store(cls) -> Database:
        """A database with all tables, empty."""
        return Database(cls.tables)

    @classmethod
    def documents(cls) -> dict[str, Mapping[str, Any]]:
        """The schemas of the tables, as a user declares them."""
        return {table.namespace: table.schema for table in cls.tables}

    def __init__(self, settings: Any, store: Database | None = None) -> None:
        self.settings = settings
        self.store = self.new_store() if store is None else store
        self._closed = False

    # --- GetInfo ---

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return GetInfoResponse(
            id=self.store.id, db_type="typed", version="1", spec="typed", capabilities=self.capabilities()
        )

    def capabilities(self) -> Capabilities:
        source = Capabilities.Source(
            supported_data_types=[_BSON], lsn_stream=True, multi_namespace_plan=True, default_plan=True, get_by_ids=True
        )
        return Capabilities(source=source, sink=Capabilities.Sink(supported_data_types=[_BSON]))

    # --- Plans and listings ---

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        return GetNamespaceMetadataResponse(count=self.count(self.table(request.namespace)))

    def count(self, table: Table) -> int:
        return int(self.store.query(f'SELECT count(*) FROM "{table.name}"')[0][0])

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        names = list(dict.fromkeys(request.namespaces)) or list(self.store.tables)
        tables = [self.table(name) for name in names]
        plan = GeneratePlanResponse()
        if request.updates:
            cursor = self.stream_cursor(self.store.end)
            plan.updates_partitions.append(UpdatesPartition(namespaces=list(request.namespaces), cursor=cursor))
        if request.initial_sync:
            for table in tables:
                cursor = PageCursor(table=table.name, after=b"", bound=0).encode()
                plan.partitions.append(
                    Partition(namespace=table.namespace, cursor=cursor, estimated_count=self.count(table))
                )
        return plan

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        check_data_type(request.type, [_BSON])
        table = self.table(request.partition.namespace)
        PageCursor.decode(request.partition.cursor)
        with self.store.changed:
            cursor = self.page_cursor(table, request.cursor)
            rows = self.rows_after(table, self.key_after(cursor), cursor.bound, self.page_size() + 1)
        page = rows[: self.page_size()]
        next_cursor = b""
        if len(rows) > len(page):
            next_cursor = cursor.model_copy(update={"after": self.after(table, page[-1])}).encode()
        return ListDataResponse(data=[self.document(table, row) for row in page], next_cursor=next_cursor)

    def page_size(self) -> int:
        return 100

    def page_cursor(self, table: Table, data: bytes) -> PageCursor:
        if not data:
            return PageCursor(table=table.name, after=b"", bound=self.store.end)
        cursor = PageCursor.decode(data)
        if cursor.table != table.name:
            raise InvalidArgument(f"the page cursor is of the table {cursor.table}, not {table.name}")
        return cursor

    def after(self, table: Table, row: Row) -> bytes:
        """The key of a row in a cursor."""
        return bson.encode({"": [row[column.name] for column in table.key]})

    def key_after(self, cursor: PageCursor) -> list[Any] | None:
        return list(bson.decode(cursor.after)[""]) if cursor.after else None

    def rows_after(self, table: Table, after: list[Any] | None, bound: int, limit: int) -> list[Row]:
        """Rows in the order of their keys, after one."""
        keys = ", ".join(f'"{column.name}"' for column in table.key)
        where = '"_created" <= ?'
        values: list[Any] = [bound]
        if after is not None:
            where += f" AND ({keys}) > ({', '.join('?' * len(after))})"
            values += after
        return self.select(table, f"WHERE {where} ORDER BY {self.order(table)} LIMIT ?", [*values, limit])

    def order(self, table: Table) -> str:
        return ", ".join(f'"{column.name}"' for column in table.key)

    def select(self, table: Table, rest: str, values: Sequence[Any] = ()) -> list[Row]:
        names = [column.name for column in (*table.key, *table.columns)]
        selected = ", ".join(f'"{name}"' for name in names)
        found = self.store.query(f'SELECT {selected} FROM "{table.name}" {rest}', values)
        return [dict(zip(names, row, strict=True)) for row in found]

    # --- A row as a document ---

    def document(self, table: Table, row: Row) -> bytes:
        return encode(self.document_of(table, row), _BSON)

    def document_of(self, table: Table, row: Row) -> dict[str, Any]:
        parts = {column.name: self.given(column, row[column.name]) for column in table.key}
        identifier = parts if len(parts) > 1 else next(iter(parts.values()))
        fields = {column.name: self.given(column, row[column.name]) for column in self.listed_columns(table)}
        return {"_id": identifier, **(parts if table.repeats else {}), **fields}

    def listed_columns(self, table: Table) -> Sequence[Column]:
        return table.written

    def given(self, column: Column, stored: Any) -> Any:
        """A value from the table, as it is returned."""
        return None if stored is None else self.given_value(column, stored)

    def given_value(self, column: Column, stored: Any) -> Any:
        match column.kind:
            case "long":
                return Int64(stored)
            case "bool":
                return bool(stored)
            case "date":
                return DatetimeMS(stored)
            case "double":
                return struct.unpack("<d", stored)[0]
            case "decimal":
                return Decimal128(stored)
            case "uuid":
                return Binary(stored, 4)
            case "objectId":
                return ObjectId(stored)
            case "json":
                return json_util.loads(stored, json_options=CANONICAL_JSON_OPTIONS)
            case "binData":
                return Binary(stored[1:], stored[0])
        return stored

    # --- A document as a row ---

    def row(self, table: Table, document: bytes) -> Row:
        """The row for a document. Raises InvalidArgument if the table does not hold such documents."""
        check_document(document, _BSON)
        return self.row_of(table, self.read(document))

    def read(self, document: bytes) -> dict[str, Any]:
        return decode(document, _BSON)

    def row_of(self, table: Table, fields: dict[str, Any]) -> Row:
        identifier = fields.pop("_id")
        row = self.key(table, identifier)
        if table.repeats:
            self.check_repeated(table, row, fields)
        for column in table.written:
            if column.name not in fields:
                self.missing(table, column, row)
                continue
            row[column.name] = self.stored(table, column, fields.pop(column.name))
        if fields:
            self.unknown(table, fields)
        return row

    def key(self, table: Table, identifier: Any) -> Row:
        """The columns of the key, from an id."""
        if len(table.key) == 1:
            return {table.key[0].name: self.stored(table, table.key[0], identifier)}
        if not isinstance(identifier, dict) or list(identifier) != [column.name for column in table.key]:
            names = ", ".join(column.name for column in table.key)
            raise InvalidArgument(f"{table.name}: the id is a document of {names}")
        return {column.name: self.stored(table, column, identifier[column.name]) for column in table.key}

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        for column in table.key:
            if column.name not in fields:
                raise InvalidArgument(f"{table.name}: {column.name} is missing: it repeats the id")
            if self.stored(table, column, fields.pop(column.name)) != row[column.name]:
                raise InvalidArgument(f"{table.name}: {column.name} does not repeat the id")

    def missing(self, table: Table, column: Column, row: Row) -> None:
        raise InvalidArgument(f"{table.name}: {column.name} is missing")

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        raise InvalidArgument(f"{table.name} has no column {next(iter(fields))[:40]!r}")

    def stored(self, table: Table, column: Column, value: Any) -> Any:
        """A value as the table stores it. Raises InvalidArgument if the column can't hold it."""
        if value is None:
            return self.null(table, column)
        value = self.typed(table, column, value)
        self.check_value(table, column, value)
        return self.stored_value(column, value)

    def null(self, table: Table, column: Column) -> Any:
        if not column.nullable:
            raise InvalidArgument(f"{table.name}.{column.name} is NOT NULL")
        return None

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        """A value of the column's type."""
        if column.kind == "int":
            right = type(value) is int and -(2**31) <= value < 2**31
        elif column.kind == "date":
            right = not isinstance(value, str | int | float) and hasattr(value, "utcoffset")
            right = right or isinstance(value, DatetimeMS)
        else:
            right = isinstance(value, _CLASSES[column.kind])
        if not right:
            raise InvalidArgument(f"{table.name}.{column.name} is {column.kind}, given {type(value).__name__}")
        return value

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        """Check the column's CHECK."""
        what = f"{table.name}.{column.name}"
        if column.kind == "string" and "\0" in value:
            raise InvalidArgument(f"{what}: a text holds NUL")
        if column.length is not None:
            self.check_length(what, column, value)
        if column.members and not column.unchecked and value not in column.members:
            raise InvalidArgument(f"{what}: expected one of {', '.join(column.members)}, given {value[:40]!r}")
        if column.least is not None and column.most is not None and not column.least <= value <= column.most:
            raise InvalidArgument(f"{what}: {value} is out of range")
        if column.pattern and not re.search(column.pattern, value):
            raise InvalidArgument(f"{what}: {value[:40]!r} does not match {column.pattern}")
        if column.digits is not None:
            self.check_digits(what, column, value)
        if column.kind == "double" and not abs(value) < float("inf"):
            raise InvalidArgument(f"{what}: {value} is no finite number")
        if column.kind == "uuid" and (value.subtype != 4 or len(value) != 16):
            raise InvalidArgument(f"{what}: expected a UUID")

    def check_length(self, what: str, column: Column, value: str) -> None:
        if column.length is not None and (len(value) > column.length or (column.padded and len(value) < column.length)):
            raise InvalidArgument(f"{what}: {len(value)} characters, expected {column.length}")

    def check_digits(self, what: str, column: Column, value: Decimal128) -> None:
        whole, behind = column.digits or (0, 0)
        number = value.to_decimal()
        if not number.is_finite() or number != round(number, behind) or abs(number) >= 10 ** (whole - behind):
            raise InvalidArgument(f"{what}: {value} is no numeric({whole}, {behind})")

    def stored_value(self, column: Column, value: Any) -> Any:
        match column.kind:
            case "double":
                return struct.pack("<d", value)
            case "decimal":
                return str(value)
            case "date":
                return int(DatetimeMS(value)) if not isinstance(value, DatetimeMS) else int(value)
            case "objectId":
                return value.binary
            case "json":
                return json_util.dumps(value, json_options=CANONICAL_JSON_OPTIONS)
            case "binData":
                return bytes([getattr(value, "subtype", 0)]) + bytes(value)
            case "uuid":
                return bytes(value)
            case "long" | "int" | "bool":
                return int(value)
        return value

    # --- WriteData and WriteUpdates ---

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        check_data_type(request.type, [_BSON])
        table = self.table(request.namespace)
        rows = [self.row(table, document) for document in request.data]
        with self.store.transaction():
            for row in rows:
                self.put(table, row, UPDATE_TYPE_INSERT)
        return WriteDataResponse()

    def put(self, table: Table, row: Row, kind: Any) -> None:
        """Insert a row, or overwrite the one with its key; within a transaction."""
        names = [*row, "_created"]
        keys = [column.name for column in table.key]
        columns = ", ".join(f'"{name}"' for name in names)
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in row if name not in keys)
        conflict = ", ".join(f'"{name}"' for name in keys)
        self.store.query(
            f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))}) '
            f"ON CONFLICT ({conflict}) DO {f'UPDATE SET {changed}' if changed else 'NOTHING'}",
            [*row.values(), self.store.end + 1],
        )
        found = self.find(table, row)
        if found is not None:
            self.store.append(table.namespace, kind, self.document(table, found))

    def find(self, table: Table, key: Row) -> Row | None:
        where = " AND ".join(f'"{column.name}" = ?' for column in table.key)
        found = self.select(table, f"WHERE {where}", [key[column.name] for column in table.key])
        return found[0] if found else None

    def remove(self, table: Table, key: Row) -> None:
        """Delete a row, if it is there; within a transaction."""
        found = self.find(table, key)
        if found is None:
            return
        where = " AND ".join(f'"{column.name}" = ?' for column in table.key)
        self.store.query(f'DELETE FROM "{table.name}" WHERE {where}', [key[column.name] for column in table.key])
        self.store.append(table.namespace, UPDATE_TYPE_DELETE, self.document(table, found))

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        check_data_type(request.type, [_BSON])
        table = self.table(request.namespace)
        for update in request.updates:
            check_update(update, _BSON)
        with self.store.transaction():
            for update in request.updates:
                self.apply(table, update)
        return WriteUpdatesResponse()

    def apply(self, table: Table, update: Update) -> None:
        if update.type == UPDATE_TYPE_DELETE:
            self.delete(table, update)
        elif update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            self.put(table, self.merged(table, update), UPDATE_TYPE_UPDATE)
        else:
            self.put(table, self.row(table, update.data), update.type)

    def delete(self, table: Table, update: Update) -> None:
        """Remove the document with the update's id; if the table cannot hold the id, nothing has it."""
        try:
            key = self.key(table, decode_id(check_id(update.id, _BSON)))
        except InvalidArgument:
            return
        self.remove(table, key)

    def merged(self, table: Table, update: Update) -> Row:
        """The row after a partial update; for a missing row, the fields must be complete."""
        identifier = decode_id(check_id(update.id, _BSON))
        found = self.find(table, self.key(table, identifier))
        current = encode(self.bare(table, identifier), _BSON) if found is None else self.document(table, found)
        return self.row(table, apply_partial_update(current, update.data, update.partial_update_unset, _BSON))

    def bare(self, table: Table, identifier: Any) -> dict[str, Any]:
        parts = identifier if len(table.key) > 1 else {table.key[0].name: identifier}
        return {"_id": identifier, **(parts if table.repeats else {})}

    # --- StreamUpdates and StreamLSN ---

    def stream_cursor(self, number: int) -> bytes:
        return StreamCursor(store=self.store.id, number=number).encode()

    def stream_start(self, data: bytes) -> int:
        cursor = StreamCursor.decode(data)
        if cursor.store != self.store.id or not 0 <= cursor.number <= self.store.end:
            raise FailedPrecondition("the cursor is of another database: plan again")
        return cursor.number

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        check_data_type(request.type, [_BSON])
        number = self.stream_start(request.cursor)
        wanted = frozenset(request.namespaces)
        for entries in self.batches(number, context):
            run: list[Logged] = []
            for entry in entries:
                if wanted and entry.namespace not in wanted:
                    continue
                if run and run[0].namespace != entry.namespace:
                    yield self.message(run)
                    run = []
                run.append(entry)
            if run:
                yield self.message(run)

    def batches(self, number: int, context: StreamContext) -> Iterator[list[Logged]]:
        """Later writes, until the stream ends."""
        context.add_callback(self.store.notify)
        while not (context.cancelled or self._closed):
            with self.store.changed:
                entries = self.store.after(number, _MESSAGE_UPDATES)
                if not entries and not (context.cancelled or self._closed):
                    self.store.changed.wait()
            if entries:
                yield entries
                number = entries[-1].number

    def message(self, run: Sequence[Logged]) -> StreamUpdatesResponse:
        return StreamUpdatesResponse(
            namespace=run[0].namespace,
            updates=[self.streamed(entry) for entry in run],
            next_cursor=self.stream_cursor(run[-1].number),
        )

    def streamed(self, entry: Logged) -> Update:
        identifier = encode_id(decode(entry.data, _BSON)["_id"])
        data = b"" if entry.type == UPDATE_TYPE_DELETE else entry.data
        return Update(id=[identifier], type=entry.type, data=data)

    def stream_lsn(self, request: StreamLSNRequest, context: StreamContext) -> Iterator[StreamLSNResponse]:
        number = self.stream_start(request.cursor)
        wanted = frozenset(request.namespaces)
        lsn = 0
        for entries in self.batches(number, context):
            lsn += sum(not wanted or entry.namespace in wanted for entry in entries)
            yield StreamLSNResponse(lsn=lsn, next_cursor=self.stream_cursor(entries[-1].number))

    # --- GetByIds ---

    def get_by_ids(self, request: GetByIdsRequest) -> GetByIdsResponse:
        check_data_type(request.type, [_BSON])
        table = self.table(request.namespace)
        found = [self.found(table, decode_id(check_id(item.id, _BSON))) for item in request.ids]
        return GetByIdsResponse(data=[GetByIdsResponse.ResponseItem(data=document) for document in found])

    def found(self, table: Table, identifier: Any) -> bytes:
        """The document with this id; empty if there is none, also for an id that the table cannot hold."""
        try:
            row = self.find(table, self.key(table, identifier))
        except InvalidArgument:
            return b""
        return b"" if row is None else self.document(table, row)

    # --- what all of them need ---

    def table(self, namespace: str) -> Table:
        if not namespace:
            raise InvalidArgument("the namespace is empty: expected a name like 'typed.items'")
        if (table := self.store.tables.get(namespace)) is None:
            raise NotFound(f"there is no table {namespace[:80]!r}: it must be made beforehand")
        return table

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return None

    def teardown(self) -> None:
        self._closed = True
        self.store.notify()
