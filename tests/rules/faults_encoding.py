"""Connectors that change the contents of documents."""

import json
import math
import re
import struct
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context
from typing import Any
from unicodedata import normalize

from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON

from .altering import Altering
from .fault import Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)


class _Bson(Altering):
    types = (DATA_TYPE_MONGO_BSON,)


class _Json(Altering):
    types = (DATA_TYPE_JSON_ID,)


@broken("encoding/bson-text", "special input")
class TextNormalised(_Bson):
    """A library that normalises Unicode: e and an accent become é."""

    def value(self, value: Any) -> Any:
        return normalize("NFC", value) if type(value) is str else value


@broken("encoding/bson-text", "special input")
class TextTrimmed(_Bson):
    """Values are trimmed, like those of a form or a CSV file."""

    def value(self, value: Any) -> Any:
        return value.strip() if type(value) is str else value


@broken("encoding/bson-text", "special input")
class AstralLost(_Bson):
    """MySQL's three-byte utf8: characters beyond the basic plane become question marks."""

    def value(self, value: Any) -> Any:
        return "".join("?" if ord(letter) > 0xFFFF else letter for letter in value) if type(value) is str else value


@broken("encoding/bson-text", "special input")
class TextIsLatin(_Bson):
    """Text goes through a code page, and characters that it lacks are replaced."""

    def value(self, value: Any) -> Any:
        return value.encode("latin-1", "replace").decode("latin-1") if type(value) is str else value


@broken("encoding/bson-text", "rare")
class LineEndsChanged(_Bson):
    """A file in text mode: \\r\\n comes back as \\n."""

    def value(self, value: Any) -> Any:
        return value.replace("\r\n", "\n").replace("\r", "\n") if type(value) is str else value


@broken("encoding/bson-text", "rare")
class LoneReturnsEndLines(_Bson):
    """A CSV writer quotes texts with a line feed, but not those with a carriage return alone."""

    def value(self, value: Any) -> Any:
        return re.sub(r"\r(?!\n)", "\n", value) if type(value) is str else value


@broken("encoding/bson-text", "rare")
class ControlCharactersLost(_Bson):
    """Control characters are filtered out before a row is sent."""

    def value(self, value: Any) -> Any:
        return "".join(c for c in value if c >= " " or c in "\t\n\r") if type(value) is str else value


@broken("encoding/bson-int32")
class IntegersAreLong(_Bson):
    """The store has one type of integer."""

    def value(self, value: Any) -> Any:
        return Int64(value) if type(value) is int else value


@broken("encoding/bson-int32")
class IntegersAreDoubles(_Bson):
    """JavaScript has one type of number."""

    def value(self, value: Any) -> Any:
        return float(value) if type(value) is int else value


@broken("encoding/bson-int64", "special input")
class SmallLongsAreShort(_Bson):
    """A driver picks the smallest type that fits: the long 5 becomes an int."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, Int64) and -(2**31) <= value < 2**31 else value


@broken("encoding/bson-int64", "special input")
class LongsThroughDoubles(_Bson):
    """Beyond 2^53, a double does not hold every integer."""

    def value(self, value: Any) -> Any:
        return Int64(max(min(int(float(value)), 2**63 - 1), -(2**63))) if isinstance(value, Int64) else value


@broken("encoding/bson-int64", "rare")
class LongsCutTo32Bits(_Bson):
    """A column of 32 bits: larger values wrap around."""

    def value(self, value: Any) -> Any:
        return Int64((value + 2**31) % 2**32 - 2**31) if isinstance(value, Int64) else value


@broken("encoding/bson-double", "special input")
class NegativeZeroLost(_Bson):
    """value or 0.0: -0.0 loses its sign."""

    def value(self, value: Any) -> Any:
        return value or 0.0 if isinstance(value, float) else value


@broken("encoding/bson-double", "special input")
class NanIsNull(_Bson):
    """JSON has neither NaN nor infinities: null replaces them."""

    def value(self, value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value


@broken("encoding/bson-double", "special input")
class WholeDoublesAreIntegers(_Bson):
    """5.0 is written as 5, and read as an integer."""

    def value(self, value: Any) -> Any:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**31
        return int(value) if whole else value


@broken("encoding/bson-double", "special input")
class DoublesAreFloats(_Bson):
    """A column of 32 bits: 0.1 comes back as 0.10000000149011612."""

    def value(self, value: Any) -> Any:
        if isinstance(value, float) and abs(value) < 3e38:
            return struct.unpack("f", struct.pack("f", value))[0]
        return value


@broken("encoding/bson-double", "rare")
class DoublesOfFifteenDigits(_Bson):
    """Numbers are printed with 15 digits, as %.15g does: two more are needed."""

    def value(self, value: Any) -> Any:
        return float(f"{value:.15g}") if isinstance(value, float) and abs(value) < 1e300 else value


@broken("encoding/bson-boolean")
class BooleansAreNumbers(_Bson):
    """TINYINT(1)."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value


@broken("encoding/bson-boolean", "special input")
class FalseIsNull(_Bson):
    """`value or None`."""

    def value(self, value: Any) -> Any:
        return None if value is False else value


@broken("encoding/bson-null")
class NullFieldsLeftOut(Altering):
    """Empty fields are not serialised: null and missing become the same."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().document(document).items() if value is not None}

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        return [(name, value) for name, value in super().items(items) if value is not None]


@broken("encoding/bson-null", "special input")
class NullsInArraysLeftOut(_Bson):
    """Nulls are filtered out of arrays."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return [item for item in value if item is not None] if isinstance(value, list) else value


@broken("encoding/bson-object-id")
class ObjectIdsAreText(_Bson):
    """str(value): the digits of the ObjectId, as text."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, ObjectId) else value


def _date(value: Any) -> int | None:
    """A date as milliseconds since 1970; None for other values."""
    if isinstance(value, DatetimeMS):
        return int(value)
    return int(DatetimeMS(value)) if isinstance(value, datetime) else None


@broken("encoding/bson-date", "special input")
class DatesCutToSeconds(_Bson):
    """Unix time in seconds: milliseconds are lost."""

    def value(self, value: Any) -> Any:
        return value if (date := _date(value)) is None else DatetimeMS(date // 1000 * 1000)


@broken("encoding/bson-date")
class DatesMovedToATimeZone(_Bson):
    """A date without a zone is taken as local time."""

    def value(self, value: Any) -> Any:
        near = isinstance(value, datetime) and 2 < value.year < 9998
        return value + timedelta(hours=2) if near else value


@broken("encoding/bson-date", "special input")
class DatesBefore1970(_Bson):
    """An unsigned number: dates before 1970 become 1970."""

    def value(self, value: Any) -> Any:
        return value if (date := _date(value)) is None else DatetimeMS(max(date, 0))


@broken("encoding/bson-date", "special input")
class DatesWrapIn2038(_Bson):
    """Seconds in 32 bits."""

    def value(self, value: Any) -> Any:
        if (date := _date(value)) is None:
            return value
        seconds, rest = divmod(date, 1000)
        return DatetimeMS(((seconds + 2**31) % 2**32 - 2**31) * 1000 + rest)


@broken("encoding/bson-date", "special input")
class DatesAreText(_Bson):
    """ISO 8601 text, which no longer differs from other texts."""

    def value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value


@broken("encoding/bson-binary", "special input")
class SubtypeLost(_Bson):
    """bytes(value): every binary becomes a generic one."""

    def value(self, value: Any) -> Any:
        return bytes(value) if isinstance(value, Binary) else value


@broken("encoding/bson-binary", "rare")
class OldUuidsAreNew(_Bson):
    """A legacy UUID (subtype 3) is read as a UUID, and written as a new one (subtype 4)."""

    def value(self, value: Any) -> Any:
        return Binary(bytes(value), 4) if isinstance(value, Binary) and value.subtype == 3 else value


@broken("encoding/bson-binary")
class BinariesAreText(_Bson):
    """Base64, which nobody decodes."""

    def value(self, value: Any) -> Any:
        return bytes(value).hex() if isinstance(value, bytes) else value


@broken("encoding/bson-decimal", "special input")
class DecimalsThroughDoubles(_Bson):
    """Money as a double."""

    def value(self, value: Any) -> Any:
        return Decimal128(repr(float(value.to_decimal()))) if isinstance(value, Decimal128) else value


@broken("encoding/bson-decimal", "special input")
class DecimalsNormalised(_Bson):
    """1.10 becomes 1.1: the exponent is part of the value."""

    def value(self, value: Any) -> Any:
        if isinstance(value, Decimal128) and value.to_decimal().is_finite():
            return Decimal128(value.to_decimal().normalize())
        return value


@broken("encoding/bson-decimal")
class DecimalsAreText(_Bson):
    """str(value)."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, Decimal128) else value


@broken("encoding/bson-rare", "rare")
class RegexFlagsLost(_Bson):
    """The pattern is kept, its flags are not."""

    def value(self, value: Any) -> Any:
        return Regex(value.pattern) if isinstance(value, Regex) else value


@broken("encoding/bson-rare", "rare")
class TimestampsAreDates(_Bson):
    """A timestamp becomes a date, and its counter is lost."""

    def value(self, value: Any) -> Any:
        return DatetimeMS(value.time * 1000) if isinstance(value, Timestamp) else value


@broken("encoding/bson-rare", "rare")
class KeysAreText(_Bson):
    """MinKey and MaxKey become their names."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, MinKey | MaxKey) else value


@broken("encoding/bson-rare", "rare")
class FarDatesAreCut(_Bson):
    """A date that the language cannot hold becomes the last one that it can."""

    def value(self, value: Any) -> Any:
        return datetime(9999, 12, 31) if isinstance(value, DatetimeMS) else value


@broken("encoding/bson-rare", "rare")
class CodeIsText(_Bson):
    """JavaScript code becomes a text, its scope is lost."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, Code) else value


@broken("encoding/bson-rare", "rare")
class TextEndsAtNul(_Bson):
    """A C string ends at the first NUL."""

    def value(self, value: Any) -> Any:
        return value.split("\0")[0] if type(value) is str else value


@broken("encoding/number-types", "special input")
class EqualValuesShared(_Bson):
    """Values are kept once in a dict, to save memory: to Python, 1, 1.0 and True are equal."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        self.known: dict[Any, Any] = {}
        return super().document(document)

    def value(self, value: Any) -> Any:
        return self.known.setdefault(value, value) if isinstance(value, int | float) else value


@broken("encoding/number-types", "special input")
class OneNumberTypeADocument(_Bson):
    """The number types in a document are unified: one double makes its integers doubles."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        self.widen = any(isinstance(value, float) for value in document.values())
        return super().document(document)

    def value(self, value: Any) -> Any:
        return float(value) if self.widen and type(value) is int else value


@broken("encoding/empty-and-null", "special input")
class EmptyTextIsNull(Altering):
    """Oracle: the empty text is null."""

    def value(self, value: Any) -> Any:
        return None if value == "" and type(value) is str else value


@broken("encoding/empty-and-null", "special input")
class EmptyArraysLeftOut(Altering):
    """An array becomes rows of another table: none if it is empty."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().document(document).items() if value != []}


@broken("encoding/empty-and-null", "special input")
class EmptyDocumentsAreNull(Altering):
    """A record without fields is no record."""

    def deep(self, value: Any) -> Any:
        return None if value == {} else super().deep(value)


@broken("encoding/empty-and-null", "special input")
class EmptyArraysAreDocuments(Altering):
    """A language in which an empty list and an empty map are the same."""

    def deep(self, value: Any) -> Any:
        return {} if value == [] else super().deep(value)


@broken("encoding/array-order", "special input")
class ArraysAreSets(Altering):
    """Repeated items are kept once."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return list({repr(item): item for item in value}.values()) if isinstance(value, list) else value


@broken("encoding/array-order", "special input")
class ArraysAreSorted(Altering):
    """Rows of a child table come back in the order of their values."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return sorted(value, key=repr) if isinstance(value, list) else value


@broken("encoding/array-order", "special input")
class NestedArraysFlattened(Altering):
    """The store does not support arrays of arrays, so they become one array."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        if not isinstance(value, list):
            return value
        return [inner for item in value for inner in (item if isinstance(item, list) else [item])]


@broken("encoding/array-order", "special input")
class SingleItemsUnwrapped(Altering):
    """XML: a list of one item is the item."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return value[0] if isinstance(value, list) and len(value) == 1 else value


class _Names(Altering):
    """Changes the names of fields, at every level."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(self.items(document.items()))

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        return [(self.name(name), value) for name, value in super().items(items)]

    def name(self, name: str) -> str:
        return name


@broken("encoding/field-names", "special input")
class NamesInLowerCase(_Names):
    """Unquoted column names are folded: `Name` and `name` become the same."""

    def name(self, name: str) -> str:
        return name.lower()


@broken("encoding/field-names", "special input")
class NamesCleaned(_Names):
    """Characters that a column's name may not have become `_`."""

    def name(self, name: str) -> str:
        return "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "_$." else "_" for letter in name)


@broken("encoding/special-field-names", "rare")
class NamesCut(_Names):
    """A column's name has at most 63 characters, and the rest is cut."""

    def name(self, name: str) -> str:
        return name[:63]


@broken("encoding/field-names", "special input")
class IdAndUnderscoreIdAreOne(Altering):
    """The other type's id field is taken as the id, and left out of the fields."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().document(document).items() if name not in ("_id", "id")}


@broken("encoding/field-names", "rare")
class NestedIdsAreRenamed(Altering):
    """The field `id` becomes `_id` at every level."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return (
            {"_id" if name == "id" else name: inner for name, inner in value.items()}
            if isinstance(value, dict)
            else value
        )


@broken("encoding/wide", "rare")
class LongBinariesAreCut(Altering):
    """An index accepts 32,766 bytes of a value."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        return value[:32766] if isinstance(value, bytes) else value


@broken("encoding/bson-decimal", "rare")
class DecimalsOfTwentyEightDigits(Altering):
    """Decimals pass through Python's default context."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        if not isinstance(value, Decimal128) or not value.to_decimal().is_finite():
            return value
        rounded = Context(prec=28, Emin=-999999, Emax=999999).plus(value.to_decimal())
        return Decimal128(rounded) if len(value.to_decimal().as_tuple().digits) > 28 else value


@broken("encoding/field-names", "rare")
class PrivateNamesLeftOut(Altering):
    """Fields that begin with `_` are treated as the connector's own."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in super().document(document).items() if not name.startswith("__")}


@broken("encoding/field-names", "special input")
class NumberedNamesAreAList(Altering):
    """A document with the names 0, 1, … is taken as an array, as some languages write one."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        if isinstance(value, dict) and value and list(value) == [str(number) for number in range(len(value))]:
            return list(value.values())
        return value


@broken("encoding/special-field-names", "special input")
class DotsArePaths(_Names):
    """`a.b` becomes b within a."""

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        found: dict[str, Any] = {}
        for name, value in super().items(items):
            head, dot, tail = name.partition(".")
            found[head] = {tail: value} if dot else value
        return found.items()


@broken("encoding/special-field-names", "special input")
class DollarsLost(_Names):
    """`$` is stripped, so that no operator is written."""

    def name(self, name: str) -> str:
        return name.lstrip("$")


@broken("encoding/special-field-names", "special input")
class ExtendedJsonIsRead(Altering):
    """A document that looks like Extended JSON becomes the value that it would stand for."""

    def deep(self, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            for name in ("$numberLong", "$oid"):
                if name in value:
                    return value[name] if name == "$oid" else int(value[name])
        return super().deep(value)


@broken("encoding/special-field-names", "special input")
class ReferencesAreIds(Altering):
    """A document that the driver takes as a reference is stored as the id in it."""

    def deep(self, value: Any) -> Any:
        if isinstance(value, DBRef):
            return value.id
        if isinstance(value, dict) and set(value) == {"$ref", "$id"}:
            return value["$id"]
        return super().deep(value)


@broken("encoding/special-field-names", "special input")
class EmptyNamesLeftOut(Altering):
    """A column needs a name."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(self.items((name, value) for name, value in document.items()))

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        return [(name, value) for name, value in super().items(items) if name]


def _depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, items), default=0) if isinstance(value, dict | list) else 0


@broken("encoding/deep", "special input")
class DeepIsText(Altering):
    """Beyond twenty levels a document becomes its text."""

    def deep(self, value: Any) -> Any:
        return json.dumps(value) if _depth(value) > 20 else super().deep(value)


@broken("encoding/deep", "special input")
class DeepFails(Altering):
    """The parser stops at 32 levels, with an exception that is not mapped."""

    def deep(self, value: Any) -> Any:
        if _depth(value) > 32:
            raise RecursionError("maximum recursion depth exceeded")
        return super().deep(value)


@broken("encoding/wide", "special input")
class FieldsBeyondALimit(Altering):
    """A table has at most 500 columns."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        return dict(list(super().document(document).items())[:500])


@broken("encoding/wide", "special input")
class LongTextCut(Altering):
    """A TEXT column: 65,535 bytes, and the rest is silently cut."""

    def value(self, value: Any) -> Any:
        return value.encode()[:65535].decode(errors="ignore") if type(value) is str else value


@broken("encoding/wide", "special input")
class TextCutAt255(Altering):
    """VARCHAR(255)."""

    def value(self, value: Any) -> Any:
        return value[:255] if type(value) is str else value


@broken("encoding/json-numbers", "special input")
class JsonIntegersThroughDoubles(_Json):
    """JSON.parse: beyond 2^53, digits are lost."""

    def value(self, value: Any) -> Any:
        return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value


@broken("encoding/json-numbers", "special input")
class JsonIntegersOf32Bits(_Json):
    """A column of 32 bits: larger values become the largest one."""

    def value(self, value: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool)
        return max(min(value, 2**31 - 1), -(2**31)) if number else value


@broken("encoding/json-numbers", "special input")
class JsonDoublesOfSixDigits(_Json):
    """%g prints six digits."""

    def value(self, value: Any) -> Any:
        return float(f"{value:g}") if isinstance(value, float) else value


@broken("encoding/json-numbers", "special input")
class JsonNumbersAreText(_Json):
    """Numbers are stored as text, so that no digit is lost, and come back as text."""

    def value(self, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@broken("encoding/json-text", "special input")
class JsonTextIsAscii(_Json):
    """encode('ascii', 'replace')."""

    def value(self, value: Any) -> Any:
        return value.encode("ascii", "replace").decode() if isinstance(value, str) else value


@broken("encoding/json-text", "special input")
class JsonEscapedTwice(_Json):
    """Encoded text is encoded again: quotes and line ends are doubled."""

    def value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False)[1:-1] if isinstance(value, str) else value


@broken("encoding/json-text", "special input")
class TextOfTrueIsTrue(_Json):
    """YAML, or a CSV reader: "true" becomes true, "null" null."""

    def value(self, value: Any) -> Any:
        return {"true": True, "null": None}.get(value, value) if type(value) is str else value


@broken("encoding/json-literals", "special input")
class TextOfDigitsIsANumber(_Json):
    """The type of a column is guessed from its contents: "5" becomes 5."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


@broken("encoding/json-literals", "special input")
class TextOfDatesIsADate(_Json):
    """A text that looks like a date becomes one, as search engines guess it, and is written in another form."""

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) == 10 and value[4:5] == "-" and value[:4].isdigit():
            return f"{value}T00:00:00.000Z"
        return value


@broken("encoding/json-literals", "special input")
class TextOfJsonIsParsed(_Json):
    """A text that begins with a brace is taken as an encoded document."""

    def value(self, value: Any) -> Any:
        return json.loads(value) if value in ("{}", "[]") else value


@broken("encoding/json-literals", "special input")
class JsonBooleansAreNumbers(_Json):
    """true becomes 1."""

    def value(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value


@broken("encoding/deep", "special input")
class NestedNamesCollide(Altering):
    """Nested documents are flattened to columns, and split again at the separator."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in super().document(document).items():
            if isinstance(value, dict) and value and any(isinstance(inner, dict) for inner in value.values()):
                found |= {f"{name}_{inner}": item for inner, item in value.items()}
            else:
                found[name] = value
        return found


@broken("encoding/number-types", "special input")
class ColumnsWidened(_Bson):
    """An array is a column of one type: an integer beside a double becomes a double."""

    def deep(self, value: Any) -> Any:
        value = super().deep(value)
        if isinstance(value, list) and any(isinstance(item, float) for item in value):
            return [float(item) if type(item) is int else item for item in value]
        return value


@broken("encoding/documents", "rare")
class LeavesByTheirNames(Altering):
    """A document is flattened to its leaves by name: a nested field replaces one above it with the same name."""

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        self.above = {name: value for name, value in document.items() if not isinstance(value, dict | list)}
        return super().document(document)

    def items(self, items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
        return [(name, self.above.get(name, value)) for name, value in super().items(items)]
