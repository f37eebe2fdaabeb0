"""What `/dev/random` lists and streams."""

import threading
from pathlib import Path

import bson
import pytest

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext, Connector
from dsync_kit.documents import decode_id, id_key, id_of
from dsync_kit.errors import InvalidArgument, NotFound, Unimplemented, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    WriteDataRequest,
)
from dsync_kit.registry import load_folder

CONNECTOR = load_folder(Path(__file__).parents[1])
NAMESPACES = [f"db{database}.col{collection}" for database in range(1, 11) for collection in (1, 2)]
QUICK = ("--interval", "1ms", "--duration", "60ms")


def make(*options: str) -> Connector:
    settings, rest = CONNECTOR.settings.parse(["/dev/random", *options], {})
    assert rest == []
    return CONNECTOR.create(settings)


def read(connector: Connector, namespace: str) -> list[bytes]:
    request = ListDataRequest(partition=Partition(namespace=namespace), type=DATA_TYPE_MONGO_BSON)
    response = connector.list_data(request)
    assert response.next_cursor == b""
    return list(response.data)


def start_cursor(connector: Connector) -> bytes:
    [partition] = connector.generate_plan(GeneratePlanRequest(updates=True)).updates_partitions
    return partition.cursor


def stream(connector: Connector, cursor: bytes, *namespaces: str) -> list[StreamUpdatesResponse]:
    request = StreamUpdatesRequest(namespaces=namespaces, type=DATA_TYPE_MONGO_BSON, cursor=cursor)
    return list(LocalClient(connector).stream_updates(request))


def without_time(messages: list[StreamUpdatesResponse]) -> list[bytes]:
    for message in messages:
        message.ClearField("time")
    return [message.SerializeToString() for message in messages]


def test_get_info() -> None:
    """It is a source of BSON only, and plans any number of namespaces."""
    info = make().get_info(GetInfoRequest())
    source = info.capabilities.source
    assert info.db_type == "random"
    assert not info.capabilities.HasField("sink")
    assert list(source.supported_data_types) == [DATA_TYPE_MONGO_BSON]
    assert source.default_plan
    assert source.multi_namespace_plan


def test_plan_of_everything() -> None:
    """There are 20 partitions of 500 documents, one for each namespace, and one updates partition."""
    plan = make().generate_plan(GeneratePlanRequest(initial_sync=True, updates=True))
    assert [partition.namespace for partition in plan.partitions] == NAMESPACES
    assert {partition.estimated_count for partition in plan.partitions} == {500}
    assert [list(partition.namespaces) for partition in plan.updates_partitions] == [NAMESPACES]


def test_plan_honours_flags_and_namespaces() -> None:
    """Only what was requested is planned."""
    only_copy = make().generate_plan(GeneratePlanRequest(namespaces=["db3.col2"], initial_sync=True))
    assert [partition.namespace for partition in only_copy.partitions] == ["db3.col2"]
    assert not only_copy.updates_partitions
    only_stream = make().generate_plan(GeneratePlanRequest(namespaces=["db3.col2"], updates=True))
    assert not only_stream.partitions
    assert [list(partition.namespaces) for partition in only_stream.updates_partitions] == [["db3.col2"]]


def test_unknown_namespaces() -> None:
    """A missing namespace is NOT_FOUND, and the message has the existing ones."""
    connector = make()
    with pytest.raises(NotFound, match=r"no namespace 'db11\.col1': there are db1\.col1 to db10\.col2"):
        read(connector, "db11.col1")
    with pytest.raises(NotFound):
        connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=""))
    with pytest.raises(NotFound):
        connector.generate_plan(GeneratePlanRequest(namespaces=["a"], initial_sync=True))


def test_page() -> None:
    """A page has 500 documents, as the metadata says, each with a different id."""
    connector = make()
    documents = read(connector, "db1.col1")
    assert connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="db1.col1")).count == 500
    assert len({id_key(id_of(document, DATA_TYPE_MONGO_BSON)) for document in documents}) == 500


def test_other_ids_on_every_read() -> None:
    """No id of one read occurs in another, or in another namespace."""
    connector = make("--seed", "1")
    pages = [read(connector, namespace) for namespace in ("db1.col1", "db1.col1", "db1.col2")]
    assert len({bson.decode(document)["_id"] for page in pages for document in page}) == 1500


def test_seed_repeats_a_run_whatever_the_order() -> None:
    """With one seed, the nth read of a namespace is the same in every run; without a seed, runs differ."""
    one, other = make("--seed", "7"), make("--seed", "7")
    first = [read(one, namespace) for namespace in ("db1.col1", "db2.col1", "db1.col1")]
    second = [read(other, namespace) for namespace in ("db2.col1", "db1.col1", "db1.col1")]
    assert first == [second[1], second[0], second[2]]
    assert read(make(), "db1.col1") != read(make(), "db1.col1")


def test_requests_that_are_wrong() -> None:
    """A foreign cursor, and a type that it does not list, are INVALID_ARGUMENT."""
    connector = make()
    partition = Partition(namespace="db1.col1")
    with pytest.raises(InvalidArgument, match="not a cursor"):
        connector.list_data(ListDataRequest(partition=partition, type=DATA_TYPE_MONGO_BSON, cursor=b"x"))
    with pytest.raises(InvalidArgument, match="unsupported data type 2"):
        connector.list_data(ListDataRequest(partition=partition, type=DATA_TYPE_JSON_ID))
    with pytest.raises(InvalidArgument, match="not a StreamCursor"):
        stream(connector, b"")
    with pytest.raises(Unimplemented):
        connector.write_data(WriteDataRequest())


def test_stream_ends_by_itself() -> None:
    """There is one operation for each interval of the duration, then the end: a minute of seconds by default."""
    assert len(stream(make(*QUICK), start_cursor(make()))) == 60
    settings, _ = CONNECTOR.settings.parse(["/dev/random"], {})
    assert settings.model_dump(include={"interval", "duration"}, mode="json") == {
        "interval": "PT1S",
        "duration": "PT1M",
    }


def test_operations_fit_together() -> None:
    """Inserts have new ids, updates and deletes existing ones, and a document's id is its update's."""
    connector = make("--seed", "5", *QUICK)
    live: set[tuple[str, bson.ObjectId]] = set()
    kinds = set()
    for message in stream(connector, start_cursor(connector)):
        [update] = message.updates
        key = (message.namespace, decode_id(update.id[0]))
        assert message.namespace in NAMESPACES
        assert message.HasField("time")
        assert (key in live) == (update.type != UPDATE_TYPE_INSERT)
        if update.type == UPDATE_TYPE_DELETE:
            assert update.data == b""
            live.remove(key)
        else:
            assert bson.decode(update.data)["_id"] == key[1]
            live.add(key)
        kinds.add(update.type)
    assert kinds == {UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE}


def test_stream_goes_on_from_a_cursor_on_another_instance() -> None:
    """The rest of the stream after any message is the same on an instance with another seed."""
    whole = stream(make("--seed", "5", *QUICK), start_cursor(make("--seed", "5")))
    cursors = [message.next_cursor for message in whole]
    expected = without_time(whole)
    for position in (0, 30, 59):
        assert without_time(stream(make("--seed", "6", *QUICK), cursors[position])) == expected[position + 1 :]


def test_stream_of_some_namespaces() -> None:
    """With namespaces given, every operation is in one of them."""
    connector = make(*QUICK)
    wanted = {"db1.col1", "db9.col2"}
    messages = stream(connector, start_cursor(connector), *wanted)
    assert len(messages) == 60
    assert {message.namespace for message in messages} <= wanted


def test_stream_ends_when_cancelled() -> None:
    """A stream that waits an hour for its next operation ends when the caller is gone."""
    connector = make("--interval", "1h", "--duration", "10h")
    context = CallContext()
    request = StreamUpdatesRequest(type=DATA_TYPE_MONGO_BSON, cursor=start_cursor(connector))
    seen: list[StreamUpdatesResponse] = []
    reader = threading.Thread(target=lambda: seen.extend(connector.stream_updates(request, context)), daemon=True)
    reader.start()
    context.cancel()
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert seen == []


@pytest.mark.parametrize("option", ["--interval=0s", "--duration=-1s", "--docs-per-partition=-1", "--seed=x"])
def test_bad_options(option: str) -> None:
    """An invalid value is a usage error that names the option."""
    with pytest.raises(UsageError, match=option.partition("=")[0]):
        make(option)
