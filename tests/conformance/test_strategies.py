"""Which ids the rules put into one example."""

from typing import Any

import pytest
from bson import Decimal128, Int64

from dsync_kit.conformance.documents.look_alikes import IDS_OF_OTHER_KINDS, allowed
from dsync_kit.conformance.documents.strategies import merge_key

ALIKE = [
    (1, 1.0),
    (Int64(2**53), float(2**53)),
    (2.5, Decimal128("2.50")),
    (1.1, Decimal128("1.10")),
    (1e200, 2e200),
]
DISTINCT = [
    (2**53, 2**53 + 1),
    (1.1, 1.1000000000000003),
    (Decimal128("1.1"), Decimal128("1.10000000000000000001")),
    (1, "1"),
    (1, True),
    (1e200, -1e200),
]


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=repr)
def test_ids_that_a_store_may_take_for_one_are_never_in_one_example(one: Any, other: Any) -> None:
    """Equal numbers of two types, a double and the decimal that is written like it, two extreme doubles."""
    assert merge_key(one) == merge_key(other)


@pytest.mark.parametrize(("one", "other"), DISTINCT, ids=repr)
def test_ids_that_every_store_must_keep_apart_may_stand_in_one_example(one: Any, other: Any) -> None:
    """A connector that rounds ids, or takes a number for its text, would go unnoticed otherwise."""
    assert merge_key(one) != merge_key(other)


def test_the_same_id_twice_does_not_look_alike() -> None:
    """A table of 32-bit keys has 5, but no other id that looks like it: rules on such ids have nothing to check."""
    assert allowed(IDS_OF_OTHER_KINDS, lambda _, value: type(value) is int) == []
