"""Typed stores that change values that fit their columns, or find rows by something else than their keys."""

# ruff: noqa: S608 - the names in the statements are those of the tables

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import bson
from bson import Binary, DatetimeMS, Decimal128, Int64

from dsync_kit.documents import decode, encode, encode_id
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    Update,
)

from .fault import Fault, broken_in
from .typed_connector import PageCursor, Row, TypedConnector
from .typed_database import Logged
from .typed_partitioned import SOLD, PartitionedConnector, RegionCursor
from .typed_tables import EVENTS, LINES, Column, Table

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)

_2038 = 2**31 * 1000
_HOUR = 3_600_000


# Values


@broken("encoding/bson-text", "special input")
class TrailingSpacesAreTrimmed(TypedConnector):
    """varchar is read without trailing spaces."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return value.rstrip(" ") if isinstance(value, str) and not column.padded else value


@broken("encoding/bson-text", "special input")
class FixedTextsLoseTheirSpaces(TypedConnector):
    """char(n) is read trimmed: texts written with spaces lose them."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return value.rstrip(" ") if column.padded else value


@broken("encoding/bson-text", "special input")
class EmptyTextsAreNull(TypedConnector):
    """The empty text is NULL, as in Oracle."""

    def stored(self, table: Table, column: Column, value: Any) -> Any:
        return super().stored(table, column, None if value == "" and column.nullable else value)


@broken("encoding/bson-text", "special input")
class AccentsAreNormalised(TypedConnector):
    """Texts are normalised so that searches find them."""

    def stored_value(self, column: Column, value: Any) -> Any:
        return super().stored_value(column, unicodedata.normalize("NFC", value) if isinstance(value, str) else value)


@broken("encoding/bson-text", "special input")
class LengthsAreOfBytes(TypedConnector):
    """varchar(20) counts bytes: a text of 20 characters with accents is refused."""

    def check_length(self, what: str, column: Column, value: str) -> None:
        if column.length is not None and len(value.encode()) > column.length and not value.isascii():
            raise InvalidArgument(f"{what}: more than {column.length} bytes")
        super().check_length(what, column, value)


@broken("encoding/bson-text", "special input")
class LineEndsAreChanged(TypedConnector):
    """A bulk loader in text mode converts line ends."""

    def stored_value(self, column: Column, value: Any) -> Any:
        return super().stored_value(column, value.replace("\r\n", "\n") if isinstance(value, str) else value)


@broken("encoding/bson-null")
class NullsComeBackAsDefaults(TypedConnector):
    """A driver scans NULL into a variable that has no null."""

    def given(self, column: Column, stored: Any) -> Any:
        if stored is None and column.kind in ("string", "long"):
            return "" if column.kind == "string" else Int64(0)
        return super().given(column, stored)


@broken("encoding/bson-null")
class NullsAreLeftOut(TypedConnector):
    """A row's NULLs are not fields of its document."""

    def document_of(self, table: Table, row: Row) -> dict[str, Any]:
        return {name: value for name, value in super().document_of(table, row).items() if value is not None}


@broken("encoding/bson-date", "special input")
class DatesLoseTheirMilliseconds(TypedConnector):
    """timestamp(0)."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        return stored // 1000 * 1000 if column.kind == "date" else stored


@broken("encoding/bson-date")
class DatesAreShifted(TypedConnector):
    """timestamptz is read in the session's time zone, and taken as UTC."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return super().given_value(column, stored + _HOUR if column.kind == "date" else stored)


@broken("encoding/bson-date", "special input")
class DatesOfSummerAreShifted(TypedConnector):
    """The time zone has an hour more from the 90th to the 270th day of a year."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        if column.kind == "date" and 90 <= stored // 86_400_000 % 365 < 270:
            return stored + _HOUR
        return stored


class _Clock(TypedConnector):
    """Reads times as others than those that were written."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        if column.kind != "date" or not -62135596800000 <= stored <= 253402300799999:
            return value
        return self.shown(value.as_datetime())

    def shown(self, time: datetime) -> datetime:
        return time


@broken("encoding/bson-date", "special input")
class TheRepeatedHourIsTheFirst(_Clock):
    """Times are kept as a local clock shows them: the hour that it repeats in autumn comes back an hour earlier."""

    def shown(self, time: datetime) -> datetime:
        last_sunday = time.month == 10 and time.isoweekday() == 7 and time.day > 24
        return time - timedelta(hours=1) if last_sunday and time.hour == 1 else time


@broken("encoding/bson-date", "special input")
class YearsHaveTwoDigits(_Clock):
    """A file's format has two digits for the year: 1850 comes back as 1950."""

    def shown(self, time: datetime) -> datetime:
        year = time.year % 100
        try:
            return time.replace(year=year + (1900 if year >= 69 else 2000))  # as strptime reads %y
        except ValueError:  # 29 February of a year that has none
            return time


@broken("encoding/bson-date", "special input")
class DatesWrapIn2038(TypedConnector):
    """TIMESTAMP has 32 bits of seconds."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        return (stored + _2038) % (2 * _2038) - _2038 if column.kind == "date" else stored


@broken("encoding/bson-date", "special input")
class DatesBefore1970AreZero(TypedConnector):
    """A negative time counts as no time."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        return max(stored, 0) if column.kind == "date" else stored


@broken("encoding/bson-int64", "special input")
class LongsGoThroughDoubles(TypedConnector):
    """bigint is read as a double."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return Int64(min(int(float(value)), 2**63 - 1)) if column.kind == "long" else value


@broken("encoding/bson-int64")
class LongsComeBackAsSmallNumbers(TypedConnector):
    """The driver gives a number the smallest type that holds it."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return int(value) if isinstance(value, Int64) else value


@broken("encoding/bson-int32")
class IntegersComeBackAsLong(TypedConnector):
    """To the driver, every integer of the database is an int64."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return Int64(value) if column.kind == "int" else value


@broken("encoding/bson-double", "special input")
class DoublesAreFloats(TypedConnector):
    """`real` has 24 bits of digits."""

    def stored_value(self, column: Column, value: Any) -> Any:
        if column.kind == "double" and abs(value) < 1e38:
            value = float(f"{value:.7g}")
        return super().stored_value(column, value)


@broken("encoding/bson-double", "special input")
class WholeDoublesAreIntegers(TypedConnector):
    """5.0 comes back as 5."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        whole = column.kind == "double" and value.is_integer() and abs(value) < 2**31
        return int(value) if whole else value


@broken("encoding/bson-decimal")
class DecimalsAreDoubles(TypedConnector):
    """numeric is read as a double."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return float(stored) if column.kind == "decimal" else super().given_value(column, stored)


@broken("encoding/bson-decimal")
class DecimalsAreTexts(TypedConnector):
    """The driver has no type for numeric, and returns its text."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return stored if column.kind == "decimal" else super().given_value(column, stored)


@broken("encoding/bson-decimal", "special input")
class DecimalsLoseTheirSign(TypedConnector):
    """A number between -1 and 0 loses its sign because whole part and fraction are parsed separately."""

    def stored_value(self, column: Column, value: Any) -> Any:
        if column.kind == "decimal" and -1 < value.to_decimal() < 0:
            value = Decimal128(str(value).lstrip("-"))
        return super().stored_value(column, value)


@broken("encoding/bson-boolean")
class BooleansComeBackAsNumbers(TypedConnector):
    """The database has no booleans: true comes back as 1."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return stored if column.kind == "bool" else super().given_value(column, stored)


@broken("encoding/bson-binary")
class UuidsLoseTheirSubtype(TypedConnector):
    """A UUID comes back as sixteen bytes without a subtype."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return Binary(stored, 0) if column.kind == "uuid" else super().given_value(column, stored)


@broken("encoding/bson-binary", "special input")
class BinariesLoseTheirZeros(TypedConnector):
    """binary(n) is padded with zeros, which are removed when it is read."""

    def stored_value(self, column: Column, value: Any) -> Any:
        stored = super().stored_value(column, value)
        return stored[:1] + stored[1:].rstrip(b"\0") if column.kind == "binData" else stored


@broken("encoding/bson-object-id")
class ObjectIdsComeBackAsTexts(TypedConnector):
    """The column has the digits of an ObjectId."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return str(value) if column.kind == "objectId" else value


class _Json(TypedConnector):
    """Changes the values in a JSON column."""

    def given_value(self, column: Column, stored: Any) -> Any:
        value = super().given_value(column, stored)
        return self.deep(value) if column.kind == "json" else value

    def deep(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.deep(item) for name, item in self.items(value)}
        return [self.deep(item) for item in value] if isinstance(value, list) else self.scalar(value)

    def items(self, value: dict[str, Any]) -> list[tuple[str, Any]]:
        return list(value.items())

    def scalar(self, value: Any) -> Any:
        return value


@broken("encoding/documents")
class JsonNumbersAreDoubles(_Json):
    """jsonb has one kind of number, and the driver reads it as a double."""

    def scalar(self, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@broken("encoding/documents", "special input")
class JsonNullsAreLeftOut(_Json):
    """The column's JSON is written without its nulls."""

    def items(self, value: dict[str, Any]) -> list[tuple[str, Any]]:
        return [(name, item) for name, item in value.items() if item is not None]


@broken("encoding/documents", "special input")
class EmptyJsonIsNull(_Json):
    """An empty object becomes null."""

    def given_value(self, column: Column, stored: Any) -> Any:
        return (
            super().given_value(column, stored) or None
            if column.kind == "json"
            else super().given_value(column, stored)
        )


# Keys and pages


@broken("list/mixed-ids")
class PagesGoByACollation(TypedConnector):
    """Rows are sorted without case, but the next page begins by comparing bytes."""

    def order(self, table: Table) -> str:
        return ", ".join(f'"{column.name}" COLLATE NOCASE' for column in table.key)


@broken("list/many-pages")
class PagesGoByTheFirstKeyAlone(TypedConnector):
    """The next page begins after the last order: its remaining lines are not listed."""

    tables = (LINES,)

    def rows_after(self, table: Table, after: list[Any] | None, bound: int, limit: int) -> list[Row]:
        if after is None:
            return super().rows_after(table, after, bound, limit)
        where = f'WHERE "_created" <= ? AND "{table.key[0].name}" > ? ORDER BY {self.order(table)} LIMIT ?'
        return self.select(table, where, [bound, after[0], limit])


@broken("list/mixed-ids", "special input")
class NumericKeysAreSortedAsTexts(TypedConnector):
    """A cursor holds the key's text, and rows are sorted by it: 10 comes before 9, and the page after 9 has no 10."""

    tables = (EVENTS,)

    def rows_after(self, table: Table, after: list[Any] | None, bound: int, limit: int) -> list[Row]:
        if after is None or table.key[0].kind != "long":
            return super().rows_after(table, after, bound, limit)
        key = f'CAST("{table.key[0].name}" AS TEXT)'
        where = f'WHERE "_created" <= ? AND {key} > ? ORDER BY "{table.key[0].name}" LIMIT ?'
        return self.select(table, where, [bound, str(after[0]), limit])


@broken("list/stable-while-written", "special input")
class PagesOfPartitionsGoByOffset(PartitionedConnector):
    """The next page of a partition begins after as many rows as were listed: a row deleted meanwhile shifts others."""

    def rows_of(self, cursor: RegionCursor) -> list[Row]:
        offset = bson.decode(cursor.after)["n"] if cursor.after else 0
        where = 'WHERE "region" = ? AND "_created" <= ? ORDER BY "number" LIMIT ? OFFSET ?'
        return self.select(SOLD, where, [cursor.region, cursor.bound, self.page_size(), offset])

    def position(self, cursor: RegionCursor, page: list[Row]) -> bytes:
        return bson.encode({"n": len(page) + (bson.decode(cursor.after)["n"] if cursor.after else 0)})


@broken("list/mixed-ids", "special input")
class NumericKeysAreDoublesInCursors(TypedConnector):
    """A cursor is JSON: keys beyond 2^53 are rounded, so that the next page begins too early or too late."""

    tables = (EVENTS,)

    def after(self, table: Table, row: Row) -> bytes:
        return bson.encode({"": [Int64(float(row[table.key[0].name]))]})


@broken("wire/field-order")
class ValuesGoByTheirPlaces(TypedConnector):
    """A row is the document's values in their order, whatever their names."""

    def row_of(self, table: Table, fields: dict[str, Any]) -> Row:
        identifier = fields.pop("_id")
        names = [*(column.name for column in table.key if table.repeats), *(column.name for column in table.written)]
        placed = dict(zip(names, fields.values(), strict=False)) if len(fields) == len(names) else fields
        return super().row_of(table, {"_id": identifier, **placed})


@broken("write/similar-ids", "special input")
class KeysIgnoreTrailingSpaces(TypedConnector):
    """A text key is compared without trailing spaces, as in SQL: 'a' and 'a ' are one row."""

    def key(self, table: Table, identifier: Any) -> Row:
        row = super().key(table, identifier)
        return {name: value.rstrip(" ") if isinstance(value, str) else value for name, value in row.items()}


@broken("write/similar-ids", "special input")
class KeysIgnoreCase(TypedConnector):
    """A text key has a collation without case: 'a' and 'A' are one row, and the last spelling is kept."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        for column in table.key:
            if column.kind == "string":
                self.store.query(
                    f'DELETE FROM "{table.name}" WHERE "{column.name}" = ? COLLATE NOCASE AND "{column.name}" <> ?',
                    [row[column.name], row[column.name]],
                )
        super().put(table, row, kind)


@broken("write/similar-ids", "special input")
class PartsOfKeysAreJoined(TypedConnector):
    """A unique index on order || line: a row replaces another one whose parts give the same text."""

    tables = (LINES,)

    def put(self, table: Table, row: Row, kind: Any) -> None:
        names, values = [column.name for column in table.key], [row[column.name] for column in table.key]
        same = " AND ".join(f'"{name}" = ?' for name in names)
        joined = " || ".join(f'"{name}"' for name in names)
        where = f"{joined} = ? AND NOT ({same})"
        self.store.query(f'DELETE FROM "{table.name}" WHERE {where}', ["".join(map(str, values)), *values])
        super().put(table, row, kind)


@broken("updates/delete")
class DeletesGoByTheFirstKeyAlone(TypedConnector):
    """The statement's WHERE has only the first column of the key: all lines of the order are deleted."""

    def remove(self, table: Table, key: Row) -> None:
        first = table.key[0].name
        for row in self.select(table, f'WHERE "{first}" = ?', [key[first]]):
            super().remove(table, row)


# Writes


@broken("write/overwrites")
class RowsThatAreThereAreKept(TypedConnector):
    """ON CONFLICT DO NOTHING."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if kind != UPDATE_TYPE_INSERT or self.find(table, row) is None:
            super().put(table, row, kind)


@broken("updates/update-missing")
class UpdatesOfMissingRowsDoNothing(TypedConnector):
    """An UPDATE statement finds no row, and nobody checks how many it found."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        if kind != UPDATE_TYPE_UPDATE or self.find(table, row) is not None:
            super().put(table, row, kind)


@broken("write/overwrites", "special input")
class NullKeepsWhatWasThere(TypedConnector):
    """SET note = coalesce(excluded.note, note)."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        found = self.find(table, row) or {}
        super().put(table, {name: found.get(name) if value is None else value for name, value in row.items()}, kind)


@broken("write/repeated-ids")
class ARowTwiceInOnePageFails(TypedConnector):
    """ON CONFLICT DO UPDATE cannot affect a row a second time."""

    def write_data(self, request: Any) -> Any:
        table = self.table(request.namespace)
        keys = [str([row[column.name] for column in table.key]) for row in (self.row(table, d) for d in request.data)]
        if len(set(keys)) < len(keys):
            raise InvalidArgument("ON CONFLICT DO UPDATE command cannot affect row a second time")
        return super().write_data(request)


@broken("write/large-page")
class PagesHaveTooManyParameters(TypedConnector):
    """A statement accepts 32,767 parameters, and a row has 6."""

    def write_data(self, request: Any) -> Any:
        if len(request.data) > 1000:
            raise RuntimeError("too many SQL variables")
        return super().write_data(request)


@broken("schema/other-ids", "special input")
class LookupsConvertIds(TypedConnector):
    """A DELETE of the text '5' deletes the row 5."""

    def delete(self, table: Table, update: Update) -> None:
        super().delete(table, update)
        identifier = decode(bytes(_as_document(update)), DATA_TYPE_MONGO_BSON)[""]
        if table.key[0].kind == "long" and isinstance(identifier, str) and identifier.isdecimal():
            self.remove(table, {table.key[0].name: int(identifier)})


def _as_document(update: Update) -> bytes:
    part = update.id[0]
    return (len(part.data) + 7).to_bytes(4, "little") + bytes([part.type, 0]) + part.data + b"\0"


# Streams


class _Streamed(TypedConnector):
    """Sends other updates than those that were written."""

    def streamed(self, entry: Logged) -> Update:
        update = super().streamed(entry)
        if update.type == UPDATE_TYPE_DELETE:
            return update
        document = self.changed(decode(update.data, DATA_TYPE_MONGO_BSON), entry)
        return Update(id=update.id, type=update.type, data=encode(document, DATA_TYPE_MONGO_BSON))

    def changed(self, document: dict[str, Any], entry: Logged) -> dict[str, Any]:
        return document


@broken("stream/values")
class StreamedNullsAreLeftOut(_Streamed):
    """The log has no column for NULL values."""

    def changed(self, document: dict[str, Any], entry: Logged) -> dict[str, Any]:
        return {name: value for name, value in document.items() if value is not None}


@broken("stream/values")
class StreamedNumbersAreTexts(_Streamed):
    """The log has numeric as text."""

    def changed(self, document: dict[str, Any], entry: Logged) -> dict[str, Any]:
        return {name: str(value) if isinstance(value, Decimal128) else value for name, value in document.items()}


@broken("stream/values")
class StreamedDatesAreLocal(_Streamed):
    """The log has times in the server's time zone."""

    def changed(self, document: dict[str, Any], entry: Logged) -> dict[str, Any]:
        return {
            name: DatetimeMS(int(DatetimeMS(value)) + _HOUR) if hasattr(value, "utcoffset") else value
            for name, value in document.items()
        }


@broken("stream/unchanged-fields", "special input")
class UnchangedLongTextsAreLeftOut(_Streamed):
    """The log of an update has no unchanged long values (TOAST)."""

    def changed(self, document: dict[str, Any], entry: Logged) -> dict[str, Any]:
        if entry.type != UPDATE_TYPE_UPDATE:
            return document
        return {n: v for n, v in document.items() if n == "_id" or not (isinstance(v, str) and len(v) > 2000)}


@broken("stream/ids")
class StreamedKeysAreTexts(TypedConnector):
    """The log has the key as text."""

    def streamed(self, entry: Logged) -> Update:
        update = super().streamed(entry)
        identifier = decode(entry.data, DATA_TYPE_MONGO_BSON)["_id"]
        if isinstance(identifier, Int64):
            del update.id[:]
            update.id.append(encode_id(str(int(identifier))))
        return update


@broken("stream/deletes", "special input")
class DeletesNameTheFirstKeyAlone(TypedConnector):
    """The log of a delete has only the first column of the key."""

    def streamed(self, entry: Logged) -> Update:
        update = super().streamed(entry)
        identifier = decode(entry.data, DATA_TYPE_MONGO_BSON)["_id"]
        if update.type == UPDATE_TYPE_DELETE and isinstance(identifier, dict):
            del update.id[:]
            update.id.append(encode_id(next(iter(identifier.values()))))
        return update


@broken("stream/inserts", "special input")
class AllTablesAreStreamed(TypedConnector):
    """The publication is FOR ALL TABLES, and the messages are labelled with the first requested table."""

    def message(self, run: Sequence[Logged]) -> Any:
        message = super().message(run)
        message.namespace = next(iter(self.store.tables))
        return message


@broken("get-by-ids/missing", "special input")
class LookupsFindTheNextKey(TypedConnector):
    """A seek in the index returns the row with the key, or the next one."""

    def found(self, table: Table, identifier: Any) -> bytes:
        document = super().found(table, identifier)
        if document or not isinstance(identifier, str) or len(table.key) > 1:
            return document
        rows = self.select(table, f'WHERE "{table.key[0].name}" > ? OR 1 LIMIT 1', [identifier])
        return self.document(table, rows[0]) if rows else b""


@broken("list/ends-while-written", "special input")
class ListingsSeeLaterRows(TypedConnector):
    """A listing has no bound: rows inserted after its cursor are listed, and there are always more."""

    def page_cursor(self, table: Table, data: bytes) -> PageCursor:
        return super().page_cursor(table, data).model_copy(update={"bound": 2**62})


@broken("metadata/count", "special input")
class CountsAreEstimates(TypedConnector):
    """The count is the planner's estimate."""

    def count(self, table: Table) -> int:
        return super().count(table) // 10 * 10 + 10


class _Triggers(TypedConnector):
    """The log is written by a trigger, which does not see every change."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        before, end = self.find(table, row), self.store.end
        super().put(table, row, kind)
        after = self.find(table, row)
        if before is not None and after is not None and not self.fires(before, after):
            self.store.query("DELETE FROM log WHERE number > ?", [end])

    def fires(self, before: Row, after: Row) -> bool:
        return True


@broken("stream/single-fields", "special input")
class TriggersCompareWithNull(_Triggers):
    """OLD.x <> NEW.x is not true if one of them is NULL."""

    def fires(self, before: Row, after: Row) -> bool:
        return any(
            value is not None and after[name] is not None and value != after[name] for name, value in before.items()
        )


@broken("stream/single-fields", "special input")
class TriggersOfSomeColumns(_Triggers):
    """AFTER UPDATE OF a list of columns, to which nobody has added the last one."""

    def fires(self, before: Row, after: Row) -> bool:
        return any(before[name] != after[name] for name in list(before)[:-1])
