"""What a failure says about a document that came back changed, and which rule that belongs to."""

from typing import Any

import pytest
from bson import DatetimeMS, Decimal128, Int64

from dsync_kit.conformance.documents.strategies import BSON, JSON, make_document
from dsync_kit.conformance.verdicts.differences import Change, change_of


def change(written: Any, found: Any) -> Change:
    """The change of a field `v`."""
    return change_of(make_document("a", {"v": written}, BSON), make_document("a", {"v": found}, BSON), BSON)


@pytest.mark.parametrize(
    ("written", "found", "owner", "description"),
    [
        ([True], True, "encoding/array-order", "v: an array of 1 comes back as bool"),
        ([1, 1], [1], "encoding/array-order", "v: an array of 2 comes back as an array of 1"),
        ([2, 1], [1, 2], "encoding/array-order", "v: the items of the array are in another order"),
        ([[2], {"x": 1}], [{"x": 1}, [2]], "encoding/array-order", "v: the items of the array are in another order"),
        ([1, None], [1], "encoding/bson-null", "v: an array of 2 comes back as an array of 1"),
        (
            {"x": [5]},
            {"x": [Int64(5)]},
            "encoding/bson-int32",
            "v.x[0]: int comes back as long (the store has fewer types of numbers)",
        ),
        ({"x": 1}, '{"x": 1}', "encoding/deep", "v: object comes back as string (the value is stored as text)"),
        ({"$oid": "5"}, "5", "", "v: object comes back as string (the value is stored as text)"),
        ("", None, "encoding/empty-and-null", "v: an empty text comes back as null"),
        (" a", "a", "encoding/bson-text", "v: white space at its ends is removed"),
    ],
)
def test_the_rule_and_what_became_of_the_value(written: Any, found: Any, owner: str, description: str) -> None:
    """The owner is the rule about the written value; the description names both kinds, if they differ."""
    assert (change(written, found).owner, change(written, found).description) == (owner, description)


@pytest.mark.parametrize(
    ("written", "found", "shown"),
    [
        (" a", "a", "v was written as ' a', and is 'a'"),
        ({"x": [1, 2]}, {"x": [1, 3]}, "v.x[1] was written as 2, and is 3"),
        (5, Int64(5), "v was written as 5 (int), and is 5 (long)"),
        (Decimal128("1.155"), Decimal128("1.16"), "v was written as 1.155, and is 1.16"),
        (None, "", "v was written as null, and is '' (string)"),
        (True, 1, "v was written as true (bool), and is 1 (int)"),
        (
            DatetimeMS(1_234_567_890_123),
            DatetimeMS(1_234_567_890_000),
            "v was written as 2009-02-13T23:31:30.123Z, and is 2009-02-13T23:31:30.000Z",
        ),
        ({"A": 1}, {"a": 1}, "in v, the field 'A' is missing and the field 'a' is there, but was not written"),
        ({"a": 1, "b": 2, "c": 3}, {"c": 3}, "in v, the fields 'a', 'b' are missing"),
    ],
)
def test_the_change_is_shown_with_its_values(written: Any, found: Any, shown: str) -> None:
    """A reader sees at once which value became which, and where."""
    assert change(written, found).shown == shown


def test_a_long_value_is_cut() -> None:
    """Its ends are enough."""
    assert len(change("x" * 10_000, "y" * 10_000).shown) < 200


def test_what_is_no_document_shows_no_change() -> None:
    """Another rule is about that."""
    document = make_document("a", {}, JSON)
    assert change_of(document, b"[", JSON) == change_of(None, document, JSON) == Change()
