"""Kinds of connectors that cannot be seen from all sides: no rule may fail them for what they do not offer."""

import threading
import time
from typing import Any

from dsync_kit.connector import Connector
from dsync_kit.errors import Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    RPCS,
    Capabilities,
    GeneratePlanRequest,
    GeneratePlanResponse,
    Partition,
    WriteDataRequest,
)

from .altering import write_document
from .calls_first import calls_first
from .fault import REFERENCE, Variant, unusual_in

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
    """A plan with an initial copy is refused: run dsync with --mode CDC."""

    def generate_plan(self, request: GeneratePlanRequest) -> GeneratePlanResponse:
        if request.initial_sync:
            raise Unimplemented("a topic cannot be listed: run dsync with --mode CDC")
        return super().generate_plan(request)  # type: ignore[no-any-return]


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
