"""Batch reads: rows, columns, partitions and refusals."""

import datetime
from decimal import Decimal
from typing import Any

import bson
import orjson
import pytest
from bson import Decimal128, Int64, ObjectId
from pyspark.sql.datasource import EqualTo, Filter, In, Not

from dsync_kit.errors import UsageError
from dsync_kit.files.content.extended import from_extended
from dsync_kit.spark import DsyncDataSource
from dsync_kit.spark.endpoint import Endpoint
from dsync_kit.spark.failures import CallFailed, RowError
from dsync_kit.spark.filtered import FilteredReader
from dsync_kit.spark.planning import source_info
from dsync_kit.usage import TargetError

from .secretive import registered
from .using import Served, read, rows_of, schema_of

IDS: list[tuple[Any, str]] = [
    ("a", '"a"'),
    ('é"\\', '"é\\"\\\\"'),
    (5, '{"$numberInt": "5"}'),
    (Int64(5), '{"$numberLong": "5"}'),
    (2.5, '{"$numberDouble": "2.5"}'),
    (ObjectId("65a000000000000000000001"), '{"$oid": "65a000000000000000000001"}'),
    ({"a": 1}, '{"a": {"$numberInt": "1"}}'),
]
FIELDS = {
    "text": "é",
    "int": 7,
    "long": Int64(2**40),
    "double": 1.0,
    "decimal": Decimal128("1.50"),
    "date": datetime.datetime(2024, 2, 3, 4, 5, 6, 789000),
    "binary": b"\x00\xff",
    "nested": {"a": [1, Int64(2), None]},
}


@pytest.mark.parametrize(("identifier", "text"), IDS, ids=[text for _, text in IDS])
def test_ids_are_text_that_keeps_their_types(served: Served, identifier: Any, text: str) -> None:
    """Two ids that differ in type alone are two texts."""
    served.fill("shop.orders", {"_id": identifier})
    assert [row["id"] for row in read(type="bson", **served.options())] == [text]


def test_documents_are_exact_as_extended_json_and_as_bytes(served: Served) -> None:
    """Both forms lead back to the same BSON; every document is there once, with its namespace."""
    documents = [{"_id": f"{number:03}", **FIELDS} for number in range(50)]
    served.fill("shop.orders", *documents)
    expected = sorted(bson.encode(document) for document in documents)
    rows = read(type="bson", namespace="shop.orders", **served.options())
    assert sorted(from_extended(row["document"].encode()) for row in rows) == expected
    assert {row["namespace"] for row in rows} == {"shop.orders"}
    assert sorted(row["document"] for row in read(documents="bson", **served.options())) == expected


def test_relaxed_documents_are_for_the_eye(served: Served) -> None:
    """Numbers are plain."""
    served.fill("a", {"_id": "1", "n": 1})
    assert [row["document"] for row in read(type="bson", documents="relaxed", **served.options())] == [
        '{"_id": "1", "n": 1}'
    ]


def test_json_documents_are_handed_on_as_they_are() -> None:
    """Of a source of JSON; ids are plain JSON."""
    rows = read(target="/dev/fakesource", **{"num-docs-per-partition": "1", "payload": '["a:b", "c:d"]'})
    assert len(rows) == 6
    assert rows[0]["id"] == '"0-000"'
    assert orjson.loads(rows[0]["document"]) == {
        "id": "0-000",
        "namespace": "ns0",
        "a": "b",
        "c": "d",
        "partition": 0,
        "number": 0,
    }


def test_a_plans_partitions_are_sparks_and_can_be_made_fewer(served: Served) -> None:
    """Three partitions in each namespace; `partitions` limits them, and no document is lost."""
    for namespace in ("a", "b"):
        served.fill(namespace, *({"_id": f"{number}"} for number in range(40)))
    for options, count in (({}, 6), ({"partitions": "4"}, 4), ({"partitions": "1"}, 1), ({"partitions": "9"}, 6)):
        source = DsyncDataSource(served.options(**options))
        schema = source.schema()
        reader = source.reader(schema)
        partitions = reader.partitions()
        assert len(partitions) == count
        assert len({(row["namespace"], row["id"]) for row in rows_of(reader, partitions, schema)}) == 80


def test_filters_on_the_namespace_leave_out_partitions(served: Served) -> None:
    """If Spark may push them down. A missing namespace leaves no rows, and isn't an error."""
    for namespace in ("a", "b", "c"):
        served.fill(namespace, {"_id": "1"})
    cases: list[tuple[list[Filter], set[str]]] = [
        ([In(("namespace",), ("a", "b", "x"))], {"a", "b"}),
        ([In(("namespace",), ("a", "b")), EqualTo(("namespace",), "b")], {"b"}),
        ([EqualTo(("namespace",), "x")], set()),
        ([EqualTo(("id",), "a"), Not(EqualTo(("namespace",), "a"))], {"a", "b", "c"}),
    ]
    for filters, expected in cases:
        source = DsyncDataSource(served.options(pushdownfilters="true"))
        schema = source.schema()
        reader = source.reader(schema)
        assert isinstance(reader, FilteredReader)
        assert reader.pushFilters(filters) == filters
        assert {row["namespace"] for row in rows_of(reader, reader.partitions(), schema)} == expected


def test_a_partition_can_be_read_again(served: Served) -> None:
    """As Spark does with a task that was lost."""
    served.fill("a", *({"_id": f"{number}"} for number in range(40)))
    source = DsyncDataSource(served.options())
    schema = source.schema()
    reader = source.reader(schema)
    part = reader.partitions()[0]
    assert rows_of(reader, [part], schema) == rows_of(reader, [part], schema) != []


def test_without_documents_there_are_no_rows(served: Served) -> None:
    """An empty plan isn't an error."""
    assert read(**served.options()) == []


def test_a_schema_gives_typed_columns(served: Served) -> None:
    """Each has its field's name; `_namespace` is the namespace, and missing fields are null."""
    served.fill("a", {"_id": "1", **FIELDS}, {"_id": "2"})
    schema = schema_of(
        "_namespace:string, _id:string, int:int, long:long, double:double, decimal:decimal, date:timestamp, "
        "binary:binary, nested:string, missing:string"
    )
    full, empty = sorted(read(schema, type="bson", **served.options()), key=lambda row: row["_id"])
    assert full == {
        "_namespace": "a",
        "_id": "1",
        "int": 7,
        "long": 2**40,
        "double": 1.0,
        "decimal": Decimal("1.50"),
        "date": datetime.datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=datetime.UTC),
        "binary": b"\x00\xff",
        "nested": '{"a": [1, 2, null]}',
        "missing": None,
    }
    assert empty == dict.fromkeys(full) | {"_namespace": "a", "_id": "2"}


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("int", 2**40, "does not fit into 32 bits"),
        ("int", "7", "holds str, which is not an integer"),
        ("long", True, "holds bool"),
        ("decimal", Decimal128("1.005"), "does not fit into decimal"),
        ("decimal", Decimal128("123456789.0"), "does not fit into decimal"),
        ("decimal", Decimal128("NaN"), "does not fit into decimal"),
        ("boolean", 1, "holds int, which is not a boolean"),
        ("timestamp", "yesterday", "in ISO 8601"),
        ("binary", "text", "which is not binary"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_or_null(served: Served, kind: str, value: Any, says: str) -> None:
    """It names the document and the field, and what to do; PERMISSIVE reads null instead."""
    served.fill("a", {"_id": "1", "x": value})
    with pytest.raises(RowError, match=says) as caught:
        read(schema_of(f"_id:string, x:{kind}"), type="bson", **served.options())
    assert "the document \"1\": the field 'x'" in str(caught.value)
    assert "PERMISSIVE" in str(caught.value)
    rows = read(schema_of(f"_id:string, x:{kind}"), type="bson", mode="PERMISSIVE", **served.options())
    assert rows == [{"_id": "1", "x": None}]


def test_columns_are_inferred_from_documents(served: Served) -> None:
    """As `verify` finds a schema: mixed types become the widest number, or text; objects keep their form."""
    served.fill("a", {"_id": 1, "n": 1, "m": 1, "o": {"x": 1.5}, "l": ["t"], "d": Decimal128("1.25")})
    served.fill("a", {"_id": 2, "n": Int64(2), "m": "two"})
    source = DsyncDataSource(served.options(inferSchema="true", type="bson"))
    assert source.schema().simpleString() == (
        "struct<_id:int,n:bigint,m:string,o:struct<x:double>,l:array<string>,d:decimal(38,2)>"
    )
    rows = sorted(read(inferSchema="true", type="bson", **served.options()), key=lambda row: row["_id"])
    assert [row["m"] for row in rows] == ["1", "two"]
    assert rows[0]["o"] == {"x": 1.5}


def test_a_schema_may_name_some_of_the_whole_columns(served: Served) -> None:
    """What is not asked for is not made."""
    served.fill("a", {"_id": "1"})
    assert read(schema_of("document:binary"), **served.options()) == [{"document": bson.encode({"_id": "1"})}]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"target": ""}, UsageError, "the option 'target' is missing"),
        ({"target": "nix://x"}, UsageError, "no connector matches 'nix://x'"),
        ({"target": "/dev/null"}, UsageError, "/dev/null is not a source"),
        ({"target": "/dev/fakesource", "typo": "1"}, UsageError, "has no option --typo: its options are --namesp"),
        ({"target": "/dev/fakesource", "namespace": "x"}, CallFailed, r"GeneratePlan\(x\) of /dev/fakesource failed"),
        ({"target": "examples/reference"}, UsageError, "give the URI of its data as the option 'uri'"),
        ({"target": "/dev/fakesource", "uri": "x://"}, UsageError, "'uri' is for a connector's folder"),
        ({"target": "/dev/fakesource", "type": "xml"}, UsageError, "'type' is 'xml': expected one of bson, json"),
        ({"target": "/dev/fakesource", "partitions": "0"}, UsageError, "'0': expected a positive integer"),
        ({"target": "/dev/random", "type": "json"}, UsageError, "does not give JSON_ID documents"),
        ({"target": "/dev/fakesource", "type": "json", "documents": "bson"}, UsageError, "gives JSON documents"),
        ({"target": "/dev/fakesource", "operations": "true"}, UsageError, "is for streams"),
        ({"target": "grpc://127.0.0.1:1", "insecure": "true"}, TargetError, "nothing answers at grpc://127.0.0.1:1"),
        ({"target": "grpc://127.0.0.1:1", "region": "x"}, UsageError, "has no option --region"),
        ({"path": "s3://bucket"}, UsageError, r"'s3://bucket' was given as a path: name the connector with .option"),
    ],
)
def test_a_wrong_request_says_what_to_do(options: dict[str, str], error: type[Exception], says: str) -> None:
    """Before any task starts."""
    with pytest.raises(error, match=says):
        read(**options)


def test_a_folder_is_found_from_any_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """An executor has another working folder than the driver."""
    source = DsyncDataSource({"target": "examples/fakesource", "uri": "/dev/fakesource"})
    schema = source.schema()
    reader = source.reader(schema)
    partitions = reader.partitions()
    monkeypatch.chdir(tmp_path)
    assert len(rows_of(reader, partitions, schema)) == 6000


def test_the_drivers_environment_travels_with_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor has another environment; a secret is in no text that Spark could show."""
    monkeypatch.setattr("dsync_kit.registry.bundled", lambda: [registered()])
    endpoint = Endpoint.named("secretive://u:hunter2@host", {"page-size": "7"}, {"SECRETIVE_TOKEN": "hunter3"})
    monkeypatch.delenv("SECRETIVE_TOKEN", raising=False)
    assert "--token=hunter3" in endpoint.options
    assert "hunter" not in repr(endpoint)
    with (
        endpoint.open() as end,
        pytest.raises(CallFailed, match=r"GetInfo of secretive://u:\*\*\*@host failed") as caught,
    ):
        source_info(end)
    assert "hunter" not in str(caught.value)
