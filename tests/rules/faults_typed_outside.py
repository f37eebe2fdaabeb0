"""Typed stores that accept documents that do not fit, and store something else."""

import json
from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN
from typing import Any

from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, json_util

from dsync_kit.documents import decode, decode_id, encode
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    Update,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .fault import Fault, broken_in
from .typed_connector import Row, TypedConnector
from .typed_database import Database
from .typed_tables import USERS, Column, Table

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)

_DEFAULTS: dict[str, Any] = {
    "string": "",
    "long": Int64(0),
    "int": 0,
    "double": 0.0,
    "decimal": Decimal128("0"),
    "bool": False,
    "date": DatetimeMS(0),
}


def _default(column: Column) -> Any:
    """What a column's DEFAULT would be."""
    if column.members:
        return column.members[0]
    return "x" * column.length if column.padded and column.length else _DEFAULTS.get(column.kind)


# Fields


@broken("schema/unknown-field")
class UnknownFieldsAreDropped(TypedConnector):
    """A statement is built from the known columns; other fields are ignored."""

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        return


@broken("schema/unknown-field", "special input")
class NullsOfUnknownFieldsAreDropped(TypedConnector):
    """Nulls are removed before the columns are looked up."""

    def unknown(self, table: Table, fields: dict[str, Any]) -> None:
        if known := {name: value for name, value in fields.items() if value is not None}:
            super().unknown(table, known)


@broken("schema/unknown-field", "special input")
class NamesFoldCase(TypedConnector):
    """Names in the statement are not quoted: the database folds their case."""

    def row_of(self, table: Table, fields: dict[str, Any]) -> Row:
        return super().row_of(table, {name if name == "_id" else name.lower(): value for name, value in fields.items()})


@broken("schema/missing-field")
class MissingFieldsAreNull(TypedConnector):
    """A column missing in the statement becomes NULL."""

    def missing(self, table: Table, column: Column, row: Row) -> None:
        row[column.name] = self.null(table, column)


@broken("schema/missing-field")
class MissingFieldsAreDefaults(TypedConnector):
    """A column missing in the statement gets its DEFAULT."""

    def missing(self, table: Table, column: Column, row: Row) -> None:
        value = _default(column)
        row[column.name] = self.null(table, column) if value is None else self.stored_value(column, value)


@broken("schema/null")
class NullsAreDefaults(TypedConnector):
    """NULL in a NOT NULL column becomes its DEFAULT, as in MySQL without its strict mode."""

    def null(self, table: Table, column: Column) -> Any:
        value = _default(column)
        return super().null(table, column) if column.nullable or value is None else self.stored_value(column, value)


@broken("schema/null", "special input")
class NullTextsAreEmpty(TypedConnector):
    """Texts are copied with `value or ''`."""

    def null(self, table: Table, column: Column) -> Any:
        fixed = column.nullable or column.kind != "string" or column.members or column.padded
        return super().null(table, column) if fixed else ""


class _Ignoring(TypedConnector):
    """INSERT IGNORE: a row that violates a constraint is dropped."""

    ignored = ""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        table = self.table(request.namespace)
        with self.store.transaction():
            for document in request.data:
                try:
                    row = self.row(table, document)
                except InvalidArgument as error:
                    if self.ignored not in error.message:
                        raise
                else:
                    self.put(table, row, UPDATE_TYPE_INSERT)
        return WriteDataResponse()


@broken("schema/null")
class RowsWithNullsAreLeftOut(_Ignoring):
    """INSERT IGNORE drops rows with forbidden NULLs."""

    ignored = "NOT NULL"


@broken("schema/repeated-id")
class TheIdWinsOverItsField(TypedConnector):
    """The key's columns are filled from `_id`; fields of the same name are ignored."""

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        for column in table.key:
            fields.pop(column.name, None)


@broken("schema/repeated-id")
class TheFieldWinsOverTheId(TypedConnector):
    """The row is written under its key's columns, and `_id` is ignored."""

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        for column in table.key:
            if column.name not in fields:
                raise InvalidArgument(f"{column.name} is missing")
            row[column.name] = self.stored(table, column, fields.pop(column.name))


@broken("schema/missing-field", "rare")
class ARepeatThatIsMissingIsFilledIn(TypedConnector):
    """A document without its key's field is still written, and then has it."""

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        whole = {column.name: self.given(column, row[column.name]) for column in table.key} | fields
        super().check_repeated(table, row, whole)
        for column in table.key:
            fields.pop(column.name, None)


# Types


class _Lenient(TypedConnector):
    """Converts values of other types."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        try:
            return super().typed(table, column, value)
        except InvalidArgument:
            converted = self.converted(column, value)
            if converted is None:
                raise
            return super().typed(table, column, converted)

    def converted(self, column: Column, value: Any) -> Any:
        """The value converted to the column's type; None if that is impossible."""
        return None


@broken("schema/other-type")
class TextsOfDigitsAreNumbers(_Lenient):
    """'5' is written to a column of numbers, as SQL databases do."""

    def converted(self, column: Column, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            number = {"long": Int64, "int": int, "double": float, "decimal": Decimal128}.get(column.kind)
            return None if number is None else number(value)
        return None


@broken("schema/other-type")
class NumbersAreTexts(_Lenient):
    """Whatever is written to a text column becomes text."""

    def converted(self, column: Column, value: Any) -> Any:
        fixed = column.members or column.padded or column.kind != "string"
        return None if fixed or not isinstance(value, int | float) else str(value)


@broken("schema/other-type")
class FractionsAreCutOff(_Lenient):
    """5.5 in a column of integers becomes 5."""

    def converted(self, column: Column, value: Any) -> Any:
        whole = {"long": Int64, "int": int}.get(column.kind)
        return whole(int(value)) if whole and isinstance(value, float) and abs(value) < 2**31 else None


@broken("schema/other-type", "special input")
class SmallNumbersAreWidened(_Lenient):
    """An int32 in a column of bigint comes back as int64, another value to dsync."""

    def converted(self, column: Column, value: Any) -> Any:
        return Int64(value) if column.kind == "long" and type(value) is int else None


@broken("schema/other-type", "special input")
class LongsAreNarrowed(_Lenient):
    """An int64 that fits comes back from a column of integer as int32."""

    def converted(self, column: Column, value: Any) -> Any:
        return int(value) if column.kind == "int" and isinstance(value, Int64) and abs(value) < 2**31 else None


@broken("schema/other-type", "special input")
class BooleansAreNumbers(_Lenient):
    """true in a column of integers becomes 1."""

    def converted(self, column: Column, value: Any) -> Any:
        return int(value) if column.kind == "int" and isinstance(value, bool) else None


@broken("schema/other-type", "special input")
class NumbersAreBooleans(_Lenient):
    """1 in a column of booleans becomes true."""

    def converted(self, column: Column, value: Any) -> Any:
        return bool(value) if column.kind == "bool" and type(value) is int else None


@broken("schema/other-type", "special input")
class TextsAreDates(_Lenient):
    """A text that looks like a time is written to a column of timestamps."""

    def converted(self, column: Column, value: Any) -> Any:
        if column.kind != "date" or not isinstance(value, str) or "T" not in value:
            return None
        return DatetimeMS(json_util.loads(json.dumps({"$date": value})))


@broken("schema/other-type", "special input")
class DatesAreNumbers(_Lenient):
    """A date in a column of bigint becomes its milliseconds."""

    def converted(self, column: Column, value: Any) -> Any:
        return Int64(int(DatetimeMS(value))) if column.kind == "long" and hasattr(value, "utcoffset") else None


@broken("schema/other-type", "special input")
class ObjectsAreTexts(_Lenient):
    """An object in a text column becomes its JSON."""

    def converted(self, column: Column, value: Any) -> Any:
        return json.dumps(value, default=str)[:20] if column.kind == "string" and isinstance(value, dict) else None


@broken("schema/other-type", "special input")
class BinariesAreTexts(_Lenient):
    """Bytes in a text column are decoded."""

    def converted(self, column: Column, value: Any) -> Any:
        fixed = column.members or column.padded or column.kind != "string"
        return value.decode("latin-1") if isinstance(value, bytes) and not fixed else None


@broken("schema/other-type", "special input")
class ObjectIdsAreTexts(_Lenient):
    """An ObjectId in a text column becomes its digits."""

    def converted(self, column: Column, value: Any) -> Any:
        return str(value)[:20] if column.kind == "string" and isinstance(value, ObjectId) else None


@broken("schema/other-type", "special input")
class DoublesAreDecimals(_Lenient):
    """A double in a column of numeric comes back as a decimal."""

    def converted(self, column: Column, value: Any) -> Any:
        return Decimal128(str(value)) if column.kind == "decimal" and isinstance(value, float) else None


@broken("schema/other-type", "special input")
class ListsAreTheirFirstItem(_Lenient):
    """A driver that takes arrays as several values uses the first one."""

    def converted(self, column: Column, value: Any) -> Any:
        return value[0] if isinstance(value, list) and len(value) == 1 and column.kind == "string" else None


# Lengths, ranges, digits, and lists of values


@broken("schema/text-length")
class TextsAreCut(TypedConnector):
    """A text that is too long is cut, as in MySQL without its strict mode."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        value = super().typed(table, column, value)
        return value[: column.length] if column.length is not None and column not in table.key else value


@broken("schema/text-length", "special input")
class SpacesBeyondTheLengthAreCut(TypedConnector):
    """Spaces beyond a column's length are silently cut, as the SQL standard says for casts."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        value = super().typed(table, column, value)
        if column.length is not None and len(value) > column.length and not value[column.length :].strip(" "):
            return value[: column.length]
        return value


@broken("schema/text-length")
class ShortTextsArePadded(TypedConnector):
    """char(n) pads a text with spaces."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        value = super().typed(table, column, value)
        return value.ljust(column.length) if column.padded and column.length is not None else value


@broken("schema/digits")
class DecimalsAreRounded(TypedConnector):
    """numeric(10,2) rounds numbers with more decimal places."""

    rounding = ROUND_HALF_EVEN

    def check_digits(self, what: str, column: Column, value: Decimal128) -> None:
        super().check_digits(what, column, self._rounded(column, value))

    def _rounded(self, column: Column, value: Decimal128) -> Decimal128:
        number = value.to_decimal()
        behind = (column.digits or (0, 0))[1]
        if not number.is_finite() or number == round(number, behind):
            return value
        return Decimal128(number.quantize(round(number, behind), rounding=self.rounding))

    def stored_value(self, column: Column, value: Any) -> Any:
        return super().stored_value(column, self._rounded(column, value) if column.kind == "decimal" else value)


@broken("schema/digits")
class DecimalsAreCut(DecimalsAreRounded):
    """Digits beyond the scale are cut off."""

    rounding = ROUND_DOWN


@broken("schema/number-range")
class NumbersAreClamped(TypedConnector):
    """A number out of range becomes the least or the greatest one, as in MySQL without its strict mode."""

    def check_value(self, table: Table, column: Column, value: Any) -> None:
        super().check_value(table, column, self._clamped(column, value))

    def stored_value(self, column: Column, value: Any) -> Any:
        return super().stored_value(column, self._clamped(column, value))

    def _clamped(self, column: Column, value: Any) -> Any:
        if column.least is None or column.most is None or column.name == "line":
            return value
        return min(max(value, column.least), column.most)


@broken("schema/number-range")
class NumbersWrapAround(TypedConnector):
    """A number is written to a column with fewer bytes."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        if column.kind == "int" and isinstance(value, Int64) and not -(2**31) <= value < 2**31:
            value = (int(value) + 2**15) % 2**16 - 2**15
        return super().typed(table, column, value)


@broken("schema/number-range", "special input")
class DecimalsAreClamped(TypedConnector):
    """A number with too many digits before the point becomes the greatest one."""

    def stored(self, table: Table, column: Column, value: Any) -> Any:
        if column.digits is not None and isinstance(value, Decimal128) and value.to_decimal().is_finite():
            whole, behind = column.digits
            if value.to_decimal() >= 10 ** (whole - behind):
                value = Decimal128("9" * (whole - behind) + "." + "9" * behind)
        return super().stored(table, column, value)


@broken("schema/number-range", "special input")
class NoNumberIsNull(TypedConnector):
    """NaN and the infinities become NULL."""

    def stored(self, table: Table, column: Column, value: Any) -> Any:
        nothing = column.kind == "double" and isinstance(value, float) and not abs(value) < float("inf")
        return super().stored(table, column, None if nothing else value)


class _Listed(TypedConnector):
    """Maps an unlisted value to a listed one."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        value = super().typed(table, column, value)
        return self.member(column, value) if column.members and value not in column.members else value

    def member(self, column: Column, value: str) -> str:
        return value


@broken("schema/listed-values", "special input")
class ListedValuesIgnoreCase(_Listed):
    """The list is compared by a collation that ignores case, and its own spelling is stored."""

    def member(self, column: Column, value: str) -> str:
        return next((member for member in column.members if member == value.lower()), value)


@broken("schema/listed-values", "special input")
class ListedValuesAreTrimmed(_Listed):
    """Spaces around a value are removed before it is looked up."""

    def member(self, column: Column, value: str) -> str:
        return value.strip() if value.strip() in column.members else value


@broken("schema/listed-values")
class UnlistedValuesAreTheFirst(_Listed):
    """An unlisted value becomes the first one of the list."""

    def member(self, column: Column, value: str) -> str:
        return column.members[0]


@broken("schema/listed-values", "special input")
class UnlistedCodesAreTheDefault(_Listed):
    """A code of the right form that is not listed becomes the default; other texts are refused."""

    def member(self, column: Column, value: str) -> str:
        first = column.members[0]
        return first if value.isalpha() and value.islower() and len(value) == len(first) else value


# Ids


class _Keys(TypedConnector):
    """Converts ids."""

    def key(self, table: Table, identifier: Any) -> Row:
        return super().key(table, self.identifier(table, identifier))

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        for column in table.key:
            fields.pop(column.name, None)

    def identifier(self, table: Table, identifier: Any) -> Any:
        return identifier


@broken("schema/ids")
class LongIdsAreCut(_Keys):
    """A text key that is too long is cut: two ids become one."""

    def check_repeated(self, table: Table, row: Row, fields: dict[str, Any]) -> None:
        TypedConnector.check_repeated(self, table, row, fields)

    def identifier(self, table: Table, identifier: Any) -> Any:
        return identifier[: table.key[0].length] if isinstance(identifier, str) else identifier


@broken("schema/ids")
class IdsOfDigitsAreNumbers(_Keys):
    """The id '5' is written under 5."""

    def identifier(self, table: Table, identifier: Any) -> Any:
        text = isinstance(identifier, str) and identifier.isdecimal()
        return Int64(identifier) if text and table.key[0].kind == "long" else identifier


@broken("schema/ids")
class NumbersAreIdsOfText(_Keys):
    """The id 5 is written under '5'."""

    def identifier(self, table: Table, identifier: Any) -> Any:
        number = isinstance(identifier, int) and not isinstance(identifier, bool)
        return str(identifier) if number and table.key[0].kind == "string" and len(table.key) == 1 else identifier


@broken("schema/ids", "special input")
class SmallIdsAreWidened(_Keys):
    """The id 5 of 32 bits is written as the 5 of 64 bits, and comes back so."""

    def identifier(self, table: Table, identifier: Any) -> Any:
        return Int64(identifier) if table.key[0].kind == "long" and type(identifier) is int else identifier


@broken("schema/ids", "special input")
class PartsOfIdsAreClamped(_Keys):
    """A part of a composite id that is out of range becomes the greatest one."""

    def identifier(self, table: Table, identifier: Any) -> Any:
        if len(table.key) < 2 or not isinstance(identifier, dict) or not isinstance(identifier.get("line"), int):
            return identifier
        return {**identifier, "line": min(max(int(identifier["line"]), 1), 1_000_000)}


# Pages and calls


@broken("schema/page")
class HalfAPageIsLeftOut(_Ignoring):
    """Each document is written separately; an error is logged, and the next one is written."""


@broken("schema/page")
class RowsAreCheckedOneByOne(TypedConnector):
    """A row is checked when it is its turn: if it is refused, the rows before it are there."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for data in request.data:
            super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=[data]))
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type))


@broken("schema/page", "special input")
class RowsAreCheckedByTheHundred(TypedConnector):
    """Each batch of 100 rows is a transaction: if a later one is refused, the rows of the earlier ones are there."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for start in range(0, len(request.data), 100):
            batch = WriteDataRequest(namespace=request.namespace, type=request.type)
            batch.data.extend(request.data[start : start + 100])
            super().write_data(batch)
        return WriteDataResponse()


@broken("schema/page")
class OnlyTheFirstDocumentIsChecked(TypedConnector):
    """The columns of the first document make the statement; additional fields of the others are dropped."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        documents = [decode(document, DATA_TYPE_MONGO_BSON) for document in request.data]
        known = set(documents[0]) if documents else set()
        cut = [{name: value for name, value in document.items() if name in known} for document in documents]
        same = WriteDataRequest(namespace=request.namespace, type=request.type)
        same.data.extend(encode(document, DATA_TYPE_MONGO_BSON) for document in cut)
        return super().write_data(same)


@broken("schema/page", "special input")
class LargePagesAreNotChecked(_Ignoring):
    """Many rows go through a bulk loader, which drops the bad ones."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return super().write_data(request) if len(request.data) > 3 else TypedConnector.write_data(self, request)


class _Users(TypedConnector):
    tables = (USERS,)


@broken("schema/unique")
class UpsertsByAnyUniqueColumn(_Users):
    """ON DUPLICATE KEY UPDATE: a row with the address of another one overwrites that one's columns."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        found = self.select(table, 'WHERE "mail" = ? OR "phone" = ?', [row["mail"], row["phone"]])
        if found:
            row = {**row, "login": found[0]["login"]}
        super().put(table, row, kind)


@broken("schema/unique", "special input")
class ReplacesRowsThatShareAValue(_Users):
    """INSERT OR REPLACE: a row with the telephone number of another one deletes that one."""

    def put(self, table: Table, row: Row, kind: Any) -> None:
        shared = 'DELETE FROM "users" WHERE ("mail" = ? OR "phone" = ?) AND "login" <> ?'
        self.store.query(shared, [row["mail"], row["phone"], row["login"]])
        super().put(table, row, kind)


@broken("schema/unique", "special input")
class LoginsAreFoundWithoutCase(_Users):
    """Logins are in lower case, and compared as such, but those in upper case are not refused."""

    @classmethod
    def documents(cls) -> dict[str, Mapping[str, Any]]:
        (found,) = super().documents().values()
        login = {"bsonType": "string", "maxLength": 20, "pattern": "^[a-z0-9]*$"}
        return {USERS.namespace: {**found, "properties": {**found["properties"], "_id": login}}}

    def row(self, table: Table, document: bytes) -> Row:
        found = super().row(table, document)
        return {**found, "login": found["login"].lower()}


@broken("schema/other-ids", "special input")
class DeletesAreFoundWithoutCase(LoginsAreFoundWithoutCase):
    """A login in capitals is refused, but a DELETE of it finds the row in lower case."""

    def row(self, table: Table, document: bytes) -> Row:
        found = _Users.row(self, table, document)
        if found["login"] != found["login"].lower():
            raise InvalidArgument("login: capitals")
        return found

    def delete(self, table: Table, update: Update) -> None:
        self.remove(table, {"login": str(decode_id(update.id[0])).lower()})


class _UpdatesSkipped(TypedConnector):
    """Drops some of the updates that do not fit."""

    def apply(self, table: Table, update: Update) -> None:
        try:
            super().apply(table, update)
        except ConnectorError:
            if not self.skips(update):
                raise

    def skips(self, update: Update) -> bool:
        return True


@broken("schema/updates")
class UpdatesThatDoNotFitAreSkipped(_UpdatesSkipped):
    """An update that fails is logged, and the next one is applied."""


@broken("schema/updates")
class HalfACallIsApplied(TypedConnector):
    """Updates are committed one by one, and the call answers OK if the first one was applied."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        for number, update in enumerate(request.updates):
            one = WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=[update])
            try:
                super().write_updates(one)
            except ConnectorError:
                if number == 0:
                    raise
                break
        return WriteUpdatesResponse()


@broken("schema/updates")
class UpdatesDropUnknownFields(TypedConnector):
    """WriteData checks the columns; the statement of an update is built from the known ones."""

    def apply(self, table: Table, update: Update) -> None:
        if update.type != UPDATE_TYPE_DELETE and update.data:
            known = {"_id", *(column.name for column in (*table.key, *table.written))}
            document = decode(update.data, DATA_TYPE_MONGO_BSON)
            data = encode({k: v for k, v in document.items() if k in known}, DATA_TYPE_MONGO_BSON)
            update = Update(id=update.id, type=update.type, data=data, partial_update_unset=update.partial_update_unset)
        super().apply(table, update)


@broken("schema/partial-updates", "special input")
class PartialUpdatesAreNotChecked(TypedConnector):
    """A partial update's unknown fields are dropped."""

    def merged(self, table: Table, update: Update) -> Row:
        known = {"_id", *(column.name for column in (*table.key, *table.written))}
        changes = decode(update.data, DATA_TYPE_MONGO_BSON) if update.data else {}
        data = encode({k: v for k, v in changes.items() if k in known}, DATA_TYPE_MONGO_BSON)
        return super().merged(table, Update(id=update.id, data=data, partial_update_unset=update.partial_update_unset))


@broken("schema/partial-updates", "special input")
class UnsetOfAColumnIsPassedOver(TypedConnector):
    """A column cannot be removed, so `partial_update_unset` is ignored."""

    def merged(self, table: Table, update: Update) -> Row:
        return super().merged(table, Update(id=update.id, data=update.data))


@broken("schema/partial-updates", "special input")
class UnsetSetsNull(TypedConnector):
    """A removed field becomes NULL, which makes a different document."""

    def merged(self, table: Table, update: Update) -> Row:
        if update.type != UPDATE_TYPE_PARTIAL_UPDATE or not update.partial_update_unset:
            return super().merged(table, update)
        nulls = dict.fromkeys(update.partial_update_unset)
        own = update.data or encode({}, DATA_TYPE_MONGO_BSON)
        data = apply_partial_update(own, encode(nulls, DATA_TYPE_MONGO_BSON), [], DATA_TYPE_MONGO_BSON)
        return super().merged(table, Update(id=update.id, data=data))


@broken("schema/text-form", "rare")
class UuidsOfAnySubtype(TypedConnector):
    """Any sixteen bytes are a UUID, and come back as one."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        value = super().typed(table, column, value)
        return Binary(value, 4) if column.kind == "uuid" and len(value) == 16 else value


@broken("schema/acknowledged", "special input", namespaces=["typed.files"])
class BytesEndAtNul(TypedConnector):
    """A driver binds binary values as C strings. Nobody has declared what the table holds, so nobody draws others."""

    tables = (Table("files", (Column("name", "string", length=20),), (Column("body", "binData"),)),)

    @classmethod
    def new_store(cls) -> Database:
        store = super().new_store()
        for number in range(3):
            store.query("INSERT INTO files VALUES (?, ?, 0)", (f"file{number}", b"\0text" + bytes([65 + number])))
        return store

    @classmethod
    def documents(cls) -> dict[str, Mapping[str, Any]]:
        return {}

    def stored_value(self, column: Column, value: Any) -> Any:
        return super().stored_value(column, value.split(b"\0")[0] if column.kind == "binData" else value)
