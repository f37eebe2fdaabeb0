"""Cursors carry their fields, and no other bytes are accepted as one."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsync_kit.cursors import Cursor
from dsync_kit.errors import InvalidArgument
from dsync_kit.files.reading import position
from dsync_kit.store import cursors as partitions

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
    """A cursor keeps its fields, whatever they hold, and is never empty on the wire."""
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
    """Malformed bytes are INVALID_ARGUMENT, and the message names the expected class."""
    with pytest.raises(InvalidArgument, match="not a PageCursor"):
        PageCursor.decode(data)


def test_cursor_of_another_kind() -> None:
    """A cursor of another class or version is refused, even if its fields fit."""
    with pytest.raises(InvalidArgument, match="not a PageCursor"):
        PageCursor.decode(OtherCursor(partition=1).encode())
    with pytest.raises(InvalidArgument, match="not a PageCursor of version 1"):
        PageCursor.decode(OldPageCursor(partition=1).encode())


class PlaceOne(Cursor):
    after: bytes


class PlaceThree(Cursor):
    version = 3
    start: bytes
    shard: int

    @classmethod
    def upgrade(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """Version 1 had `after`, version 2 could not be resumed."""
        if version == 1:
            return {"start": fields["after"], "shard": 0}
        return super().upgrade(version, fields)


PlaceOne.__name__ = PlaceThree.__name__ = "Place"


def test_a_cursor_of_an_older_version_is_read() -> None:
    """Its bytes are upgraded; new bytes have the new version, and the old class refuses them."""
    found = PlaceThree.decode(PlaceOne(after=b"\0\xff").encode())
    assert found == PlaceThree(start=b"\0\xff", shard=0)
    assert PlaceThree.decode(found.encode()) == found
    with pytest.raises(InvalidArgument, match="not a Place of version 1"):
        PlaceOne.decode(found.encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'["Place",2,{"after":""}]', "a Place of version 2 cannot be read any more, only of version 3"),
        (b'["Place",1,{}]', "not a Place"),
        (b'["Place",1,{"after":"no base64!"}]', "not a Place"),
        (b'["Place",0,{"after":""}]', "not a Place of version 3"),
        (b'["Place",4,{"start":"","shard":0}]', "not a Place of version 3"),
    ],
)
def test_an_older_cursor_that_cannot_be_read(data: bytes, message: str) -> None:
    """It is INVALID_ARGUMENT, whatever `upgrade` does; so is one of a newer version."""
    with pytest.raises(InvalidArgument, match=message):
        PlaceThree.decode(data)


# Written by version 0.1.0.
RELEASED = {
    b'["PartitionCursor",1,{"start":-9223372036854775808,"end":5}]': partitions.PartitionCursor(start=-(2**63), end=5),
    b'["PartitionCursor",1,{"start":"","end":"_wA="}]': partitions.PartitionCursor(start=b"", end=b"\xff\0"),
    b'["PageCursor",1,{"start":0,"end":9,"after":4}]': partitions.PageCursor(start=0, end=9, after=4),
    b'["UpdatesCursor",1,{"data_id":"a","place":"AQI="}]': partitions.UpdatesCursor(data_id="a", place=b"\1\2"),
    b'["LogPartition",1,{"after":1,"until":2,"head":3}]': position.LogPartition(after=1, until=2, head=3),
    b'["LinePlace",1,{"after":1,"until":2,"head":3,"number":2,"digest":"AAAAAAAAAAAAAAAAAAAAAA==","file":"f",'
    b'"line":4}]': position.LinePlace(after=1, until=2, head=3, number=2, digest=bytes(16), file="f", line=4),
    b'["FilesPartition",1,{"first":"a","last":"b"}]': position.FilesPartition(first="a", last="b"),
    b'["FilePlace",1,{"key":"k","file_version":"v","rows":7}]': position.FilePlace(key="k", file_version="v", rows=7),
    b'["PiecePartition",1,{"key":"k","file_version":"v","start":5,"stop":9}]': position.PiecePartition(
        key="k", file_version="v", start=5, stop=9
    ),
    b'["PiecePlace",1,{"key":"k","file_version":"v","start":5,"stop":9,"rows":7}]': position.PiecePlace(
        key="k", file_version="v", start=5, stop=9, rows=7
    ),
}


@pytest.mark.parametrize("data", RELEASED, ids=lambda data: data[2:20].decode())
def test_cursors_of_released_versions_are_read(data: bytes) -> None:
    """Those that connectors built on the SDK's classes gave to dsync."""
    assert type(RELEASED[data]).decode(data) == RELEASED[data]


def test_every_cursor_of_the_sdk_is_among_them() -> None:
    """A missing class could change unnoticed."""
    known = {cursor for module in (partitions, position) for cursor in vars(module).values() if is_cursor(cursor)}
    assert known == {type(cursor) for cursor in RELEASED.values()}


def is_cursor(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Cursor) and found is not Cursor


@given(st.data())
def test_truncated(data: st.DataObject) -> None:
    """A truncated cursor is refused."""
    whole = PageCursor(partition=5, after=b"abc").encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InvalidArgument):
        PageCursor.decode(whole[:cut])


def test_long_garbage_is_not_repeated() -> None:
    """The message shows only the start of a long input."""
    with pytest.raises(InvalidArgument) as caught:
        PageCursor.decode(b"x" * 1_000_000)
    assert len(caught.value.message) < 200
