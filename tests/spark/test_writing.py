"""Batch writes, and the moves between connectors that they make with reads."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Int64

from dsync_kit.errors import UsageError
from dsync_kit.spark import DsyncDataSource
from dsync_kit.spark.failures import RowError

from .test_reading import FIELDS, IDS
from .using import Served, read, schema_of, write

WHOLE = schema_of("namespace:string, id:string, document:string")


@pytest.mark.parametrize("form", ["json", "bson"])
def test_a_move_keeps_every_document_as_it_is(served: Served, other: Served, form: str) -> None:
    """Types of values and of ids, in several namespaces; a repeated write changes nothing."""
    served.fill("a", *({"_id": identifier, **FIELDS} for identifier, _ in IDS if not isinstance(identifier, dict)))
    served.fill("b", {"_id": "1", "n": Int64(1)})
    rows = read(type="bson", documents=form, **served.options())
    schema = WHOLE if form == "json" else schema_of("namespace:string, id:string, document:binary")
    for _ in range(2):
        assert write(schema, rows, **other.options(pagesize="2")) == len(rows)
        for namespace in ("a", "b"):
            assert sorted(other.listed(namespace)) == sorted(served.listed(namespace)) != []


def test_the_namespace_of_all_rows_can_be_named(served: Served, other: Served) -> None:
    """Instead of each row's own."""
    served.fill("a", {"_id": "1"})
    write(WHOLE, read(type="bson", **served.options()), **other.options(namespace="archive.a"))
    assert other.contents("archive.a") == {"1": {"_id": "1"}}
    assert other.contents("a") == {}


def test_json_becomes_what_the_sink_takes(other: Served) -> None:
    """Text with `id` is a JSON document, which a sink of BSON gets with `_id`."""
    row = {"namespace": "a", "id": '"1"', "document": '{"id": "1", "n": 5}'}
    write(WHOLE, [row], **other.options(type="bson"))
    assert other.contents("a") == {"1": {"_id": "1", "n": 5}}


def test_typed_columns_become_fields(other: Served) -> None:
    """They have the columns' types; nulls are left out unless requested."""
    schema = schema_of(
        "_id:string, i:int, l:long, d:double, n:decimal, t:timestamp, day:date, b:binary, ok:boolean, nothing:string"
    )
    now = datetime.datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=datetime.UTC)
    row = {
        "_id": "1",
        "i": 1,
        "l": 1,
        "d": 1.0,
        "n": Decimal("1.50"),
        "t": now,
        "day": now.date(),
        "b": b"\x00",
        "ok": True,
        "nothing": None,
    }
    write(schema, [row], **other.options(namespace="a", type="bson"))
    found = other.contents("a")["1"]
    assert {name: type(value).__name__ for name, value in found.items()} == {
        "_id": "str",
        "i": "int",
        "l": "Int64",
        "d": "float",
        "n": "Decimal128",
        "t": "datetime",
        "day": "datetime",
        "b": "bytes",
        "ok": "bool",
    }
    assert found["t"] == now.replace(tzinfo=None)
    write(schema, [row], **other.options(namespace="a", type="bson", ignorenullfields="false"))
    assert other.contents("a")["1"]["nothing"] is None


def test_typed_columns_become_json(other: Served) -> None:
    """Dates and binary as text, decimals with all their digits; the id may be called `_id` or `id`."""
    schema = schema_of("_id:string, n:decimal, t:timestamp, b:binary")
    now = datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    write(
        schema,
        [{"_id": "1", "n": Decimal("1.50"), "t": now, "b": b"\x00"}],
        **other.options(namespace="a", type="json"),
    )
    (row,) = read(type="json", **other.options())
    assert row["document"] == '{"id":"1","n":1.50,"t":"2024-02-03T04:05:06Z","b":"AA=="}'


@pytest.mark.parametrize(
    ("schema", "options", "says"),
    [
        ("document:string", {}, "Name the namespace with the option 'namespace', or give them a column 'namespace'"),
        ("x:string", {"namespace": "a"}, "the rows have no id: expected a column '_id'"),
        ("document:int", {"namespace": "a"}, "the column 'document' is int: expected string with JSON, or binary"),
        ("document:string", {"namespace": "a,b"}, "one namespace, or to that of each row, but 2 were given"),
        ("document:string", {"namespace": "a", "target": "/dev/random", "insecure": ""}, "is not a sink"),
        ("document:string", {"namespace": "a", "pagesize": "x"}, "'pageSize' is 'x': expected a positive integer"),
    ],
)
def test_a_wrong_write_is_refused_on_the_driver(other: Served, schema: str, options: dict[str, str], says: str) -> None:
    """Before a row is touched."""
    given = {name: value for name, value in other.options(**options).items() if value}
    with pytest.raises(UsageError, match=says):
        DsyncDataSource(given).writer(schema_of(schema), overwrite=False)


def test_overwrite_is_refused(other: Served) -> None:
    """A data source that took it for append would leave old documents."""
    with pytest.raises(UsageError, match=r"use \.mode\('append'\)"):
        DsyncDataSource(other.options(namespace="a")).writer(WHOLE, overwrite=True)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "the column 'document' is null"),
        ("{", "not Extended JSON"),
        ("[]", "not an object"),
        ('{"a": 1}', "neither '_id' nor 'id'"),
    ],
)
def test_a_row_that_is_not_a_document_is_an_error(other: Served, document: Any, says: str) -> None:
    """And never dropped."""
    with pytest.raises(RowError, match=says):
        write(WHOLE, [{"namespace": "a", "document": document}], **other.options())
