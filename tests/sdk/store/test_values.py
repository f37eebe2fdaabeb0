"""Keys, places, pages and ranges of a store connector."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsync_kit.errors import InvalidArgument
from dsync_kit.store import Listed, Place, even_ranges, first_page
from dsync_kit.store.cursors import PageCursor

from .memory import JSON, key, stored


def test_keys_are_equal_exactly_if_they_are_one_id() -> None:
    """Types count in BSON; JSON has one kind of number. A key equals its bytes, as a store returns them."""
    assert key(5) != key("5")
    assert key(5) != key(5.0)
    assert key(5, JSON) == key(5.0, JSON)
    assert {bytes(key("a")): 1}[key("a")] == 1
    assert key("a").value == "a"
    assert key(5, JSON).part.name == "id"


@given(st.integers(-(2**63), 2**63 - 1) | st.binary())
def test_places_come_back_as_they_were(place: Place) -> None:
    """Numbers as numbers and bytes as bytes, even if their encoding looks like a number."""
    cursor = PageCursor.decode(PageCursor(start=place, end=b"1234", after=0).encode())
    assert (cursor.start, type(cursor.start)) == (place, type(place))
    assert cursor.rest == (0, b"1234")


def test_a_place_beyond_64_bits_is_refused() -> None:
    """No store could have made such a cursor."""
    cursor = PageCursor(start=0, end=1, after=7).encode()
    with pytest.raises(InvalidArgument, match="not a PageCursor"):
        PageCursor.decode(cursor.replace(b"7", str(2**63).encode()))


def listed(sizes: list[int], places: list[Place | None], closed: list[bool]) -> Iterator[Listed]:
    try:
        for place, size in zip(places, sizes, strict=True):
            yield Listed(place, stored("x" * size))
    finally:
        closed.append(True)


@pytest.mark.parametrize(
    ("sizes", "places", "expected"),
    [
        ([], [], (0, None)),
        ([1, 1, 1], [1, 2, 3], (3, None)),
        ([1, 1, 1, 1], [1, 2, 3, 4], (3, 3)),
        ([1, 1, 1, 1, 1], [1, 2, None, 4, 5], (4, 4)),  # a page goes on to where it can end
        ([1, 1, 1, 1], [1, 2, None, None], (4, None)),
        ([900, 900, 1], [1, 2, 3], (1, 1)),
        ([5_000, 1], [1, 2], (1, 1)),  # one document at least
    ],
)
def test_a_page_ends_where_it_is_full(
    sizes: list[int], places: list[Place | None], expected: tuple[int, Place | None]
) -> None:
    """Here, full means three documents or 1,500 bytes; the listing is closed, read completely or not."""
    closed: list[bool] = []
    page, after = first_page(listed(sizes, places, closed), 3, max_bytes=1_500)
    assert (len(page), after) == expected
    assert closed == [True]


@given(st.integers(-100, 100), st.integers(0, 100), st.integers(1, 20))
def test_ranges_cover_everything_once(start: int, length: int, parts: int) -> None:
    """None is empty, except that an empty namespace has one."""
    ranges = even_ranges(start, start + length, parts)
    covered = [number for share in ranges for number in range(int(share.start) + 1, int(share.end) + 1)]
    assert covered == list(range(start + 1, start + length + 1))
    assert len(ranges) == max(1, min(parts, length))
