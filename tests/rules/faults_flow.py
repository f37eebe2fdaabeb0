"""Connectors that lose an update in a rare interleaving only."""

from collections.abc import Iterator
from typing import Any

from dsync_kit.protocol import StreamUpdatesRequest

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("flow/converges", "rare")
class ThirdStreamSkipsOne(Reference):
    """A counter of sessions is mistaken for an offset: the third stream from a position begins one too late."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.opened: dict[int, int] = {}
        self.first: dict[int, int] = {}

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        start = super().stream_start(request.cursor)
        origin = self.first.get(start, start)
        self.opened[origin] = self.opened.get(origin, 0) + 1
        for message in super().stream_updates(request, context):
            self.first[super().stream_start(message.next_cursor)] = origin
            yield message

    def stream_start(self, data: bytes) -> int:
        start = int(super().stream_start(data))
        return min(start + (self.opened.get(self.first.get(start, start), 0) > 2), self.store.end)
