"""The RPCs that the SDK builds from a store's methods."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

import pytest

from dsync_kit.connector import CallContext
from dsync_kit.documents import decode, encode, encode_id, id_of
from dsync_kit.errors import FailedPrecondition, InvalidArgument, Unimplemented
from dsync_kit.protocol import (
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
    StreamUpdatesResponse,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.settings import ConnectorSettings
from dsync_kit.store import Change, Document, Key, Outcome, Place, Sink, Source, SourceSettings
from dsync_kit.store.cursors import UpdatesCursor

from .memory import BSON, JSON, NAMESPACE, Memory, document, key, stored, update


@pytest.fixture
def memory() -> Memory:
    return Memory()


def put(memory: Memory, *documents: bytes, namespace: str = NAMESPACE, data_type: DataType = BSON) -> None:
    memory.write_data(WriteDataRequest(namespace=namespace, data=documents, type=data_type))


def apply(memory: Memory, *updates: Update, data_type: DataType = BSON) -> None:
    memory.write_updates(WriteUpdatesRequest(namespace=NAMESPACE, updates=updates, type=data_type))


def plan(memory: Memory, *namespaces: str) -> GeneratePlanResponse:
    return memory.generate_plan(GeneratePlanRequest(namespaces=namespaces, initial_sync=True, updates=True))


def pages(memory: Memory, partition: Partition, data_type: DataType = BSON) -> Iterator[list[bytes]]:
    """The pages of a partition; like dsync, sends back only namespace and cursor."""
    stripped, cursor = Partition(namespace=partition.namespace, cursor=partition.cursor), b""
    while True:
        page = memory.list_data(ListDataRequest(partition=stripped, type=data_type, cursor=cursor))
        yield list(page.data)
        cursor = page.next_cursor
        if not cursor:
            return


def listed(memory: Memory, data_type: DataType = BSON) -> list[bytes]:
    partitions = plan(memory, NAMESPACE).partitions
    return [known for partition in partitions for page in pages(memory, partition, data_type) for known in page]


def stream(memory: Memory, cursor: bytes, *namespaces: str, data_type: DataType = BSON) -> list[StreamUpdatesResponse]:
    """The available messages, without waiting for more."""
    context = CallContext()
    memory.changes_end = context.cancel
    request = StreamUpdatesRequest(type=data_type, cursor=cursor, namespaces=namespaces)
    return list(memory.stream_updates(request, context))


class Ending(Memory):
    """Ends the stream where its log ends."""

    changes_end = staticmethod(lambda: None)

    def changes(self, after: Place, limit: int, wait: float) -> Sequence[Change]:
        found = list(super().changes(after, limit, wait))
        if not found:
            self.changes_end()
        return found


@pytest.fixture
def ending() -> Ending:
    return Ending()


class TestInfo:
    def test_each_shape_declares_what_it_is(self, memory: Memory) -> None:
        """A source, a sink or both, by its base classes alone."""

        class OnlySink(Sink):
            db_type, data_types = "sink", (JSON,)
            close = count = write = Memory.write

            def data_id(self) -> str:
                return "id"

        found = memory.get_info(GetInfoRequest())
        assert (found.id, found.db_type) == ("data", "memory")
        source = found.capabilities.source
        assert list(source.supported_data_types) == list(found.capabilities.sink.supported_data_types) == [BSON, JSON]
        assert (source.lsn_stream, source.multi_namespace_plan, source.default_plan, source.get_by_ids) == (True,) * 4
        found = OnlySink(ConnectorSettings()).get_info(GetInfoRequest())
        assert not found.capabilities.HasField("source")
        assert list(found.capabilities.sink.supported_data_types) == [JSON]

    def test_a_missing_method_is_named_at_once(self) -> None:
        """The connector cannot be created, rather than failing at the first call."""

        class Incomplete(Source):
            db_type = "incomplete"

            def close(self) -> None: ...

        with pytest.raises(TypeError, match=r"abstract methods? .*count.*data_id.*namespaces.*read.*split"):
            Incomplete(SourceSettings())

    def test_what_cannot_be_found_by_id_is_not_declared(self) -> None:
        """GetByIds and partial updates are refused; everything else works."""

        class Unfindable(Memory):
            find = Sink.find

        memory = Unfindable()
        assert not memory.get_info(GetInfoRequest()).capabilities.source.get_by_ids
        put(memory, document("a"))
        apply(memory, update(UPDATE_TYPE_DELETE, "a"))
        with pytest.raises(Unimplemented, match="Unfindable cannot find documents"):
            apply(memory, update(UPDATE_TYPE_PARTIAL_UPDATE, "a", encode({"x": 1}, BSON)))
        with pytest.raises(Unimplemented):
            memory.get_by_ids(GetByIdsRequest(namespace=NAMESPACE, type=BSON, ids=[]))

    def test_it_is_closed_once(self, memory: Memory) -> None:
        """However often it is torn down."""
        memory.teardown()
        memory.teardown()
        assert memory.closed == 1

    def test_secrets_of_the_settings_are_redacted(self) -> None:
        """In every message that leaves the process."""
        memory = Memory(SourceSettings(uri="memory://me:hunter2@host/"))
        assert memory.redact("no hunter2 here") == "no *** here"

    def test_the_empty_namespace_is_refused(self, memory: Memory) -> None:
        """By every call that names one."""
        partition = plan(memory, NAMESPACE).partitions[0]
        partition.namespace = ""
        for call in (
            lambda: memory.get_namespace_metadata(GetNamespaceMetadataRequest()),
            lambda: plan(memory, ""),
            lambda: memory.list_data(ListDataRequest(partition=partition, type=BSON)),
            lambda: memory.get_by_ids(GetByIdsRequest(type=BSON)),
            lambda: put(memory, namespace=""),
            lambda: memory.write_updates(WriteUpdatesRequest(type=BSON)),
        ):
            with pytest.raises(InvalidArgument, match="the namespace is empty"):
                call()


class TestSource:
    def test_a_plan_honours_its_flags(self, memory: Memory) -> None:
        """Partitions with initial_sync, an updates partition with updates; each namespace once."""
        put(memory, document("a"))
        names = [NAMESPACE, "other", NAMESPACE]
        found = memory.generate_plan(GeneratePlanRequest(namespaces=names, initial_sync=True))
        assert [partition.namespace for partition in found.partitions] == [NAMESPACE, "other"]
        assert not found.updates_partitions
        found = memory.generate_plan(GeneratePlanRequest(namespaces=names, updates=True))
        assert not found.partitions
        assert [list(partition.namespaces) for partition in found.updates_partitions] == [[NAMESPACE, "other"]]
        assert [partition.namespace for partition in plan(memory).partitions] == [NAMESPACE]

    def test_the_update_position_is_taken_before_any_data_is_looked_at(self) -> None:
        """Writes during the plan are in the stream."""

        class Busy(Ending):
            def namespaces(self) -> Collection[str]:
                put(self, document("meanwhile"))
                return super().namespaces()

        memory = Busy()
        put(memory, document("before"))
        (message,) = stream(memory, plan(memory).updates_partitions[0].cursor)
        assert [known.data for known in message.updates] == [document("meanwhile")]

    def test_pages_hold_each_document_once(self, memory: Memory) -> None:
        """Partitions and pages share them out; the counts say how many to expect."""
        put(memory, *(document(number) for number in range(7)))
        partitions = plan(memory, NAMESPACE).partitions
        assert [partition.estimated_count for partition in partitions] == [3, 3]
        found = [list(pages(memory, partition)) for partition in partitions]
        assert [[len(page) for page in one] for one in found] == [[2, 1], [2, 2]]
        assert sorted(known for one in found for page in one for known in page) == sorted(
            document(number) for number in range(7)
        )

    @pytest.mark.parametrize("cursor", [b"", b"garbage", b"[]", b'["PartitionCursor",1,{"start":"*","end":1}]'])
    def test_a_cursor_that_is_not_ours_is_refused(self, memory: Memory, cursor: bytes) -> None:
        """The message says what was expected."""
        request = ListDataRequest(partition=Partition(namespace=NAMESPACE, cursor=cursor), type=BSON)
        with pytest.raises(InvalidArgument, match="not a PartitionCursor"):
            memory.list_data(request)

    def test_a_page_cursor_of_another_partition_is_refused(self, memory: Memory) -> None:
        """It would list something else."""
        put(memory, *(document(number) for number in range(8)))
        one, other = plan(memory, NAMESPACE).partitions
        cursor = memory.list_data(ListDataRequest(partition=one, type=BSON)).next_cursor
        with pytest.raises(InvalidArgument, match="belongs to another partition"):
            memory.list_data(ListDataRequest(partition=other, type=BSON, cursor=cursor))

    def test_documents_are_given_in_the_type_that_is_asked_for(self, memory: Memory) -> None:
        """Whatever type they were written in; unknown types are refused."""
        put(memory, document("a", x=1))
        put(memory, document("b", JSON, x=2), data_type=JSON)
        assert listed(memory) == [document("a", x=1), document("b", x=2)]
        assert [decode(known, JSON) for known in listed(memory, JSON)] == [{"id": "a", "x": 1}, {"id": "b", "x": 2}]
        with pytest.raises(InvalidArgument, match="unsupported data type 0"):
            listed(memory, DATA_TYPE_UNKNOWN)

    def test_items_come_in_the_order_of_the_ids(self, memory: Memory) -> None:
        """Missing documents have empty data."""
        put(memory, document("a"), document(1))
        ids = [GetByIdsRequest.IdRequest(id=[encode_id(value)]) for value in (1, "missing", "a")]
        found = memory.get_by_ids(GetByIdsRequest(namespace=NAMESPACE, ids=ids, type=BSON))
        assert [item.data for item in found.data] == [document(1), b"", document("a")]


class TestSink:
    def test_a_bad_document_refuses_its_page(self, memory: Memory) -> None:
        """Nothing of the page is written."""
        for bad in (b"garbage", encode({"x": 1}, BSON)):
            with pytest.raises(InvalidArgument):
                put(memory, document("good"), bad)
        with pytest.raises(InvalidArgument, match="unsupported data type 0"):
            put(memory, document("good"), data_type=DATA_TYPE_UNKNOWN)
        assert memory.count(NAMESPACE) == 0

    def test_the_last_of_equal_ids_counts(self, memory: Memory) -> None:
        """On a page, and in successive calls."""
        put(memory, document("a", x=1), document("b"), document("a", x=2))
        put(memory, document("b", x=3))
        assert sorted(listed(memory)) == sorted([document("a", x=2), document("b", x=3)])

    def test_the_store_gets_the_last_versions_in_the_order_in_which_they_were_sent(self) -> None:
        """If 5 and 5.0 are one id for it, the one that was written or deleted last must count."""
        order: list[str] = []

        class Ordered(Memory):
            def write(self, namespace: str, documents: Mapping[Key, Document | None]) -> None:
                order.extend(f"{'-' if sent is None else '+'}{key.value}" for key, sent in documents.items())

        put(Ordered(), document(5, n=1), document(5.0, n=2), document(5, n=3))
        updates = [update(UPDATE_TYPE_DELETE, 5), update(UPDATE_TYPE_DELETE, 5.0)]
        apply(Ordered(), *updates, update(UPDATE_TYPE_INSERT, 5, document(5)))
        assert order == ["+5.0", "+5", "-5.0", "+5"]

    @pytest.mark.parametrize("data_type", [BSON, JSON])
    def test_updates_are_applied_in_their_order(self, memory: Memory, data_type: DataType) -> None:
        """INSERT and UPDATE both carry whole documents; deleting a missing one is fine."""
        one, two = (document("a", data_type, x=number) for number in (1, 2))
        put(memory, document("b", data_type), data_type=data_type)
        apply(
            memory,
            update(UPDATE_TYPE_INSERT, "a", one, data_type),
            update(UPDATE_TYPE_DELETE, "a", b"", data_type),
            update(UPDATE_TYPE_UPDATE, "a", two, data_type),
            update(UPDATE_TYPE_DELETE, "b", b"", data_type),
            update(UPDATE_TYPE_DELETE, "missing", b"", data_type),
            data_type=data_type,
        )
        assert listed(memory, data_type) == [two]

    @pytest.mark.parametrize("data_type", [BSON, JSON])
    def test_partial_updates_build_on_each_other(self, memory: Memory, data_type: DataType) -> None:
        """They set and remove fields, of documents in either type; a missing document is made from the set fields."""
        put(memory, document("a", JSON, keep=1, change=2, remove=3), data_type=JSON)
        changes = encode({"change": [4], "new": 5}, data_type)
        apply(
            memory,
            update(UPDATE_TYPE_PARTIAL_UPDATE, "a", changes, data_type, unset=["remove", "missing"]),
            update(UPDATE_TYPE_PARTIAL_UPDATE, "a", encode({"last": 6}, data_type), data_type),
            update(UPDATE_TYPE_PARTIAL_UPDATE, "b", encode({"x": 7}, data_type), data_type),
            update(UPDATE_TYPE_INSERT, "c", document("c", data_type, x=8), data_type),
            update(UPDATE_TYPE_PARTIAL_UPDATE, "c", encode({"y": 9}, data_type), data_type),
            data_type=data_type,
        )
        found = [decode(known, BSON) for known in listed(memory)]
        assert sorted(found, key=lambda known: known["_id"]) == [
            {"_id": "a", "keep": 1, "change": [4], "new": 5, "last": 6},
            {"_id": "b", "x": 7},
            {"_id": "c", "x": 8, "y": 9},
        ]

    def test_only_partial_updates_are_read_before_they_are_written(self) -> None:
        """Only they use a store's transaction, which gets the ids to read."""
        asked: list[Collection[Key]] = []

        class Noting(Memory):
            def modify(self, namespace: str, keys: Collection[Key], outcome: Outcome) -> None:
                asked.append(keys)
                super().modify(namespace, keys, outcome)

        memory = Noting()
        apply(memory, update(UPDATE_TYPE_INSERT, "a", document("a")))
        apply(memory, update(UPDATE_TYPE_DELETE, "a"), update(UPDATE_TYPE_PARTIAL_UPDATE, "b", b""))
        assert asked == [[key("b")]]

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (Update(type=UPDATE_TYPE_DELETE), "0 parts"),
            (Update(id=[encode_id("a"), encode_id("b")], type=UPDATE_TYPE_DELETE), "2 parts"),
            (Update(id=[BsonValue(data=b"raw text", type=2)], type=UPDATE_TYPE_DELETE), "the id's data"),
            (update(UPDATE_TYPE_INSERT, "other", document("a")), "is not its document's id"),
            (update(UPDATE_TYPE_INSERT, "a", b"garbage"), "not a BSON document"),
            (update(UPDATE_TYPE_UPDATE, "a"), "not a BSON document"),
            (update(UPDATE_TYPE_UNKNOWN, "a", document("a")), "unsupported update type 0"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, "a", b"garbage"), "not a BSON document"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, "a", document("b")), "is not its document's id"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, "a", unset=["_id"]), "no _id"),
            (update(UPDATE_TYPE_PARTIAL_UPDATE, "a", unset=["a.b"]), "nested field 'a.b'"),
        ],
    )
    def test_a_bad_update_is_refused_with_its_call(self, memory: Memory, bad: Update, message: str) -> None:
        """Nothing of the call is written."""
        with pytest.raises(InvalidArgument, match=message):
            apply(memory, update(UPDATE_TYPE_INSERT, "good", document("good")), bad)
        assert memory.count(NAMESPACE) == 0

    def test_what_is_empty_does_not_bother_the_store(self) -> None:
        """An empty page and a call without updates are answered without a write."""

        class Unwritable(Memory):
            def write(self, namespace: str, documents: Mapping[Key, Document | None]) -> None:
                raise AssertionError("nothing is to be written")

        put(Unwritable())
        apply(Unwritable())


class TestStream:
    def test_what_is_changed_after_the_plan_is_streamed(self, ending: Ending) -> None:
        """In order, with a message for each run of one namespace; a DELETE has its id, and no data."""
        put(ending, document("before"))
        cursor = plan(ending).updates_partitions[0].cursor
        put(ending, document("a", x=1), document("b"))
        put(ending, document("c"), namespace="other")
        apply(ending, update(UPDATE_TYPE_DELETE, "a"))
        found = stream(ending, cursor)
        assert [(message.namespace, [(known.type, known.data) for known in message.updates]) for message in found] == [
            (NAMESPACE, [(UPDATE_TYPE_INSERT, document("a", x=1)), (UPDATE_TYPE_INSERT, document("b"))]),
            ("other", [(UPDATE_TYPE_INSERT, document("c"))]),
            (NAMESPACE, [(UPDATE_TYPE_DELETE, b"")]),
        ]
        assert list(found[-1].updates[0].id) == id_of(document("a"), BSON)

    def test_each_message_can_be_gone_on_from(self, ending: Ending) -> None:
        """A stream from its cursor has exactly the later updates, in the other type, too."""
        cursor = plan(ending).updates_partitions[0].cursor
        put(ending, *(document(f"id {number}") for number in range(1_200)))
        sizes = []
        while found := stream(ending, cursor, data_type=JSON):
            sizes.append(len(found[0].updates))
            cursor = found[0].next_cursor
        assert sizes == [500, 500, 200]

    def test_what_is_not_asked_for_moves_the_cursor_on(self, ending: Ending) -> None:
        """A message without updates moves it: a resumed stream of a quiet namespace need not read the log again."""
        cursor = plan(ending).updates_partitions[0].cursor
        put(ending, document("a"), namespace="other")
        ending.log.append(Change(2))  # the log was read up to here, where there is nothing for anybody
        put(ending, document("b"))
        quiet, message = stream(ending, cursor, NAMESPACE)
        assert (quiet.namespace, list(quiet.updates)) == ("", [])
        assert [known.data for known in message.updates] == [document("b")]
        assert stream(ending, quiet.next_cursor, NAMESPACE) == [message]

    def test_cursors_of_other_data_are_refused(self, memory: Memory) -> None:
        """Resuming from them would silently lose changes."""
        put(memory, document("a"))
        cursor = plan(memory).updates_partitions[0].cursor
        for other in (Memory(name="other"), Memory()):  # other data, and a log that is shorter than it was
            with pytest.raises(FailedPrecondition, match="plan again"):
                next(other.stream_updates(StreamUpdatesRequest(type=BSON, cursor=cursor), CallContext()))
            with pytest.raises(FailedPrecondition, match="plan again"):
                next(other.stream_lsn(StreamLSNRequest(cursor=cursor), CallContext()))

    def test_the_lsn_counts_the_changes_that_are_asked_for(self, memory: Memory) -> None:
        """From its cursor, and on as they come."""
        put(memory, document("before"))
        cursor = plan(memory).updates_partitions[0].cursor
        put(memory, document("a"), document("b"))
        put(memory, document("a"), namespace="other")
        context = CallContext()
        messages = memory.stream_lsn(StreamLSNRequest(namespaces=[NAMESPACE], cursor=cursor), context)
        assert next(messages).lsn == 2
        put(memory, document("c"))
        assert next(messages).lsn == 3
        context.cancel()
        assert list(messages) == []

    def test_a_write_of_the_same_connector_wakes_it(self, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
        """It does not wait until the next poll."""
        rung: list[str] = []
        monkeypatch.setattr(memory._bell, "ring", lambda: rung.append("page" if not rung else "updates"))
        put(memory, document("a"))
        apply(memory, update(UPDATE_TYPE_DELETE, "a"))
        assert rung == ["page", "updates"]

    def test_faults_are_named_by_the_connector(self, ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
        """If its translate_error makes an error retryable, the stream does not end."""
        cursor = plan(ending).updates_partitions[0].cursor
        put(ending, document("a"))
        read, faults = ending.changes, [MemoryError()]

        def fails_once(after: Place, limit: int, wait: float) -> Sequence[Change]:
            if faults:
                ending._bell.ring()  # no need to wait before the next attempt
                raise faults.pop()
            return read(after, limit, wait)

        monkeypatch.setattr(ending, "changes", fails_once)
        assert [len(message.updates) for message in islice(stream(ending, cursor), 1)] == [1]

    def test_a_stream_may_hold_a_log_of_its_own(self) -> None:
        """For example a server-side cursor: opened at the cursor's place, read repeatedly, closed with the stream."""
        context = CallContext()
        calls: list[str] = []

        class Tokens:
            """Ends the stream at the end of the log; an entry with only a token marks how far it was read."""

            def __init__(self, after: Place) -> None:
                calls.append(f"open {after!r}")
                self.batches = [[Change(b"t1", NAMESPACE, UPDATE_TYPE_DELETE, stored("a"))], [Change(b"t2")]]

            def read(self, limit: int, wait: float) -> list[Change]:
                calls.append("read")
                if len(self.batches) == 1:
                    context.cancel()
                return self.batches.pop(0)

            def close(self) -> None:
                calls.append("close")

        class Server(Memory):
            def last_change(self) -> Place:
                return b"t0"

            def open_log(self, after: Place) -> Tokens:
                return Tokens(after)

        server = Server()
        cursor = plan(server).updates_partitions[0].cursor
        found = list(server.stream_updates(StreamUpdatesRequest(type=BSON, cursor=cursor), context))
        assert [(message.namespace, len(message.updates)) for message in found] == [(NAMESPACE, 1), ("", 0)]
        assert UpdatesCursor.decode(found[-1].next_cursor).place == b"t2"
        assert calls == ["open b't0'", "read", "read", "close"]
