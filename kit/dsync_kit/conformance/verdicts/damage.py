"""What probably happened to a value that came back as another one: it was cut, rounded, shifted, converted."""

import math
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from unicodedata import normalize

from bson import Binary, DatetimeMS, Decimal128

__all__ = ["conversion_of", "damage_of"]

_NUMBERS = frozenset({"int", "long", "double", "decimal", "number"})

_FOLDS: tuple[tuple[Callable[[str], str], str], ...] = (
    (str.strip, "white space at its ends is removed"),
    (lambda text: text.replace("\0", ""), "NUL characters are removed"),
    (lambda text: text.partition("\0")[0], "it is cut at a NUL character"),
    (lambda text: text.replace("\r\n", "\n").replace("\r", "\n"), "line breaks are converted"),
    (lambda text: normalize("NFC", text), "it is normalised (NFC)"),
    (lambda text: normalize("NFKC", text), "it is normalised (NFKC)"),
    (str.lower, "it is in lower case"),
    (str.upper, "it is in upper case"),
)
_SUBSTITUTES = frozenset("?\ufffd")
_INT32 = 2**31
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
"""Offsets of time zones are multiples of it."""


def conversion_of(before: str, after: str) -> str:
    """Why a value of one type may come back as one of another; empty if that is hard to say."""
    if after == "null":
        return "the value is not stored"
    if before == "null":
        return "a default stands for null"
    if before == "string":
        return "its type is guessed from the text"
    if after == "string":
        return "the value is stored as text"
    if {before, after} <= _NUMBERS:
        return "the store has fewer types of numbers"
    return "booleans and numbers are mixed up" if {before, after} <= {"bool", *_NUMBERS} else ""


def damage_of(written: Any, found: Any) -> str:
    """What happened to a value that kept its type, in words; empty if that is hard to say."""
    with suppress(ValueError, OverflowError, ArithmeticError):
        match written, found:
            case bool(), _:
                return ""
            case str(), str():
                return _of_text(written, found)
            case Decimal128(), Decimal128():
                return _of_decimal(written.to_decimal(), found.to_decimal())
            case float(), float():
                return _of_double(written, found)
            case int(), int():
                return _of_integer(written, found)
            case datetime(), datetime():
                return _of_date(found - written, found)
            case DatetimeMS(), _:
                return "a date beyond the years 1 to 9999 becomes another"
            case ((bytes() | Binary()), (bytes() | Binary())):
                return _of_bytes(written, found)
    return ""


def _of_text(written: str, found: str) -> str:
    folded = next((what for fold, what in _FOLDS if fold(written) == found), "")
    if folded:
        return folded
    if found and written.startswith(found):
        return f"it is cut after {len(found)} characters ({len(found.encode(errors='replace'))} bytes)"
    if _misread(written) == found:
        return "its UTF-8 is read as Latin-1"
    if len(written) == len(found):
        replaced = {other for one, other in zip(written, found, strict=True) if one != other}
        if replaced <= _SUBSTITUTES:
            return f"characters are replaced by {min(replaced)!r}"
    return ""


def _misread(text: str) -> str | None:
    return text.encode(errors="replace").decode("latin-1")


def _of_double(written: float, found: float) -> str:
    if written == found == 0:
        return "the sign of zero changes"
    if not math.isfinite(written):
        return "numbers that are not finite become others"
    with suppress(OverflowError):
        if struct.unpack("f", struct.pack("f", written))[0] == found:
            return "it is rounded to 32 bits"
    if math.trunc(written) == found:
        return "its fraction is cut off"
    return next((f"it is rounded to {digits} decimals" for digits in range(16) if round(written, digits) == found), "")


def _of_integer(written: int, found: int) -> str:
    if (written + _INT32) % (2 * _INT32) - _INT32 == found:
        return "it wraps around at 32 bits"
    if found in (_INT32 - 1, -_INT32):
        return "it is limited to 32 bits"
    return "it passes through a double, which holds 53 bits" if int(float(written)) == found else ""


def _of_decimal(written: Decimal, found: Decimal) -> str:
    if written == found and written.is_signed() != found.is_signed():
        return "the sign of zero changes"
    if written == found:
        return "its trailing zeros are lost, or others added"
    if Decimal(float(written)) == found or Decimal(repr(float(written))) == found:
        return "it passes through a double"
    return "it is rounded" if abs(written - found) < 1 else ""


def _of_date(shift: timedelta, found: datetime) -> str:
    if abs(shift) < timedelta(milliseconds=1000) and not found.microsecond:
        return "its milliseconds are lost"
    if abs(shift) < _DAY and not shift % _QUARTER:
        hours = shift / timedelta(hours=1)
        return f"it is shifted by {hours:+g} hours, as by a time zone"
    if -_DAY < shift < timedelta() and found == found.replace(hour=0, minute=0, second=0, microsecond=0):
        return "its time of day is lost"
    return ""


def _of_bytes(written: bytes, found: bytes) -> str:
    before, after = (value.subtype if isinstance(value, Binary) else 0 for value in (written, found))
    if bytes(written) == bytes(found):
        return f"its subtype {before} becomes {after}"
    return f"it is cut after {len(found)} bytes" if found and bytes(written).startswith(bytes(found)) else ""
