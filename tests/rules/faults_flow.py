"""Connectors that lose an update only in a rare interleaving."""

from collections.abc import Iterator
from typing import Any

from dsync_kit.protocol import (
    DataType,
    GeneratePlanRequest,
    ListDataRequest,
    StreamUpdatesRequest,
    StreamUpdatesResponse,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


class _OneByOne(Reference):
    """A connector that sends one update per message."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for number, entry in enumerate(entries, sequence):
            yield from super().messages(number, [entry], wanted, data_type)


@broken("flow/converges", "rare")
class ResumeSkipsWhatWasThereAtTheCopysEnd(_OneByOne):
    """A resumed stream begins where the copy ended if that is later, because the copy supposedly has the rest."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.copied: dict[str, int] = {}

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        if request.updates:
            self.copied.clear()
        return super().generate_plan(request)

    def list_data(self, request: ListDataRequest) -> Any:
        self.copied[request.partition.namespace] = self.store.end
        return super().list_data(request)

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[StreamUpdatesResponse]:
        self.resumed = request.cursor.endswith(b" ")
        for message in super().stream_updates(request, context):
            message.next_cursor += b" "
            yield message

    def stream_start(self, data: bytes) -> int:
        start = int(super().stream_start(data))
        return max(start, *self.copied.values(), 0) if self.resumed and self.copied else start


@broken("flow/namespaces", "rare")
class ResumeOfSeveralSkips(ResumeSkipsWhatWasThereAtTheCopysEnd):
    """The same with several namespaces in a stream: one was copied after the other had changed."""

    several = False

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[StreamUpdatesResponse]:
        self.several = len(request.namespaces) > 1
        yield from super().stream_updates(request, context)

    def stream_start(self, data: bytes) -> int:
        return super().stream_start(data) if self.several else Reference.stream_start(self, data)
