"""Streams: nothing is lost wherever a query dies, updates come in order, and a streaming write applies them."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from pyspark.sql import types as spark

from dsync_kit.errors import UsageError
from dsync_kit.files.content.extended import parse_extended
from dsync_kit.server import ConnectorServer
from dsync_kit.spark import DsyncDataSource
from dsync_kit.spark.failures import CallFailed, RowError

from .using import Served, deleted, frame, schema_of, stream_writer, streamed, updated

KEY = "a", '"{}"'


def key(number: int) -> tuple[str, str]:
    """What a row says of a document of the namespace `a`."""
    return "a", f'"{number}"'


def expected(served: Served) -> set[str]:
    """The ids in the namespace `a`, as the rows have them."""
    return {f'"{each}"' for each in served.contents("a")}


def reached(stream: streamed, served: Served) -> Callable[[], bool]:
    """Whether the rows so far make the state of the source; a test that would wait for ever ends after a while."""
    deadline = time.monotonic() + 30

    def met() -> bool:
        assert time.monotonic() < deadline, "what was written never came"
        state = {identifier: document for (_, identifier), document in stream.state().items()}
        documents = {f'"{each}"': value.get("v") for each, value in served.contents("a").items()}
        return {identifier: _version(document) for identifier, document in state.items()} == documents

    return met


def _version(document: str) -> Any:
    return parse_extended(document.encode()).get("v")


def after(batches: int, stream: streamed) -> Callable[[], bool]:
    """Whether so many batches are committed."""
    return lambda: stream.committed >= batches


def test_the_copy_comes_first_and_then_the_updates(served: Served) -> None:
    """What is written between the plan and the copy is among the updates; a delete is a null document."""
    served.fill("a", *({"_id": f"{number}", "v": 0} for number in range(30)))
    stream = streamed(**served.options(initialcopy="true", type="bson"))
    stream.run(after(1, stream))
    assert len(stream.rows) == 30
    served.change("a", updated("1", v=1), deleted("2"), updated("new", v=1))
    stream.run(reached(stream, served))
    assert ("a", '"2"') not in stream.state()


def test_without_the_copy_the_stream_begins_where_the_query_began(served: Served) -> None:
    """From the first batch on, which has no rows, and keeps the position."""
    served.fill("a", {"_id": "old", "v": 0})
    stream = streamed(**served.options(type="bson"))
    stream.run(after(1, stream))
    assert stream.rows == []
    served.change("a", updated("new", v=1))
    stream.run(lambda: bool(stream.rows))
    assert [row["id"] for row in stream.rows] == ['"new"']


@pytest.mark.parametrize("dies_after", ["planned", "read", "committed"])
@pytest.mark.parametrize("deaths", [1, 3])
def test_nothing_is_lost_wherever_a_query_dies(served: Served, dies_after: str, deaths: int) -> None:
    """Once or several times in a row, before its batch is read, before it is committed, and behind that."""
    served.fill("a", *({"_id": f"{number}", "v": 0} for number in range(30)))
    stream = streamed(**served.options(initialcopy="true", type="bson", maxupdatesperbatch="5"))
    stream.run(lambda: False, dies_after=dies_after)  # in the copy
    stream.run(after(1, stream))
    for round_ in range(1, 4):
        served.change("a", *(updated(f"{number}", v=round_) for number in range(7)), deleted(f"{10 + round_}"))
        for _ in range(deaths):
            stream.run(lambda: False, dies_after=dies_after)
    stream.run(reached(stream, served))


def test_a_batch_that_was_left_empty_by_one_restart_is_not_lost_by_the_next(served: Served) -> None:
    """The case in which the checkpoint says that a batch is done which never had its rows."""
    stream = streamed(**served.options(type="bson"))
    stream.run(after(1, stream))
    served.change("a", updated("1", v=1))
    stream.run(lambda: False, dies_after="planned")
    stream.run(lambda: True)  # repeats the batch, commits it, and ends before another one
    assert (stream.rows, stream.committed) == ([], 2)
    stream.run(reached(stream, served))


def test_a_batch_has_no_more_updates_than_asked_for(served: Served) -> None:
    """Unless one message has more; positions grow, and updates of one document keep their order across tasks."""
    schema = spark.StructType(
        [
            *schema_of("namespace:string, id:string, document:string, operation:string").fields,
            spark.StructField("position", spark.LongType()),
        ]
    )
    stream = streamed(schema, **served.options(type="bson", maxupdatesperbatch="1500", updatepartitions="3"))
    stream.run(after(1, stream))
    for version in range(1, 9):
        served.change("a", *(updated(f"{number}", v=version) for number in range(500)))
    stream.run(reached(stream, served))
    assert stream.committed >= 3
    for number in range(0, 500, 50):
        rows = [row for row in stream.rows if row["id"] == f'"{number}"']
        assert [_version(row["document"]) for row in rows] == list(range(1, 9))
        assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    assert len({row["position"] for row in stream.rows}) == 4000


def test_available_now_ends_and_the_next_run_repeats_nothing(served: Served) -> None:
    """As a job that runs every hour does."""
    options = served.options(type="bson", idleseconds="0.5")
    stream = streamed(**options)
    stream.run(lambda: False, available_now=True)
    served.change("a", updated("1", v=1))
    stream.run(lambda: False, available_now=True)
    assert [row["id"] for row in stream.rows] == ['"1"']
    stream.run(lambda: False, available_now=True)
    served.change("a", updated("2", v=1))
    stream.run(lambda: False, available_now=True)
    assert [row["id"] for row in stream.rows] == ['"1"', '"2"']


def test_a_server_that_is_replaced_ends_no_query(served: Served) -> None:
    """The stream is opened again where it was."""
    twin = type(served.connector)(served.connector.settings, served.connector.store)
    with ConnectorServer(twin, "127.0.0.1:0", reuse_port=True) as first:
        stream = streamed(**Served(first.address, twin).options(type="bson"))
        came = reached(stream, served)
        replaced = ExitStack()

        def until() -> bool:
            if stream.committed == 1 and not served.contents("a"):
                replaced.enter_context(ConnectorServer(served.connector, first.address, reuse_port=True))
                first.stop()
                served.change("a", updated("1", v=1))
            return stream.committed > 1 and came()

        with replaced:
            stream.run(until)


def test_what_cannot_be_streamed_says_so() -> None:
    """When the query starts."""
    stream = streamed(target="/dev/null")
    with pytest.raises(UsageError, match="is not a source"):
        stream.run(after(1, stream))


def test_a_stream_that_fails_for_good_fails_the_query(served: Served) -> None:
    """With the call, the connector and the reason."""
    stream = streamed(**served.options(type="bson"))
    stream.run(after(1, stream))
    stream.offsets[0]["updates"][0]["began"] = "AAAA"
    with pytest.raises(CallFailed, match=r"StreamUpdates of grpc://.* failed: INVALID_ARGUMENT"):
        stream.run(after(2, stream))


def test_a_foreign_checkpoint_is_refused(served: Served) -> None:
    """It has other offsets."""
    stream = streamed(**served.options())
    stream.offsets, stream.committed = [{"logOffset": 0}], 1
    with pytest.raises(UsageError, match="the checkpoint is not of a stream of the format 'dsync'"):
        stream.run(after(2, stream))


def test_a_streaming_write_applies_upserts_and_deletes(served: Served, other: Served) -> None:
    """A stream as it comes, and a batch that is repeated: a null document is a delete."""
    served.fill("a", *({"_id": f"{number}", "v": 0} for number in range(30)))
    stream = streamed(**served.options(initialcopy="true", type="bson"))
    stream.run(after(1, stream))
    served.change("a", updated("1", v=1), deleted("2"), updated("2", v=2), deleted("3"), updated("new", v=1))
    stream.run(reached(stream, served))
    writer = stream_writer(stream.schema, **other.options())
    for _ in range(2):
        assert writer.write(iter(frame(stream.schema, stream.rows))).count == len(stream.rows)
        assert other.contents("a") == served.contents("a")


def test_a_column_may_say_what_a_row_is(other: Served) -> None:
    """By name, or as a boolean that is true for a delete; typed rows can be deletes, too."""
    schema = schema_of("_id:string, v:long, gone:boolean")
    writer = stream_writer(schema, **other.options(namespace="a", type="bson", operation="gone"))
    rows = [{"_id": "1", "v": 1, "gone": False}, {"_id": "2", "v": 1, "gone": False}, {"_id": "1", "gone": True}]
    writer.write(iter(frame(schema, rows)))
    assert other.contents("a") == {"2": {"_id": "2", "v": 1}}


def test_a_partial_update_is_written_as_one(other: Served) -> None:
    """With the fields that it removes."""
    other.fill("a", {"_id": "1", "x": 1, "y": 1})
    schema = DsyncDataSource({"target": "/dev/fakesource", "operations": "true"}).schema()
    row = {"namespace": "a", "id": '"1"', "operation": "partial_update", "document": '{"x": 2}', "unset": ["y"]}
    stream_writer(schema, **other.options(type="bson")).write(iter(frame(schema, [row])))
    assert other.contents("a") == {"1": {"_id": "1", "x": 2}}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"operation": "upsert", "document": '{"_id": "1"}'}, "'upsert': expected insert, update, delete"),
        ({"operation": "update", "document": None}, "null in a row that is no delete"),
        ({"operation": "delete", "document": None}, "has no id either"),
        ({"operation": "delete", "id": "{", "document": None}, "not Extended JSON"),
    ],
)
def test_a_row_that_is_not_an_update_is_an_error(other: Served, row: dict[str, Any], says: str) -> None:
    """And never dropped."""
    schema = schema_of("operation:string, id:string, document:string")
    with pytest.raises(RowError, match=says):
        stream_writer(schema, **other.options(namespace="a")).write(iter(frame(schema, [row])))
