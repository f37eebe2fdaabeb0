"""Cursors: they carry their fields, and nothing else is taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsync_kit.cursors import Cursor
from dsync_kit.errors import InvalidArgument

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


class PageCursor(Cursor):
    partition: int
    after: bytes = b""
    name: str | None = None


class OtherCursor(Cursor):
    partition: int
    after: bytes = b""
    name: str | None = None


class OldPageCursor(Cursor):
    version = 2
    partition: int


OldPageCursor.__name__ = "PageCursor"


@given(st.integers(), st.binary(), st.none() | TEXT)
def test_round_trip(partition: int, after: bytes, name: str | None) -> None:
    """A cursor comes back with its fields, whatever they hold, and is never empty on the wire."""
    cursor = PageCursor(partition=partition, after=after, name=name)
    data = cursor.encode()
    assert data
    assert PageCursor.decode(data) == cursor


@given(st.binary())
@example(b"")
@example(b"null")
@example(b"[]")
@example(b'["PageCursor",1]')
@example(b'["PageCursor",1,null]')
@example(b'["PageCursor",1,{}]')
@example(b'["PageCursor",1,{"partition":"x"}]')
@example(b'["PageCursor",1,{"partition":1,"unknown":2}]')
@example(b'["PageCursor",2,{"partition":1}]')
@example(b'["PageCursor","1",{"partition":1}]')
@example(b'["PageCursor",1,{"partition":1,"after":"not base64!"}]')
@example(b'["PageCursor",1,{"partition":1},0]')
@example(b'["PageCursor",1,{"partition":1}')
@example(b"[" * 100_000)
def test_garbage(data: bytes) -> None:
    """Bytes that are no cursor are INVALID_ARGUMENT, and the message names the class that was expected."""
    with pytest.raises(InvalidArgument, match="not a PageCursor"):
        PageCursor.decode(data)


def test_cursor_of_another_kind() -> None:
    """A cursor of another class, or of another version, is refused though its fields fit."""
    with pytest.raises(InvalidArgument, match="not a PageCursor"):
        PageCursor.decode(OtherCursor(partition=1).encode())
    with pytest.raises(InvalidArgument, match="not a PageCursor of version 1"):
        PageCursor.decode(OldPageCursor(partition=1).encode())


@given(st.data())
def test_truncated(data: st.DataObject) -> None:
    """A cursor that was cut off is refused."""
    whole = PageCursor(partition=5, after=b"abc").encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InvalidArgument):
        PageCursor.decode(whole[:cut])


def test_long_garbage_is_not_repeated() -> None:
    """The message shows the start of what was given, not a megabyte of it."""
    with pytest.raises(InvalidArgument) as caught:
        PageCursor.decode(b"x" * 1_000_000)
    assert len(caught.value.message) < 200
