"""What the reference connector does, call by call."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId

from dsync_kit.client import LocalClient
from dsync_kit.connector import CallContext, Connector
from dsync_kit.documents import decode, encode, encode_id, id_key, id_of
from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, UsageError
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UNKNOWN,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    GeneratePlanResponse,
    GetByIdsRequest,
    GetInfoRequest,
    GetNamespaceMetadataRequest,
    ListDataRequest,
    Partition,
    StreamLSNRequest,
    StreamUpdatesRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.registry import import_folder, load_folder

FOLDER = Path(__file__).parents[1]
CONNECTOR = load_folder(FOLDER)
STORE = import_folder(FOLDER, "store")
BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID
NAMESPACE = "db.collection"
TYPES = pytest.mark.parametrize("data_type", [BSON, JSON], ids=["bson", "json"])

Make = Callable[..., Connector]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes connectors from what a user would type, and tears them down."""
    made: list[Connector] = []

    def make(*words: str, store: Any = None) -> Connector:
        settings, rest = CONNECTOR.settings.parse(words or ["reference://"], {})
        assert rest == []
        made.append(import_folder(FOLDER, "connector").ReferenceConnector(settings, store))
        return made[-1]

    yield make
    for connector in made:
        connector.teardown()


def document(value: Any, data_type: DataType = BSON, **fields: Any) -> bytes:
    return encode({"_id" if data_type == BSON else "id": value, **fields}, data_type)


def write(connector: Connector, *documents: bytes, namespace: str = NAMESPACE, data_type: DataType = BSON) -> None:
    connector.write_data(WriteDataRequest(namespace=namespace, data=documents, type=data_type))


def update(
    kind: int, value: Any = None, data: bytes = b"", data_type: DataType = BSON, unset: Sequence[str] = ()
) -> Update:
    """An update with the id `value`, or that of its document."""
    parts = [encode_id(value, "_id" if data_type == BSON else "id")] if value is not None else id_of(data, data_type)
    return Update(id=parts, type=kind, data=data, partial_update_unset=unset)  # type: ignore[arg-type]


def apply(connector: Connector, *updates: Update, data_type: DataType = BSON) -> None:
    connector.write_updates(WriteUpdatesRequest(namespace=NAMESPACE, updates=updates, type=data_type))


def plan(connector: Connector, *namespaces: str) -> GeneratePlanResponse:
    return connector.generate_plan(GeneratePlanRequest(namespaces=namespaces, initial_sync=True, updates=True))


def pages(connector: Connector, partition: Partition, data_type: DataType = BSON) -> Iterator[list[bytes]]:
    stripped = Partition(namespace=partition.namespace, cursor=partition.cursor)
    cursor = b""
    while True:
        response = connector.list_data(ListDataRequest(partition=stripped, type=data_type, cursor=cursor))
        yield list(response.data)
        cursor = response.next_cursor
        if not cursor:
            return


def listed(connector: Connector, namespace: str = NAMESPACE, data_type: DataType = BSON) -> list[bytes]:
    partitions = plan(connector, namespace).partitions
    return [data for partition in partitions for page in pages(connector, partition, data_type) for data in page]


def count(connector: Connector, namespace: str = NAMESPACE) -> int:
    return connector.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=namespace)).count


def streamed(connector: Connector, cursor: bytes, number: int, *namespaces: str) -> list[tuple[str, Update]]:
    """The first `number` updates after the cursor."""
    context = CallContext()
    request = StreamUpdatesRequest(type=BSON, cursor=cursor, namespaces=namespaces)
    messages = connector.stream_updates(request, context)
    found = list(islice(((message.namespace, item) for message in messages for item in message.updates), number))
    context.cancel()
    assert list(messages) == []
    return found


class TestInfo:
    def test_it_is_a_source_and_a_sink_of_both_types(self, make: Make) -> None:
        info = make().get_info(GetInfoRequest())
        assert info.db_type == "reference"
        assert list(info.capabilities.source.supported_data_types) == [BSON, JSON]
        assert list(info.capabilities.sink.supported_data_types) == [BSON, JSON]

    def test_connectors_of_one_store_have_one_id(self, make: Make) -> None:
        store = STORE.Store()
        ids = [make(store=store).get_info(GetInfoRequest()).id for _ in range(2)]
        assert ids[0] == ids[1] != make().get_info(GetInfoRequest()).id

    def test_a_folder_keeps_its_id(self, make: Make, tmp_path: Path) -> None:
        ids = [make(f"reference://{tmp_path}").get_info(GetInfoRequest()).id for _ in range(2)]
        assert ids[0] == ids[1] != ""

    def test_a_host_is_refused_with_advice(self) -> None:
        with pytest.raises(UsageError, match="expected reference:// or reference:///path"):
            CONNECTOR.create(CONNECTOR.settings(uri="reference://host/path"))

    def test_a_file_of_something_else_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "journal").write_bytes(b"x" * 100)
        with pytest.raises(UsageError, match="not a file of the reference connector"):
            CONNECTOR.create(CONNECTOR.settings(uri=f"reference://{tmp_path}"))


class TestPlan:
    def test_an_unknown_namespace_is_one_empty_partition(self, make: Make) -> None:
        connector = make()
        (partition,) = plan(connector, "unknown").partitions
        assert list(pages(connector, partition)) == [[]]

    def test_without_namespaces_it_plans_all_that_there_are(self, make: Make) -> None:
        connector = make("reference://", "--partitions", "3")
        for namespace in ("one", "two"):
            write(connector, document(1), namespace=namespace)
        assert [partition.namespace for partition in plan(connector).partitions] == ["one"] * 3 + ["two"] * 3

    def test_a_namespace_asked_for_twice_is_planned_once(self, make: Make) -> None:
        assert len(plan(make(), "one", "one").partitions) == 1

    @pytest.mark.parametrize("initial_sync", [True, False])
    @pytest.mark.parametrize("updates", [True, False])
    def test_it_honours_both_flags(self, make: Make, initial_sync: bool, updates: bool) -> None:
        request = GeneratePlanRequest(namespaces=["one"], initial_sync=initial_sync, updates=updates)
        found = make().generate_plan(request)
        assert (bool(found.partitions), len(found.updates_partitions)) == (initial_sync, int(updates))

    def test_the_cursors_work_on_another_instance(self, make: Make, tmp_path: Path) -> None:
        uri = f"reference://{tmp_path}"
        connector = make(uri, "--partitions", "2")
        write(connector, *map(document, range(50)))
        planned = plan(connector, NAMESPACE)
        other = make(uri, "--partitions", "7", "--page-size", "3")
        found = [data for partition in planned.partitions for page in pages(other, partition) for data in page]
        assert sorted(found) == sorted(map(document, range(50)))


class TestList:
    @pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250])
    def test_every_document_is_listed_once(self, make: Make, size: int) -> None:
        connector = make()
        documents = [document(f"id {number}") for number in range(size)]
        write(connector, *documents)
        assert sorted(listed(connector)) == sorted(documents)

    def test_no_page_is_larger_than_its_size_and_none_is_empty(self, make: Make) -> None:
        connector = make("reference://", "--page-size", "10", "--partitions", "1")
        write(connector, *map(document, range(30)))
        (partition,) = plan(connector, NAMESPACE).partitions
        assert [len(page) for page in pages(connector, partition)] == [10, 10, 10]

    def test_large_documents_make_small_pages(self, make: Make) -> None:
        connector = make("reference://", "--partitions", "1")
        write(connector, *(document(number, filler="x" * (5 << 20)) for number in range(3)))
        (partition,) = plan(connector, NAMESPACE).partitions
        assert [len(page) for page in pages(connector, partition)] == [1, 1, 1]

    def test_it_does_not_chase_documents_that_are_inserted_meanwhile(self, make: Make) -> None:
        connector = make("reference://", "--page-size", "1", "--partitions", "1")
        write(connector, *map(document, range(5)))
        (partition,) = plan(connector, NAMESPACE).partitions
        found = []
        for number, page in enumerate(pages(connector, partition)):
            found += page
            write(connector, *(document(f"{number} {other}") for other in range(20)))
        assert sorted(found) == sorted(map(document, range(5)))

    def test_documents_of_the_other_type_are_converted(self, make: Make) -> None:
        connector = make("reference://", "--page-size", "3")
        write(connector, *(document(f"bson {number}") for number in range(10)))
        write(connector, *(document(f"json {number}", JSON) for number in range(10)), data_type=JSON)
        values = sorted(f"{kind} {number}" for kind in ("bson", "json") for number in range(10))
        assert sorted(decode(found, BSON)["_id"] for found in listed(connector)) == values
        assert sorted(decode(found, JSON)["id"] for found in listed(connector, data_type=JSON)) == values
        assert count(connector) == 20

    def test_what_cannot_be_converted_is_not_lost_silently(self, make: Make) -> None:
        connector = make()
        write(connector, document(1, id="beside _id"))
        with pytest.raises(InvalidArgument, match="cannot convert it to DATA_TYPE_JSON_ID"):
            listed(connector, data_type=JSON)

    def test_an_id_is_that_of_one_document_whatever_its_type(self, make: Make) -> None:
        connector = make()
        write(connector, document("a", x=1))
        apply(connector, update(UPDATE_TYPE_PARTIAL_UPDATE, "a", b'{"y":2}', JSON), data_type=JSON)
        assert count(connector) == 1
        assert decode(listed(connector)[0], BSON) == {"_id": "a", "x": 1, "y": 2}
        apply(connector, update(UPDATE_TYPE_DELETE, "a"))
        assert count(connector) == 0

    @pytest.mark.parametrize("cursor", [b"", b"garbage", b"[]", b'["PageCursor",1,{}]', b"\xff"])
    def test_a_partition_cursor_that_is_not_ours_is_refused(self, make: Make, cursor: bytes) -> None:
        request = ListDataRequest(partition=Partition(namespace=NAMESPACE, cursor=cursor), type=BSON)
        with pytest.raises(InvalidArgument, match="not a PartitionCursor"):
            make().list_data(request)

    def test_a_page_cursor_of_another_partition_is_refused(self, make: Make) -> None:
        connector = make("reference://", "--page-size", "1")
        write(connector, *map(document, range(20)))
        one, other = plan(connector, NAMESPACE).partitions
        cursor = connector.list_data(ListDataRequest(partition=one, type=BSON)).next_cursor
        with pytest.raises(InvalidArgument, match="of partition 0, not 1"):
            connector.list_data(ListDataRequest(partition=other, type=BSON, cursor=cursor))


class TestWrite:
    @TYPES
    def test_the_bytes_come_back_as_they_were_given(self, make: Make, data_type: DataType) -> None:
        connector = make()
        data = document("a", data_type, z=1, a=[1.0, {"y": None, "b": True}])
        if data_type == JSON:
            data = data.replace(b":", b" :  ")
        write(connector, data, data_type=data_type)
        assert listed(connector, data_type=data_type) == [data]

    def test_writing_again_overwrites_by_id(self, make: Make) -> None:
        connector = make()
        write(connector, document(1, x=1), document(2), document(1, x=2))
        write(connector, document(2, x=3))
        assert sorted(listed(connector)) == sorted([document(1, x=2), document(2, x=3)])
        assert count(connector) == 2

    def test_bson_ids_of_different_types_are_different_ids(self, make: Make) -> None:
        connector = make()
        ids = [5, Int64(5), 5.0, "5", ObjectId(b"5" * 12), {"five": 5}, True, None]
        write(connector, *map(document, ids))
        assert count(connector) == len(ids)

    def test_json_numbers_of_one_value_are_one_id(self, make: Make) -> None:
        connector = make()
        write(connector, b'{"id":5}', b'{"id":5.0}', b'{"id":"5"}', data_type=JSON)
        assert sorted(listed(connector, data_type=JSON)) == [b'{"id":"5"}', b'{"id":5.0}']

    @pytest.mark.parametrize(
        ("data_type", "bad", "message"),
        [
            (BSON, b"", "not a BSON document"),
            (BSON, b"{}", "not a BSON document"),
            (BSON, document(1) + b"\0", "not a BSON document"),
            (BSON, document(1, x="\u00e9").replace(b"\xc3\xa9", b"\xff\xff"), "not a BSON document"),
            (BSON, bson.encode({"id": 1}), "no _id"),
            (JSON, b"", "not a JSON object"),
            (JSON, b'{"id": 1', "not a JSON object"),
            (JSON, b"[1]", "not a JSON object"),
            (JSON, b'{"_id": 1}', "no id"),
            (JSON, b'{"id": null}', "no id"),
            (JSON, b'{"id": 1e300}', "does not fit 64 bits"),
        ],
    )
    def test_a_bad_document_is_refused_with_its_whole_page(
        self, make: Make, data_type: DataType, bad: bytes, message: str
    ) -> None:
        connector = make()
        with pytest.raises(InvalidArgument, match=message):
            write(connector, document("good", data_type), bad, data_type=data_type)
        assert count(connector) == 0

    def test_an_unknown_type_and_an_empty_namespace_are_refused(self, make: Make) -> None:
        with pytest.raises(InvalidArgument, match="unsupported data type 0"):
            write(make(), document(1), data_type=DATA_TYPE_UNKNOWN)
        with pytest.raises(InvalidArgument, match="namespace is empty"):
            write(make(), document(1), namespace="")

    def test_writers_at_once_lose_nothing(self, make: Make, tmp_path: Path) -> None:
        connectors = [make(f"reference://{tmp_path}") for _ in range(2)]

        def run(worker: int) -> None:
            for number in range(25):
                write(connectors[worker % 2], document(f"{worker} {number}"))

        threads = [threading.Thread(target=run, args=[worker]) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [count(connector) for connector in connectors] == [100, 100]


class TestUpdates:
    @TYPES
    def test_order_decides(self, make: Make, data_type: DataType) -> None:
        connector = make()
        one, two, three = (document("a", data_type, x=number) for number in range(3))
        apply(
            connector,
            update(UPDATE_TYPE_INSERT, data=one, data_type=data_type),
            update(UPDATE_TYPE_DELETE, "a", data_type=data_type),
            update(UPDATE_TYPE_UPDATE, data=two, data_type=data_type),
            update(UPDATE_TYPE_INSERT, data=three, data_type=data_type),
            update(UPDATE_TYPE_DELETE, "missing", data_type=data_type),
            data_type=data_type,
        )
        assert listed(connector, data_type=data_type) == [three]

    @TYPES
    def test_a_partial_update_sets_and_removes_fields(self, make: Make, data_type: DataType) -> None:
        connector = make()
        write(connector, document("a", data_type, keep=1, change=2, remove=3), data_type=data_type)
        changes = encode({"change": [4], "new": 5}, data_type)
        partial = update(UPDATE_TYPE_PARTIAL_UPDATE, "a", changes, data_type, unset=["remove", "missing"])
        apply(connector, partial, data_type=data_type)
        (data,) = listed(connector, data_type=data_type)
        assert decode(data, data_type) == decode(document("a", data_type, keep=1, change=[4], new=5), data_type)

    @TYPES
    def test_a_partial_update_sees_the_updates_before_it(self, make: Make, data_type: DataType) -> None:
        connector = make()
        apply(
            connector,
            update(UPDATE_TYPE_INSERT, data=document("a", data_type, x=1, y=1), data_type=data_type),
            update(UPDATE_TYPE_PARTIAL_UPDATE, "a", encode({"x": 2}, data_type), data_type),
            update(UPDATE_TYPE_PARTIAL_UPDATE, "b", encode({"x": 3}, data_type), data_type),
            data_type=data_type,
        )
        found = [decode(data, data_type) for data in listed(connector, data_type=data_type)]
        field = "_id" if data_type == BSON else "id"
        assert sorted(found, key=lambda item: item[field]) == [{field: "a", "x": 2, "y": 1}, {field: "b", "x": 3}]

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (Update(type=UPDATE_TYPE_DELETE), "0 parts"),
            (Update(id=[encode_id(1), encode_id(2)], type=UPDATE_TYPE_DELETE), "2 parts"),
            (Update(id=[BsonValue(data=b"raw text", type=2)], type=UPDATE_TYPE_DELETE), "the id's data"),
            (Update(id=[BsonValue(data=b"", type=300)], type=UPDATE_TYPE_DELETE), "not a BSON value of type 300"),
            (update(UPDATE_TYPE_INSERT, Int64(1), document(1)), "is not its document's id"),
            (update(UPDATE_TYPE_INSERT, 1, b"garbage"), "not a BSON document"),
            (update(UPDATE_TYPE_UPDATE, 1), "not a BSON document"),
            (update(UPDATE_TYPE_UNKNOWN, 1, document(1)), "unsupported update type 0"),
            (update(9, 1, document(1)), "unsupported update type 9"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, 1, b"garbage"), "not a BSON document"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, 1, document(2)), "is not its document's id"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, 1, unset=["_id"]), "no _id"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, 1, unset=["a.b"]), "nested field 'a.b'"),
            (Update(id=[encode_id(1, "key")], type=UPDATE_TYPE_DELETE), "the id is named 'key'"),
        ],
    )
    def test_a_bad_update_is_refused_with_its_whole_call(self, make: Make, bad: Update, message: str) -> None:
        connector = make()
        with pytest.raises(InvalidArgument, match=message):
            apply(connector, update(UPDATE_TYPE_INSERT, data=document("good")), bad)
        assert count(connector) == 0


class TestStream:
    def test_the_listing_and_the_stream_together_give_the_state(self, make: Make) -> None:
        connector = make()
        write(connector, document(1), document(2))
        cursor = plan(connector, NAMESPACE).updates_partitions[0].cursor
        write(connector, document(3))
        apply(
            connector,
            update(UPDATE_TYPE_DELETE, 1),
            update(UPDATE_TYPE_PARTIAL_UPDATE, 2, encode({"x": 1}, BSON)),
        )
        found = [(namespace, item.type, item.data) for namespace, item in streamed(connector, cursor, 3)]
        assert found == [
            (NAMESPACE, UPDATE_TYPE_INSERT, document(3)),
            (NAMESPACE, UPDATE_TYPE_DELETE, b""),
            (NAMESPACE, UPDATE_TYPE_UPDATE, document(2, x=1)),
        ]

    def test_an_update_carries_the_id_that_its_document_has(self, make: Make) -> None:
        connector = make()
        cursor = plan(connector, NAMESPACE).updates_partitions[0].cursor
        write(connector, b'{"id":5.0}', data_type=JSON)
        apply(connector, update(UPDATE_TYPE_DELETE, 5, data_type=JSON), data_type=JSON)
        messages = connector.stream_updates(StreamUpdatesRequest(type=JSON, cursor=cursor), CallContext())
        insert, delete = next(messages).updates
        assert id_key(insert.id) == id_key(delete.id) == id_key([encode_id(5.0)])
        assert delete.id[0].name == "id"

    def test_updates_of_the_other_type_are_converted(self, make: Make) -> None:
        connector = make()
        cursor = plan(connector, NAMESPACE).updates_partitions[0].cursor
        write(connector, document("a", JSON, x=1), data_type=JSON)
        apply(connector, update(UPDATE_TYPE_DELETE, "a", data_type=JSON), data_type=JSON)
        (_, insert), (_, delete) = streamed(connector, cursor, 2)
        assert (insert.type, insert.data) == (UPDATE_TYPE_INSERT, document("a", x=1))
        assert (delete.type, delete.data) == (UPDATE_TYPE_DELETE, b"")
        assert list(insert.id) == list(delete.id) == [encode_id("a")]

    def test_only_the_namespaces_asked_for_are_streamed(self, make: Make) -> None:
        connector = make()
        cursor = plan(connector).updates_partitions[0].cursor
        for number, namespace in enumerate(["one", "two", "one", "three"]):
            write(connector, document(number), namespace=namespace)
        found = streamed(connector, cursor, 3, "one", "three")
        assert [(namespace, decode(item.data, BSON)["_id"]) for namespace, item in found] == [
            ("one", 0),
            ("one", 2),
            ("three", 3),
        ]

    def test_each_message_can_be_gone_on_from(self, make: Make) -> None:
        connector = make()
        cursor = plan(connector).updates_partitions[0].cursor
        write(connector, *map(document, range(1_200)))
        sizes = []
        for _ in range(3):
            message = next(connector.stream_updates(StreamUpdatesRequest(type=BSON, cursor=cursor), CallContext()))
            sizes.append(len(message.updates))
            cursor = message.next_cursor
        assert sizes == [500, 500, 200]

    @pytest.mark.parametrize("other_instance", [False, True])
    def test_a_write_wakes_it(self, make: Make, tmp_path: Path, other_instance: bool) -> None:
        uri = f"reference://{tmp_path}"
        connector = make(uri)
        writer = make(uri) if other_instance else connector
        cursor = plan(connector).updates_partitions[0].cursor
        timer = threading.Timer(0.1, write, [writer, document(1)])
        timer.start()
        assert [item.data for _, item in streamed(connector, cursor, 1)] == [document(1)]
        timer.join()

    @pytest.mark.parametrize("end", ["cancel", "teardown"])
    def test_it_ends_when_cancelled_and_with_the_connector(self, make: Make, end: str) -> None:
        connector = make()
        cursor = plan(connector).updates_partitions[0].cursor
        context = CallContext()
        timer = threading.Timer(0.1, context.cancel if end == "cancel" else connector.teardown)
        timer.start()
        assert list(connector.stream_updates(StreamUpdatesRequest(type=BSON, cursor=cursor), context)) == []
        timer.join()

    def test_a_cursor_of_another_store_is_refused(self, make: Make) -> None:
        cursor = plan(make()).updates_partitions[0].cursor
        with pytest.raises(FailedPrecondition, match="another store"):
            next(make().stream_updates(StreamUpdatesRequest(type=BSON, cursor=cursor), CallContext()))

    def test_lsn_counts_the_updates_since_its_cursor(self, make: Make) -> None:
        connector = make()
        write(connector, document(0))
        cursor = plan(connector).updates_partitions[0].cursor
        write(connector, document(1), document(2))
        write(connector, document(1), namespace="other")
        messages = connector.stream_lsn(StreamLSNRequest(namespaces=[NAMESPACE], cursor=cursor), CallContext())
        assert next(messages).lsn == 2
        apply(connector, update(UPDATE_TYPE_DELETE, 1))
        assert next(messages).lsn == 3


class TestGetByIds:
    def test_items_come_in_the_order_of_the_ids(self, make: Make) -> None:
        connector = make()
        write(connector, document(1), document("two"))
        ids = [GetByIdsRequest.IdRequest(id=[encode_id(value)]) for value in ("two", Int64(1), 1)]
        response = connector.get_by_ids(GetByIdsRequest(namespace=NAMESPACE, ids=ids, type=BSON))
        assert [item.data for item in response.data] == [document("two"), b"", document(1)]


class TestFolder:
    def test_everything_is_there_after_a_restart(self, make: Make, tmp_path: Path) -> None:
        uri = f"reference://{tmp_path}"
        connector = make(uri)
        cursor = plan(connector).updates_partitions[0].cursor
        write(connector, document(1), document(2))
        apply(connector, update(UPDATE_TYPE_DELETE, 1))
        connector.teardown()
        again = make(uri)
        assert listed(again) == [document(2)]
        assert len(streamed(again, cursor, 3)) == 3

    def test_half_a_record_is_ignored_and_overwritten(self, make: Make, tmp_path: Path) -> None:
        uri = f"reference://{tmp_path}"
        write(make(uri), document(1))
        with (tmp_path / "journal").open("ab") as journal:
            journal.write(b"\x40\0\0\0half")
        write(make(uri), document(2))
        assert sorted(listed(make(uri))) == sorted([document(1), document(2)])

    def test_what_was_answered_survives_a_kill(self, make: Make, tmp_path: Path) -> None:
        script = (
            "import sys; from pathlib import Path; from dsync_kit.registry import load_folder\n"
            "from dsync_kit.protocol import WriteDataRequest\n"
            "known = load_folder(Path(sys.argv[1]))\n"
            "connector = known.create(known.settings(uri=sys.argv[2]))\n"
            "connector.write_data(WriteDataRequest(namespace='db.collection', type=2, data=[b'{\"id\":1}']))\n"
            "print('written', flush=True); sys.stdin.read()\n"
        )
        uri = f"reference://{tmp_path}"
        with subprocess.Popen(
            [sys.executable, "-c", script, str(FOLDER), uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"written\n"
            os.kill(process.pid, signal.SIGKILL)
        assert listed(make(uri), data_type=JSON) == [b'{"id":1}']

    def test_teardown_may_come_twice_and_ends_the_use_of_a_folder(self, make: Make, tmp_path: Path) -> None:
        connector = make(f"reference://{tmp_path}")
        connector.teardown()
        connector.teardown()
        with pytest.raises(FailedPrecondition, match="torn down"):
            write(connector, document(1))

    def test_a_full_disk_is_retryable_and_leaves_nothing_half_written(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connector = make(f"reference://{tmp_path}")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        request = WriteDataRequest(namespace=NAMESPACE, data=[document(1)], type=BSON)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ConnectorError, match="No space left") as caught:
                LocalClient(connector).write_data(request)
        assert caught.value.retryable
        assert count(connector) == 0
        write(connector, document(2))
        assert listed(make(f"reference://{tmp_path}")) == [document(2)]
