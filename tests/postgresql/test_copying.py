"""Rows that COPY gives, and the documents that become of them."""

import json
from contextlib import closing
from typing import Any, LiteralString

import bson
import psycopg
import pytest
from bson import Int64
from psycopg import sql

from dsync_kit.postgresql.copying import copied
from dsync_kit.postgresql.encoding import Field, Object, columns_of, encoded
from dsync_kit.postgresql.forms import BINARY, BOOL, DOUBLE, INT32, INT64, JSON, TEXT, Form, array_of
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON

Client = psycopg.Connection[Any]


def copying(select: LiteralString) -> sql.Composed:
    return sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(select))


def test_all_lines_come_in_parts_of_some_size(client: Client) -> None:
    """Whatever the lengths of the lines; the connection is free for other statements afterwards."""
    for size in (1, 1000, 1 << 30):
        parts = list(copied(client, copying("SELECT n FROM generate_series(1, 5000) n"), size))
        assert [int(line) for part in parts for line in part.splitlines()] == list(range(1, 5001))
        assert all(part.endswith(b"\n") and len(part) < size + 10 for part in parts)
    assert list(copied(client, copying("SELECT 1 WHERE false"), 1)) == []
    assert client.execute("SELECT 1").fetchall() == [(1,)]


def test_a_copy_that_is_left_early_is_cancelled(client: Client) -> None:
    """It would run for hours; the connection is free for other statements at once."""
    with closing(copied(client, copying("SELECT generate_series(1, 10000000000)"), 1000)) as parts:
        next(parts)
    assert client.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("select", ["SELECT 1 / 0", "SELECT 1 / (100000 - generate_series(1, 100000))"])
def test_an_error_in_the_midst_is_raised(client: Client, select: LiteralString) -> None:
    """As the server names it, after whatever came before it."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(copied(client, copying(select), 1000))
    assert client.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


TEXTS = ["", "plain", "tab\t newline\n return\r \\N \\ \b\f\v 'é\U0001f600", "\\", "N", "x" * 5000, None]
COLUMNS: list[tuple[str, Form, list[Any], list[Any]]] = [
    ("text", TEXT, TEXTS, TEXTS),
    ("int4", INT32, [-(2**31), 0, None, 7, 1, 2, 3], [-(2**31), 0, None, 7, 1, 2, 3]),
    ("int8", INT64, [2**63 - 1] * 7, [2**63 - 1] * 7),
    ("float8", DOUBLE, [None, 0.1, 1e300, -1.5, 0.0, 2.0, 3.0], [None, 0.1, 1e300, -1.5, 0.0, 2.0, 3.0]),
    ("bool", BOOL, [None] * 7, [None] * 7),
    (
        "bytea",
        BINARY,
        [b"", b"\\x", None, b"\t\n", b"\0", b"a", b"b"],
        ["\\x", "\\x5c78", None, "\\x090a", "\\x00", "\\x61", "\\x62"],
    ),
    ("text[]", array_of(TEXT), [["a", None], [], None, ['"\\{},', "NULL"], [["a"], ["b"]], [""], ["\t"]], []),
    (
        "jsonb",
        JSON,
        ['{"a": [1, "\\n"]}', "null", None, "[]", '"\\\\N"', "1.5", "true"],
        [{"a": [1, "\n"]}, None, None, [], "\\N", 1.5, True],
    ),
]


def test_values_of_all_kinds_survive(client: Client) -> None:
    """Escapes, empty texts and NULL, in BSON and JSON: each document is what its row was made of."""
    kinds = sql.SQL(", ").join(sql.SQL(f"c{at} {kind}") for at, (kind, *_) in enumerate(COLUMNS))
    client.execute(sql.SQL("CREATE TABLE kinds (id int, {})").format(kinds))
    marks = sql.SQL(", ").join([sql.Placeholder()] * (1 + len(COLUMNS)))
    for number in range(7):
        row = [number, *(values[number] for _, _, values, _ in COLUMNS)]
        client.execute(sql.SQL("INSERT INTO kinds VALUES ({})").format(marks), row)
    (data,) = copied(client, copying("SELECT * FROM kinds ORDER BY id"), 1 << 20)
    fields = [Field("_id", INT32, 0), *(Field(f"c{at}", form, 1 + at) for at, (_, form, *_) in enumerate(COLUMNS))]
    columns = columns_of(data, len(fields))

    def value(kind: str, made: Any, shown: Any) -> Any:
        return Int64(made) if kind == "int8" else shown if kind == "jsonb" else made

    expected = [
        {
            "_id": n,
            **{f"c{at}": value(kind, made[n], (shown or made)[n]) for at, (kind, _, made, shown) in enumerate(COLUMNS)},
        }
        for n in range(7)
    ]
    assert encoded(fields, columns, DATA_TYPE_MONGO_BSON) == [bson.encode(document) for document in expected]
    assert [json.loads(document) for document in encoded(fields, columns, DATA_TYPE_JSON_ID)] == [
        {"_id": n, **{f"c{at}": (shown or made)[n] for at, (_, _, made, shown) in enumerate(COLUMNS)}} for n in range(7)
    ]


def test_an_object_of_columns_is_a_field() -> None:
    """The id of a table whose key has several columns."""
    fields: list[Field | Object] = [
        Object("_id", [Field("b", TEXT, 1), Field("a", INT32, 0)]),
        Field("c", TEXT, 2),
    ]
    columns: list[list[bytes | None]] = [[b"1", b"2"], [b"x", b"y"], [None, b"z"]]
    assert encoded(fields, columns, DATA_TYPE_MONGO_BSON) == [
        bson.encode({"_id": {"b": "x", "a": 1}, "c": None}),
        bson.encode({"_id": {"b": "y", "a": 2}, "c": "z"}),
    ]
    assert encoded(fields, columns, DATA_TYPE_JSON_ID)[1] == b'{"_id":{"b":"y","a":2},"c":"z"}'
