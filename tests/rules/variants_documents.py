"""Unusual sinks: how they handle documents and errors is their choice."""

import json
import math
import threading
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Code, DatetimeMS, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dsync_kit.documents import decode, decode_id
from dsync_kit.errors import InvalidArgument, NotFound
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    BsonValue,
    DataType,
    ListDataRequest,
    ListDataResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)

from .altering import Altering
from .fault import REFERENCE, Variant, unusual_in

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector


@unusual()
class AsItIs(Reference):
    """The reference connector, unmodified."""


@unusual()
class Rewritten(Altering):
    """Documents are taken apart and rebuilt: other bytes, the same documents."""


@unusual()
class JsonNormalised(Altering):
    """JSON numbers as a store prints them (1 for 1.0), keys sorted."""

    types = (DATA_TYPE_JSON_ID,)

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(super().document(document).items()))

    def value(self, value: Any) -> Any:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        return int(value) if whole else value


@unusual()
class WholeNumbersHaveAPoint(Reference):
    """JSON numbers as a store of doubles prints them where that is exact: 1.0 for 1, ids as well."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        answer = super().list_data(request)
        if request.type == DATA_TYPE_JSON_ID:
            answer.data[:] = [json.dumps(self.printed(json.loads(data))).encode() for data in answer.data]
        return answer

    def printed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.printed(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.printed(item) for item in value]
        exact = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        return float(value) if exact else value


class _Fussy(Altering):
    """A connector that refuses values that its store cannot hold."""

    def value(self, value: Any) -> Any:
        if self.bad(value):
            raise InvalidArgument(f"{type(value).__name__} values like this one are not supported")
        return value

    def bad(self, value: Any) -> bool:
        return False


@unusual()
class NoRareTypes(_Fussy):
    """Rare BSON types, far dates and texts with NUL are refused."""

    def bad(self, value: Any) -> bool:
        rare = (Regex, Code, Timestamp, MinKey, MaxKey, DatetimeMS)
        return isinstance(value, rare) or (isinstance(value, str) and "\0" in value)


@unusual()
class NoNulls(_Fussy):
    """Nulls are refused, as by a sink whose columns are all NOT NULL."""

    def bad(self, value: Any) -> bool:
        return value is None


@unusual()
class OnlyWhatJsonHolds(_Fussy):
    """NaN and Infinity are refused, as by sinks that write JSON; decimals, too."""

    def bad(self, value: Any) -> bool:
        return isinstance(value, Decimal128) or (isinstance(value, float) and not math.isfinite(value))


@unusual()
class PickyValues(Altering):
    """A key-value store: ids of 1 to 64 characters, integers of 53 bits in JSON, 6 levels, 32 KiB; no others."""

    def position(self, part: BsonValue, data_type: DataType) -> bytes:
        value = decode_id(part)
        if isinstance(value, str) and not 0 < len(value) <= 64:
            raise InvalidArgument("ids are texts of 1 to 64 characters")
        return bytes(super().position(part, data_type))

    def altered(self, change: Any, data_type: DataType) -> Any:
        if len(change.update.data) > 32 << 10:
            raise InvalidArgument("a document has at most 32 KiB")
        if change.update.data:
            self.check_value(decode(change.update.data, data_type), data_type, 1)
        return super().altered(change, data_type)

    def check_value(self, value: Any, data_type: DataType, level: int) -> None:
        if level > 6:
            raise InvalidArgument("more than 6 levels")
        if data_type == DATA_TYPE_JSON_ID and isinstance(value, int) and abs(value) > 2**53:
            raise InvalidArgument("an integer has more than 53 bits")
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.check_value(inner, data_type, level + 1)


@unusual()
class WhatJsonHasInBson(_Fussy):
    """BSON documents hold texts, numbers, booleans, nulls, arrays and documents; all other types are refused."""

    def bad(self, value: Any) -> bool:
        return isinstance(value, bytes | ObjectId | DatetimeMS | datetime | Decimal128 | Regex | Timestamp | Code)


@unusual()
class FlatDocuments(_Fussy):
    """No arrays, and no documents in documents."""

    def deep(self, value: Any) -> Any:
        return self.value(value)

    def bad(self, value: Any) -> bool:
        return isinstance(value, list | dict)


@unusual()
class NoNegativeNumbers(_Fussy):
    """Numbers go into unsigned columns: those below 0 are refused."""

    def bad(self, value: Any) -> bool:
        return isinstance(value, int | float) and value < 0


@unusual()
class WholeNumbersOnly(_Fussy):
    """JSON numbers are whole, and written without a point."""

    def bad(self, value: Any) -> bool:
        return isinstance(value, float)


@unusual()
class TextsOnly(_Fussy):
    """Documents are hashes whose fields, the id included, are texts, as in Redis."""

    def bad(self, value: Any) -> bool:
        return not isinstance(value, str)


@unusual()
class NumbersOfAKeyValueStore(_Fussy):
    """Numbers are between 1e-130 and 1e125, or zero, as in DynamoDB; others are refused."""

    def bad(self, value: Any) -> bool:
        number = value.to_decimal() if isinstance(value, Decimal128) else value
        if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
            return False
        return number != 0 and not 1e-130 <= abs(number) <= 1e125


@unusual()
class NoSpecialNames(Altering):
    """Field names with a dollar or a dot, empty ones and long ones are refused."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(self.items(document.items()))

    def items(self, items: Any) -> Any:
        for name, _ in items:
            if not 0 < len(name) < 128 or "." in name or name.startswith("$") or min(name) < " ":
                raise InvalidArgument(f"{name[:40]!r} is no name of a field")
        return super().items(items)


@unusual()
class HalfWritten(Reference):
    """A page with a bad document is refused after those before it were written: dsync's user writes it again."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        for data in request.data:
            super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=[data]))
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type))


@unusual()
class UpdatesOneByOne(Reference):
    """Updates are applied as they are read, so a bad one stops the call halfway."""

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        for update in [*request.updates]:
            one = WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=[update])
            super().write_updates(one)
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type))


@unusual()
class FirstOfAPageWins(Reference):
    """If a page has an id twice, the first document is kept."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        kept: dict[bytes, bytes] = {}
        self.check_namespace(request.namespace)
        self.check_data_type(request.type)
        for data in request.data:
            kept.setdefault(self.insertion(data, request.type).position, data)
        return super().write_data(
            WriteDataRequest(namespace=request.namespace, type=request.type, data=list(kept.values()))
        )


@unusual()
class OneWriter(Reference):
    """Writers wait for each other."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.lock = threading.Lock()

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        with self.lock:
            return super().write_data(request)


@unusual()
class NotFoundForMalformedCursors(Reference):
    """A foreign cursor is NOT_FOUND."""

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        try:
            return super().list_data(request)
        except InvalidArgument as error:
            raise (NotFound(error.message) if "Cursor" in error.message else error) from error
