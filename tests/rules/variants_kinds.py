"""Kinds of connectors that cannot be seen from all sides: no rule may fail them for what they do not offer."""

import threading
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from bson import Int64

from dsync_kit.conformance.documents.strategies import id_value
from dsync_kit.connector import Connector, StreamContext
from dsync_kit.errors import Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    RPCS,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    ListDataRequest,
    ListDataResponse,
    Partition,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
    Update,
    UpdateType,
    WriteDataRequest,
    WriteUpdatesRequest,
)

from .altering import write_document
from .calls_first import calls_first
from .fault import REFERENCE, STORE, Variant, unusual_in
from .variants_info import FiniteSource

__all__ = ["VARIANTS"]

VARIANTS: list[Variant] = []
unusual = unusual_in(VARIANTS)
Reference = REFERENCE.ReferenceConnector

_CALL_SECONDS = 0.03


# Sources that stream, but cannot be listed


class StreamsOnly(Reference):
    """A topic: what is written is streamed, and nothing can be listed."""

    def source_capabilities(self) -> Capabilities.Source:
        source = super().source_capabilities()
        source.get_by_ids = False
        return source

    get_by_ids = Connector.get_by_ids
    list_data = Connector.list_data

    def count(self, namespace: str) -> int:
        return 0

    def partitions(self, namespace: str) -> list[Partition]:
        return []


@unusual()
class Topic(StreamsOnly):
    """A topic: what is written is streamed, nothing can be listed, and a plan has updates alone."""


@unusual()
class TopicRefusesCopies(StreamsOnly):
    """A plan with an initial copy, or with neither copy nor updates, is refused: run dsync with --mode CDC."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        if request.initial_sync or not request.updates:
            raise Unimplemented("a topic cannot be listed: run dsync with --mode CDC")
        return super().generate_plan(request)  # type: ignore[no-any-return]


@unusual()
class TopicWithoutCounts(StreamsOnly):
    """A topic that counts nothing: dsync asks for counts only if a plan has partitions."""

    get_namespace_metadata = Connector.get_namespace_metadata


@unusual()
class LiveTopic(StreamsOnly):
    """A topic that only others write to, all the time."""

    write_data = Connector.write_data
    write_updates = Connector.write_updates

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store)
        self.over = threading.Event()
        self.others = threading.Thread(target=self.written_by_others, daemon=True)
        self.others.start()

    def capabilities(self) -> Capabilities:
        return Capabilities(source=self.source_capabilities())

    def written_by_others(self) -> None:
        number = 0
        while not self.over.wait(0.01):
            number += 1
            document = write_document({"_id": f"event-{number}", "n": number}, DATA_TYPE_MONGO_BSON)
            page = WriteDataRequest(namespace="shop.events", type=DATA_TYPE_MONGO_BSON, data=[document])
            Reference.write_data(self, page)

    def teardown(self) -> None:
        self.over.set()
        self.others.join()
        super().teardown()


# Sources whose data never changes


@unusual()
class DumpWithItsLog(FiniteSource):
    """A dump to which the log beside it has been applied: the stream sends the log again, and ends."""

    def __init__(self, settings: Any, store: Any = None) -> None:
        super().__init__(settings, store)
        kinds = [entry.update.type for entry in self.log]
        if UPDATE_TYPE_UPDATE not in kinds:
            self.change()
            kinds.append(UPDATE_TYPE_UPDATE)
        self.dumped = kinds.index(UPDATE_TYPE_UPDATE)

    @property
    def log(self) -> Sequence[Any]:
        return self.inner.store.log  # type: ignore[no-any-return]

    def change(self) -> None:
        """Write the log."""
        self.write(UPDATE_TYPE_UPDATE, "own-0", -1)
        for number in range(40):
            self.write(UPDATE_TYPE_INSERT, f"new-{number}", number)
            if number % 3 == 2:
                self.write(UPDATE_TYPE_DELETE, f"new-{number - 2}", 0)
                self.write(UPDATE_TYPE_UPDATE, f"new-{number - 1}", -number)

    def write(self, kind: UpdateType, name: str, number: int) -> None:
        document = write_document({"_id": name, "n": Int64(number)}, DATA_TYPE_MONGO_BSON)
        data = b"" if kind == UPDATE_TYPE_DELETE else document
        update = Update(id=id_value(name, DATA_TYPE_MONGO_BSON), type=kind, data=data)
        call = WriteUpdatesRequest(namespace="fixed.few", type=DATA_TYPE_MONGO_BSON, updates=[update])
        self.inner.write_updates(call)

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        plan = super().generate_plan(request)
        for partition in plan.updates_partitions:
            partition.cursor = self.cursor(self.dumped)
        return plan

    def cursor(self, sequence: int) -> bytes:
        return self.inner.update_cursor(sequence)  # type: ignore[no-any-return]

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        start, wanted = self.inner.stream_start(request.cursor), frozenset(request.namespaces)
        for sequence, entry in enumerate(self.log[start:], start):
            for message in self.inner.messages(sequence, [entry], wanted, request.type):
                message.next_cursor = self.cursor(sequence + 1)
                yield message


@unusual()
class DumpBeforeItsLog(DumpWithItsLog):
    """A dump is listed as it is: only the stream has what the log beside it changes, and ends."""

    @cached_property
    def dump(self) -> Any:
        dump = Reference(self.settings, STORE.Store())
        for entry in self.log[: self.dumped]:
            page = WriteDataRequest(namespace=entry.namespace, type=entry.data_type, data=[entry.update.data])
            dump.write_data(page)
        return dump

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return self.dump.list_data(request)  # type: ignore[no-any-return]


@unusual()
class DumpWhoseLogIsReadAgain(DumpWithItsLog):
    """At least once: before each tenth message, the last ones come again, with their cursors."""

    def stream_updates(self, request: StreamUpdatesRequest, context: StreamContext) -> Iterator[StreamUpdatesResponse]:
        sent: list[StreamUpdatesResponse] = []
        for message in super().stream_updates(request, context):
            if len(sent) % 10 == 9:
                yield from sent[-4:]
            sent.append(message)
            yield message


# Stores that are slow


@calls_first(lambda _: time.sleep(_CALL_SECONDS), *(rpc.method for rpc in RPCS if not rpc.streams))
class Slow(Reference):
    """Each call takes 30 ms."""


@unusual()
class SlowCalls(Slow):
    """A store far away: each call takes 30 ms."""


@unusual()
@calls_first(
    lambda connector: time.sleep(connector.store.end / 100_000),
    *("get_namespace_metadata", "generate_plan", "list_data", "get_by_ids"),
)
class ReadsItsWholeLog(Reference):
    """A log without an index: each read goes through all that was ever written, 100,000 entries a second."""
