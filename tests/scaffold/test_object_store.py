"""The rendered S3 connector on a real server: every kind of id and document, and the server's possible answers."""

import datetime
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import bson
import obstore
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from obstore.store import S3Store

from dsync_kit.client import LocalClient
from dsync_kit.connector import Connector
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, FailedPrecondition, NotFound, PermissionDenied, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    DataType,
    GeneratePlanRequest,
    GetByIdsRequest,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.registry import load_folder
from dsync_kit.scaffold.rendering import Answers
from dsync_kit.testing.seaweedfs import SeaweedFS

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID
Open = Callable[..., LocalClient]

# Ids that look alike are different documents.
IDS: tuple[object, ...] = (
    *("", "5", "a", "A", "a/b", "../a", ".", "..", " ", "%2F", "=2f", "\\", "\0", "\n", "é", "e\u0301", "😀", "x.json"),
    *("long" * 100, "long" * 100 + "!", "%" * 1000),
    *(5, Int64(5), 5.0, Decimal128("5"), Decimal128("5.0"), 0, 0.0, -0.0, -5, 1e300, 5e-324),
    *(float("nan"), float("inf"), float("-inf"), 2**31 - 1, Int64(2**63 - 1), Int64(-(2**63))),
    *(ObjectId("65f1a0c2e4b0a1b2c3d4e5f6"), "65f1a0c2e4b0a1b2c3d4e5f6", True, False, "true", None, "null"),
    *(datetime.datetime(2024, 1, 1), Int64(1704067200000), bson.DatetimeMS(2**62), bson.DatetimeMS(-(2**62))),
    *(b"", b"5", Binary(b"5", 4), Binary(b"5", 128), Timestamp(5, 0), MinKey(), MaxKey(), Code("5"), Regex("5", "i")),
    *({}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": Int64(1), "b": 2}, {"a": {"a": "x" * 300}}, [], [5]),
)
VALUES: tuple[object, ...] = (
    *IDS,
    {"$oid": "not one"},
    {"$numberInt": "5"},
    {"$date": 5},
    {"$bson": "x"},
    {"": {"": []}},
)


def raw(kind: int, value: bytes, number: int) -> bytes:
    """A BSON document with a value that pymongo does not write."""
    body = b"\x10_id\0" + struct.pack("<i", number) + bytes([kind]) + b"v\0" + value + b"\0"
    return struct.pack("<i", len(body) + 4) + body


RAW = (
    raw(0x06, b"", 1),  # undefined
    raw(0x0E, struct.pack("<i", 7) + b"symbol\0", 2),
    raw(0x0C, struct.pack("<i", 2) + b"c\0" + bytes(12), 3),  # DBPointer
    raw(0x0B, b"a\0zyx\0", 4),  # a regular expression with options that nobody knows
    raw(0x05, struct.pack("<i", 7) + b"\x02" + struct.pack("<i", 3) + b"old", 5),  # the old kind of binary
    raw(0x13, b"\xff" * 16, 6),  # a decimal NaN, in one of its many encodings
    raw(0x0F, struct.pack("<i", 25) + struct.pack("<i", 5) + b"f(x)\0" + bson.encode({"x": 1}), 7),
)
JSON_DOCUMENTS = (
    *(json.dumps({"id": text, "v": 1}).encode() for text in IDS if type(text) is str),
    *(f'{{"id":{number}}}'.encode() for number in (5, -5, 0.5, 9223372036854775807, "true", "false")),
    b' {"v" : 1.10, "big": 123456789012345678901234567890, "id":\n"spaced", "v": 2 } ',
    '{"id":"unescaped é","\\u00e9":"\\ud83d\\ude00"}'.encode(),
)


@pytest.fixture(scope="module")
def folder(rendered: Callable[[Answers], Path]) -> Path:
    """The connector's folder."""
    return rendered(Answers(scheme="s3"))


@pytest.fixture
def open_connector(folder: Path, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens connectors of a bucket, which are closed at the end; extra options precede those of the server."""
    registered = load_folder(folder)
    opened: list[Connector] = []
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    def open_one(bucket: str, *options: str) -> LocalClient:
        words = [
            f"s3://{bucket}/some/prefix",
            f"--endpoint={seaweedfs.endpoint}",
            f"--access-key-id={seaweedfs.access_key_id}",
            f"--secret-access-key={seaweedfs.secret_access_key}",
            "--timeout=2s",
            *options,
        ]
        settings, rest = registered.settings.parse(words, {})
        assert rest == []
        opened.append(registered.create(settings))
        return LocalClient(opened[-1])

    yield open_one
    for connector in opened:
        connector.teardown()


def listed(client: LocalClient, namespace: str, data_type: DataType) -> list[bytes]:
    """The documents of all pages of all partitions."""
    found: list[bytes] = []
    for planned in client.generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True)).partitions:
        partition, cursor = Partition(namespace=namespace, cursor=planned.cursor), b""
        while True:
            page = client.list_data(ListDataRequest(partition=partition, type=data_type, cursor=cursor))
            found += page.data
            cursor = page.next_cursor
            if not cursor:
                break
    return found


def test_files_of_other_tools_are_read_from_a_versioned_bucket(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """Its server names a version of each object when it is read, and none when objects are listed."""
    bucket = seaweedfs.make_bucket(versioned=True)
    client = open_connector(bucket)
    client.write_data(WriteDataRequest(namespace="shop", data=[b'{"id":"ours"}'], type=JSON))
    config = {"access_key_id": seaweedfs.access_key_id, "secret_access_key": seaweedfs.secret_access_key}
    store = S3Store(bucket, endpoint=seaweedfs.endpoint, client_options={"allow_http": True}, **config)
    obstore.put(store, "some/prefix/shop/export.jsonl", b'{"id":"a"}\n{"id":"b"}\n')
    assert sorted(listed(client, "shop", JSON)) == [b'{"id":"a"}', b'{"id":"b"}', b'{"id":"ours"}']


@pytest.mark.parametrize(
    ("documents", "data_type"),
    [
        pytest.param([bson.encode({"_id": value, "n": n}) for n, value in enumerate(IDS)], BSON, id="bson-ids"),
        pytest.param([bson.encode({"_id": n, "v": value}) for n, value in enumerate(VALUES)], BSON, id="bson-values"),
        pytest.param(list(RAW), BSON, id="bson-rare"),
        pytest.param(list(JSON_DOCUMENTS), JSON, id="json"),
    ],
)
def test_everything_comes_back_as_the_bytes_it_was(
    open_connector: Open, seaweedfs: SeaweedFS, documents: list[bytes], data_type: DataType
) -> None:
    """Listed in small pages, counted, found by id, and gone when deleted."""
    client = open_connector(seaweedfs.make_bucket(), "--page-size=7")
    namespace = "shop.Orders/é"
    for _ in range(2):  # a page may be sent again
        client.write_data(WriteDataRequest(namespace=namespace, data=documents, type=data_type))
    # Line breaks between the tokens of JSON become spaces.
    documents = [document.replace(b"\n", b" ") if data_type == JSON else document for document in documents]
    assert sorted(listed(client, namespace, data_type)) == sorted(documents)
    assert client.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=namespace)).count == len(documents)
    ids = [id_of(document, data_type) for document in documents]
    wanted = [GetByIdsRequest.IdRequest(id=parts) for parts in ids]
    answer = client.get_by_ids(GetByIdsRequest(namespace=namespace, ids=wanted, type=data_type))
    assert [item.data for item in answer.data] == documents
    deletes = [Update(id=parts, type=UPDATE_TYPE_DELETE) for parts in ids]
    client.write_updates(WriteUpdatesRequest(namespace=namespace, updates=deletes, type=data_type))
    assert listed(client, namespace, data_type) == []


def objects(seaweedfs: SeaweedFS, bucket: str) -> S3Store:
    """The bucket as other clients see it."""
    return S3Store(
        bucket,
        endpoint=seaweedfs.endpoint,
        access_key_id=seaweedfs.access_key_id,
        secret_access_key=seaweedfs.secret_access_key,
        client_options={"allow_http": True},
    )


def test_any_client_can_read_the_bucket(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """As the README says: a folder for the namespace, a numbered file for each page, a line for each document."""
    bucket = seaweedfs.make_bucket()
    client = open_connector(bucket)
    documents = [bson.encode({"_id": 7, "n": "é"}), bson.encode({"_id": 8})]
    client.write_data(WriteDataRequest(namespace="shop.orders", data=documents, type=BSON))
    found = obstore.get(objects(seaweedfs, bucket), "some/prefix/shop.orders/000000000001.jsonl")
    lines = '{"_id":{"$numberInt":"7"},"n":"é"}\n{"_id":{"$numberInt":"8"}}\n'
    assert bytes(found.bytes()) == lines.encode()
    assert found.attributes == {"Content-Type": "application/x-ndjson"}


def test_a_bucket_of_the_old_layout_is_refused(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """With advice, whether it is read or written, because its objects are not files of rows."""
    bucket = seaweedfs.make_bucket()
    key = "some/prefix/shop.orders/6/int32-7.ejson"
    obstore.put(objects(seaweedfs, bucket), key, b'{"_id": {"$numberInt": "7"}}')
    client = open_connector(bucket)
    with pytest.raises(FailedPrecondition, match=r"one object for each document, .*: copy"):
        client.write_data(WriteDataRequest(namespace="shop.orders", data=[bson.encode({"_id": 1})], type=BSON))
    with pytest.raises(FailedPrecondition, match=r"shop.orders/6/int32-7.ejson"):
        listed(client, "shop.orders", BSON)


def test_a_plan_without_names_finds_every_namespace(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """Only below the prefix, with the names as written."""
    bucket = seaweedfs.make_bucket()
    client = open_connector(bucket)
    namespaces = ["a", "A", "a.b", "a.b.c", "..", "a/b", "a//b", "/a", "a\\b", "é", "x" * 255, "\n"]
    for namespace in namespaces:
        client.write_data(WriteDataRequest(namespace=namespace, data=[b'{"id":1}'], type=JSON))
    plan = open_connector(bucket).generate_plan(GeneratePlanRequest(initial_sync=True))
    assert {partition.namespace for partition in plan.partitions} == set(namespaces)
    assert all(listed(client, namespace, JSON) == [b'{"id":1}'] for namespace in namespaces)


def failure(client: LocalClient) -> ConnectorError:
    """The error of a write; reading must fail in the same way."""
    with pytest.raises(ConnectorError) as reading:
        listed(client, "a", JSON)
    with pytest.raises(ConnectorError) as writing:
        client.write_data(WriteDataRequest(namespace="a", data=[b'{"id":1}'], type=JSON))
    assert type(reading.value) is type(writing.value)
    return writing.value


def test_what_the_server_refuses_is_reported(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """A missing bucket and a wrong secret are final errors, and the message does not show the secret."""
    missing = failure(open_connector("no-such-bucket"))
    assert isinstance(missing, NotFound)
    assert missing.message.startswith("s3://no-such-bucket/some/prefix: NoSuchBucket: ")
    denied = failure(open_connector(seaweedfs.make_bucket(), "--secret-access-key=very-wrong"))
    assert isinstance(denied, PermissionDenied)
    assert "SignatureDoesNotMatch" in denied.message
    assert "very-wrong" not in denied.message


def test_an_outage_is_retryable_and_passes(open_connector: Open, seaweedfs: SeaweedFS) -> None:
    """What was acknowledged before it is there after it; GetInfo answers all the time."""
    client = open_connector(seaweedfs.make_bucket())
    client.write_data(WriteDataRequest(namespace="a", data=[b'{"id":0}'], type=JSON))
    with seaweedfs.outage():
        assert isinstance(failure(client), Unavailable)
        assert client.get_info(GetInfoRequest()).db_type == "s3"
    assert listed(client, "a", JSON) == [b'{"id":0}']


def test_the_id_differs_from_place_to_place(open_connector: Open) -> None:
    """It is the same for each connector of a place, and has no credentials."""
    one, same, other = (open_connector(bucket).get_info(GetInfoRequest()).id for bucket in ("one", "one", "other"))
    assert one == same
    assert one != other
