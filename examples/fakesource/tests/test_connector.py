"""What `/dev/fakesource` lists and streams."""

import json
import threading
import time
from itertools import islice
from pathlib import Path

import bson
import pytest

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext, Connector
from dsync_kit.documents import decode_id
from dsync_kit.errors import InvalidArgument, NotFound, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_UPDATE,
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
)
from dsync_kit.registry import load_folder

CONNECTOR = load_folder(Path(__file__).parents[1])
QUICK = ("--stream-tick", "1ms")


def make(*options: str) -> Connector:
    settings, rest = CONNECTOR.settings.parse(["/dev/fakesource", *options], {})
    assert rest == []
    return CONNECTOR.create(settings)


def plan(connector: Connector, *namespaces: str) -> GeneratePlanResponse:
    return connector.generate_plan(GeneratePlanRequest(namespaces=namespaces, initial_sync=True, updates=True))


def pages(connector: Connector, partition: Partition, data_type: DataType = DATA_TYPE_JSON_ID) -> list[list[bytes]]:
    found = []
    cursor = b""
    while True:
        page = connector.list_data(ListDataRequest(partition=partition, type=data_type, cursor=cursor))
        found.append(list(page.data))
        cursor = page.next_cursor
        if not cursor:
            return found


def stream(connector: Connector, cursor: bytes, messages: int, *namespaces: str) -> list[StreamUpdatesResponse]:
    request = StreamUpdatesRequest(namespaces=namespaces, type=DATA_TYPE_JSON_ID, cursor=cursor)
    return list(islice(LocalClient(connector).stream_updates(request), messages))


def revisions(messages: list[StreamUpdatesResponse]) -> list[tuple[str, str, int]]:
    found = []
    for message in messages:
        for update in message.updates:
            document = json.loads(update.data)
            assert decode_id(update.id[0]) == document["id"]
            assert document["namespace"] == message.namespace
            assert update.type == UPDATE_TYPE_UPDATE
            found.append((message.namespace, document["id"], document["revision"]))
    return found


def test_what_there_is_without_options() -> None:
    """Two namespaces of 3 partitions of 1,000 documents, in pages of 150; ids like 0-000, unique in a namespace."""
    connector = make()
    found = plan(connector)
    assert [partition.namespace for partition in found.partitions] == ["ns0"] * 3 + ["ns1"] * 3
    for namespace in ("ns0", "ns1"):
        listed = [pages(connector, partition) for partition in found.partitions if partition.namespace == namespace]
        assert [[len(page) for page in partition] for partition in listed] == [[150] * 6 + [100]] * 3
        documents = [json.loads(document) for partition in listed for page in partition for document in page]
        assert len({document["id"] for document in documents}) == 3000
        assert documents[0] == {"id": "0-000", "namespace": namespace, "partition": 0, "number": 0}
        assert documents[-1]["id"] == "2-999"


def test_metadata_is_exact() -> None:
    """The count is the number of listed documents."""
    connector = make("--num-docs-per-partition", "7", "--num-partitions-per-namespace", "5")
    assert connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="ns1")).count == 35
    with pytest.raises(NotFound, match="no namespace 'ns2': there are 'ns0' to 'ns1'"):
        connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="ns2"))


def test_types() -> None:
    """JSON is preferred; a BSON document is the same, with _id for id."""
    connector = make("--payload", "colour:red:ish", "--payload-json", '{"tags": ["a", 1]}')
    assert list(connector.get_info(GetInfoRequest()).capabilities.source.supported_data_types) == [
        DATA_TYPE_JSON_ID,
        DATA_TYPE_MONGO_BSON,
    ]
    partition = plan(connector).partitions[0]
    as_json = json.loads(pages(connector, partition)[0][5])
    as_bson = bson.decode(pages(connector, partition, DATA_TYPE_MONGO_BSON)[0][5])
    assert as_json["colour"] == "red:ish"
    assert as_json["tags"] == ["a", 1]
    assert as_bson == {"_id": as_json.pop("id"), **as_json}


def test_id_follows_from_the_documents() -> None:
    """Options that shape the documents change the id, options of delivery do not; there is always an id."""

    def identity(*options: str) -> str:
        return make(*options).get_info(GetInfoRequest()).id

    assert identity()
    assert identity() == identity("--batch-size", "7", "--stream-tick", "5s", "--sleep", "1s")
    others = {identity("--num-namespaces", "3"), identity("--payload", "a:b"), identity("--payload-json", '{"a": "c"}')}
    assert len({identity(), *others}) == 4


def test_operations_go_on_from_a_cursor_on_another_instance() -> None:
    """The stream after any message is the same on another instance, revisions count up, namespaces take turns."""
    cursor = plan(make()).updates_partitions[0].cursor
    whole = stream(make(*QUICK, "--max-updates-per-tick", "15"), cursor, 8)
    assert [revision for _, _, revision in revisions(whole)] == list(range(1, sum(map(len, revisions_of(whole))) + 1))
    assert {message.namespace for message in whole} == {"ns0", "ns1"}
    rest = stream(make(*QUICK, "--max-updates-per-tick", "15"), whole[2].next_cursor, 5)
    assert revisions(rest) == revisions(whole[3:])


def revisions_of(messages: list[StreamUpdatesResponse]) -> list[list[tuple[str, str, int]]]:
    return [revisions([message]) for message in messages]


def test_stream_of_one_namespace() -> None:
    """Updates of other namespaces are left out, but the messages' cursors still move on."""
    connector = make(*QUICK)
    messages = stream(connector, plan(connector).updates_partitions[0].cursor, 6, "ns1")
    assert {namespace for namespace, _, _ in revisions(messages)} == {"ns1"}
    assert len(revisions(messages)) == 30


def test_updates_partitions_share_the_documents() -> None:
    """With two updates partitions for each namespace there are four, and no document is updated by two of them."""
    connector = make(*QUICK, "--num-update-partitions-per-namespace", "2", "--num-docs-per-partition", "5")
    partitions = plan(connector).updates_partitions
    assert [list(partition.namespaces) for partition in partitions] == [["ns0"], ["ns0"], ["ns1"], ["ns1"]]
    touched = [
        {(namespace, key) for namespace, key, _ in revisions(stream(connector, partition.cursor, 20))}
        for partition in partitions
    ]
    assert sum(map(len, touched)) == len(set.union(*touched)) == 30


def test_a_stream_ends_when_cancelled_or_in_time() -> None:
    """A stream that waits for an hour ends when its caller is gone; with --update-duration it ends by itself."""
    connector = make("--stream-tick", "1h")
    context = CallContext()
    request = StreamUpdatesRequest(type=DATA_TYPE_JSON_ID, cursor=plan(connector).updates_partitions[0].cursor)
    reader = threading.Thread(target=lambda: list(connector.stream_updates(request, context)), daemon=True)
    reader.start()
    context.cancel()
    reader.join(timeout=30)
    assert not reader.is_alive()
    brief = make(*QUICK, "--update-duration", "50ms")
    assert list(brief.stream_updates(request, CallContext()))


def test_without_documents_there_are_no_updates() -> None:
    """A source without documents streams nothing, and ends in time."""
    connector = make(*QUICK, "--num-docs-per-partition", "0", "--update-duration", "20ms")
    assert stream(connector, plan(connector).updates_partitions[0].cursor, 5) == []


def test_teardown_ends_a_sleep() -> None:
    """A page delayed by an hour comes at once when the connector is torn down."""
    connector = make("--sleep", "1h", "--jitter", "1h")
    partition = plan(connector).partitions[0]
    reader = threading.Thread(target=pages, args=(connector, partition), daemon=True)
    reader.start()
    time.sleep(0.05)
    assert reader.is_alive()
    connector.teardown()
    reader.join(timeout=30)
    assert not reader.is_alive()


def test_cursors_of_something_else() -> None:
    """A cursor of another kind, or of a missing partition, is INVALID_ARGUMENT."""
    connector = make()
    first, second = plan(connector).partitions[:2]
    page = connector.list_data(ListDataRequest(partition=first, type=DATA_TYPE_JSON_ID))
    with pytest.raises(InvalidArgument, match="is of partition 0, not 1"):
        connector.list_data(ListDataRequest(partition=second, type=DATA_TYPE_JSON_ID, cursor=page.next_cursor))
    with pytest.raises(InvalidArgument, match="not a PartitionCursor"):
        connector.list_data(ListDataRequest(partition=Partition(namespace="ns0"), type=DATA_TYPE_JSON_ID))
    with pytest.raises(InvalidArgument, match="there is no partition 2"):
        pages(make("--num-partitions-per-namespace", "2"), plan(make()).partitions[2])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--num-namespaces=0", "--num-namespaces"),
        ("--stream-tick=0", "--stream-tick"),
        ("--payload=novalue", "expected KEY:VALUE"),
        ("--payload=id:5", "'id', which every document has"),
        ("--payload-json=[1]", "expected a JSON object, not list"),
        ("--payload-json={", "not a JSON object"),
    ],
)
def test_bad_options(option: str, message: str) -> None:
    """An invalid value causes a usage error that says what was expected."""
    with pytest.raises(UsageError, match=message):
        make(option)
