"""What happened to a value is found out from what it was and what it has become."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64

from dsync_kit.conformance.verdicts.damage import conversion_of, damage_of


@pytest.mark.parametrize(
    ("written", "found", "what"),
    [
        ("abcdef", "abc", "it is cut after 3 characters (3 bytes)"),
        (" a\n", "a", "white space at its ends is removed"),
        ("a\0b", "ab", "NUL characters are removed"),
        ("a\r\nb", "a\nb", "line breaks are converted"),
        ("e\u0301", "\u00e9", "it is normalised (NFC)"),
        ("\U0001d11e", "?", "characters are replaced by '?'"),
        ("\u00e9", "\u00c3\u00a9", "its UTF-8 is read as Latin-1"),
        ("abc", "xyz", ""),
        (0.1, 0.10000000149011612, "it is rounded to 32 bits"),
        (-0.0, 0.0, "the sign of zero changes"),
        (2.7, 2.0, "its fraction is cut off"),
        (1.2345, 1.23, "it is rounded to 2 decimals"),
        (1e300, 2.0, ""),
        (Int64(2**40 + 5), Int64(5), "it wraps around at 32 bits"),
        (Int64(2**40), Int64(2**31 - 1), "it is limited to 32 bits"),
        (2**53 + 1, 2**53, "it passes through a double, which holds 53 bits"),
        (Decimal128("1.0"), Decimal128("1"), "its trailing zeros are lost, or others added"),
        (Decimal128("0.1234567890123456789"), Decimal128("0.12345678901234568"), "it passes through a double"),
        (Decimal128("0"), Decimal128("-0"), "the sign of zero changes"),
        (True, False, ""),
        (Decimal128("NaN"), Decimal128("1"), ""),
        (
            datetime(2020, 1, 1, 12, 0, 0, 123000, UTC),
            datetime(2020, 1, 1, 12, tzinfo=UTC),
            "its milliseconds are lost",
        ),
        (
            datetime(2020, 1, 1, 12, tzinfo=UTC),
            datetime(2020, 1, 1, 14, tzinfo=UTC),
            "it is shifted by +2 hours, as by a time zone",
        ),
        (datetime(2020, 1, 1, 12, 7, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC), "its time of day is lost"),
        (Binary(b"abc", 2), b"abc", "its subtype 2 becomes 0"),
        (b"abc", b"ab", "it is cut after 2 bytes"),
        ([1], [2], ""),
    ],
)
def test_what_happened_to_a_value(written: Any, found: Any, what: str) -> None:
    """The most specific reason that fits; none if the values have too little in common."""
    assert damage_of(written, found) == what


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("string", "number", "its type is guessed from the text"),
        ("date", "string", "the value is stored as text"),
        ("long", "int", "the store has fewer types of numbers"),
        ("int", "bool", "booleans and numbers are mixed up"),
        ("null", "string", "a default stands for null"),
        ("string", "null", "the value is not stored"),
        ("date", "binData", ""),
    ],
)
def test_why_a_value_has_another_type(before: str, after: str, why: str) -> None:
    """Where the types allow a guess."""
    assert conversion_of(before, after) == why
