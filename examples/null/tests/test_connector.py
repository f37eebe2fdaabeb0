"""What `/dev/null` does with documents and updates."""

import json
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any

import bson
import pytest

from dsync_kit.connector import Connector
from dsync_kit.documents import encode_id
from dsync_kit.errors import InvalidArgument, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.registry import load_folder

CONNECTOR = load_folder(Path(__file__).parents[1])


def make(*options: str) -> Connector:
    settings, rest = CONNECTOR.settings.parse(["/dev/null", *options], {})
    assert rest == []
    return CONNECTOR.create(settings)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_registration() -> None:
    """It is found only by its exact name."""
    assert CONNECTOR.matches("/dev/null")
    assert not any(CONNECTOR.matches(word) for word in ("/dev/nul", "/DEV/NULL", "null", "null://x"))


def test_get_info() -> None:
    """It is only a sink, accepts both types, and has no id unless an option sets it."""
    info = make().get_info(GetInfoRequest())
    assert (info.db_type, info.id) == ("null", "")
    assert not info.capabilities.HasField("source")
    assert list(info.capabilities.sink.supported_data_types) == [DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID]
    assert make("--id", "n1").get_info(GetInfoRequest()).id == "n1"


def test_namespaces_are_empty() -> None:
    """Whatever was written, there are no documents."""
    connector = make()
    connector.write_data(WriteDataRequest(namespace="a.b", type=DATA_TYPE_JSON_ID, data=[b'{"id":1}']))
    assert connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace="a.b")).count == 0


def test_silent_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --log-json nothing is printed, and malformed documents are accepted, too."""
    connector = make()
    connector.write_data(WriteDataRequest(namespace="a", type=DATA_TYPE_MONGO_BSON, data=[b"\xff"]))
    connector.write_updates(
        WriteUpdatesRequest(namespace="a", type=DATA_TYPE_JSON_ID, updates=[Update(type=UPDATE_TYPE_INSERT)])
    )
    assert lines(capsys) == []


@pytest.mark.parametrize("rpc", ["write_data", "write_updates"])
def test_undeclared_type_is_refused(rpc: str) -> None:
    """A type that GetInfo does not list is INVALID_ARGUMENT."""
    request = {"write_data": WriteDataRequest, "write_updates": WriteUpdatesRequest}[rpc]
    with pytest.raises(
        InvalidArgument, match=r"unsupported data type 0: expected .*MONGO_BSON \(1\) or .*JSON_ID \(2\)"
    ):
        getattr(make(), rpc)(request(namespace="a", type=DATA_TYPE_UNKNOWN))


def test_log_of_bson_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """Each document is a line, BSON as relaxed Extended JSON, with its place in the page and its size."""
    key = bson.ObjectId("0123456789abcdef01234567")
    pages = [bson.encode({"_id": key, "n": bson.Int64(5), "b": b"\0"}), bson.encode({"_id": 2, "x": float("nan")})]
    make("--log-json").write_data(WriteDataRequest(namespace="a.b", type=DATA_TYPE_MONGO_BSON, data=pages))
    assert lines(capsys) == [
        {
            "msg": "write-data",
            "i": 0,
            "namespace": "a.b",
            "data": {"_id": {"$oid": str(key)}, "n": 5, "b": {"$binary": {"base64": "AA==", "subType": "00"}}},
            "size": len(pages[0]),
        },
        {
            "msg": "write-data",
            "i": 1,
            "namespace": "a.b",
            "data": {"_id": 2, "x": {"$numberDouble": "NaN"}},
            "size": len(pages[1]),
        },
    ]


def test_log_of_json_documents_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON document stays as it came, even numbers beyond 64 bits, and on its line even if it has line breaks."""
    data = b'{\r\n "id": "\xc3\xa4",\n "n": 123456789012345678901234567890.10\n}'
    make("--log-json").write_data(WriteDataRequest(namespace="a", type=DATA_TYPE_JSON_ID, data=[data]))
    [line] = capsys.readouterr().out.splitlines()
    assert "123456789012345678901234567890.10" in line
    assert json.loads(line)["data"] == json.loads(data)
    assert json.loads(line)["size"] == len(data)


@pytest.mark.parametrize(
    ("data", "data_type"),
    [
        (b"", DATA_TYPE_MONGO_BSON),
        (bson.encode({"_id": 1})[:-1], DATA_TYPE_MONGO_BSON),
        (b"[1]", DATA_TYPE_JSON_ID),
        (b'{"id":"\xff"}', DATA_TYPE_JSON_ID),
        (b'{"id":NaN}', DATA_TYPE_JSON_ID),
        (b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}", DATA_TYPE_JSON_ID),
    ],
)
def test_log_of_what_is_not_a_document(capsys: pytest.CaptureFixture[str], data: bytes, data_type: DataType) -> None:
    """Malformed bytes are shown without loss, under a separate key."""
    make("--log-json").write_data(WriteDataRequest(namespace="a", type=data_type, data=[data]))
    [line] = lines(capsys)
    assert b64decode(line.pop("data_base64")) == data
    assert line == {"msg": "write-data", "i": 0, "namespace": "a", "size": len(data)}


def test_log_of_updates(capsys: pytest.CaptureFixture[str]) -> None:
    """Each update is a line; a DELETE has no data and no size; a partial one shows what it removes."""
    data = bson.encode({"_id": "k", "v": 1})
    updates = [
        Update(id=[encode_id("k")], type=UPDATE_TYPE_UPDATE, data=data),
        Update(id=[encode_id("k"), encode_id(2, "part")], type=UPDATE_TYPE_DELETE),
        Update(id=[encode_id("k")], type=UPDATE_TYPE_PARTIAL_UPDATE, data=data, partial_update_unset=["a", "b"]),
    ]
    make("--log-json").write_updates(WriteUpdatesRequest(namespace="a", type=DATA_TYPE_MONGO_BSON, updates=updates))
    document = {"data": {"_id": "k", "v": 1}, "size": len(data)}
    common = {"msg": "write-updates", "namespace": "a"}
    assert lines(capsys) == [
        {**common, "i": 0, "type": "UPDATE_TYPE_UPDATE", "id": "k", **document},
        {**common, "i": 1, "type": "UPDATE_TYPE_DELETE", "id": ["k", 2]},
        {**common, "i": 2, "type": "UPDATE_TYPE_PARTIAL_UPDATE", "id": "k", **document, "unset": ["a", "b"]},
    ]


def test_log_of_what_is_not_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    """A malformed id and an unknown update type are shown without loss."""
    update = Update.FromString(b"\x10\x63")  # type 99: proto3 hands on what it does not know
    update.MergeFrom(Update(id=[BsonValue(data=b"raw", type=2)], data=b"x"))
    make("--log-json").write_updates(WriteUpdatesRequest(namespace="a", type=DATA_TYPE_JSON_ID, updates=[update]))
    [line] = lines(capsys)
    assert line["type"] == 99
    assert line["id_base64"] == [{"type": 2, "data": "cmF3"}]
    assert line["data_base64"] == "eA=="


def test_lines_of_concurrent_writers_do_not_interleave(capfd: pytest.CaptureFixture[str]) -> None:
    """With eight writers at once, each line is still one JSON object, and none is lost."""
    connector = make("--log-json")
    data = [bson.encode({"_id": i, "text": "x" * 3000}) for i in range(50)]

    def write(number: int) -> None:
        request = WriteDataRequest(namespace=f"n{number}", type=DATA_TYPE_MONGO_BSON, data=data)
        connector.write_data(request)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seen = [(line["namespace"], line["i"]) for line in map(json.loads, capfd.readouterr().out.splitlines())]
    assert sorted(seen) == [(f"n{number}", i) for number in range(8) for i in range(50)]


def test_teardown_ends_a_sleep() -> None:
    """A write that sleeps for an hour returns when the connector is torn down."""
    connector = make("--sleep", "1h", "--sleep-jitter", "1h")
    request = WriteDataRequest(namespace="a", type=DATA_TYPE_JSON_ID, data=[b'{"id":1}'])
    writer = threading.Thread(target=connector.write_data, args=(request,), daemon=True)
    writer.start()
    assert writer.is_alive()
    connector.teardown()
    connector.teardown()
    writer.join(timeout=30)
    assert not writer.is_alive()


@pytest.mark.parametrize("option", ["--sleep=-1s", "--sleep-jitter=soon", "--sleep=1"])
def test_bad_durations(option: str) -> None:
    """An invalid or negative duration is a usage error that names the option."""
    with pytest.raises(UsageError, match=option.partition("=")[0]):
        make(option)
