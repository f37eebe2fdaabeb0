"""Connectors that count updates wrongly, or without an end."""

import time
from collections.abc import Iterator
from typing import Any

from dsync_kit.connector import Connector
from dsync_kit.documents import encode
from dsync_kit.errors import Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    StreamLSNRequest,
    StreamLSNResponse,
    StreamUpdatesRequest,
    WriteDataRequest,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("lsn/opens")
class CountIsMissing(Reference):
    """lsn_stream is declared, but nobody implemented it."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Any:
        raise Unimplemented("StreamLSN")


@broken("lsn/opens")
class CountFails(Reference):
    """A statement that the store refuses."""

    def counted(self, entries: Any, wanted: Any) -> int:
        raise RuntimeError("permission denied for function pg_current_wal_lsn")


@broken("lsn/counts")
class MessagesAreCounted(Reference):
    """One per batch, whatever the number of updates in it."""

    def counted(self, entries: Any, wanted: Any) -> int:
        return 1


@broken("lsn/counts")
class NothingIsCounted(Reference):
    """Zero, always."""

    def counted(self, entries: Any, wanted: Any) -> int:
        return 0


@broken("lsn/counts")
class OneCountAndTheEnd(Reference):
    """The count at the opening of the stream, and then the end."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        yield StreamLSNResponse(lsn=self.store.end - self.stream_start(request.cursor))


@broken("lsn/counts", "special input")
class InsertsAreNotCounted(Reference):
    """Inserts supposedly come with the copy."""

    def counted(self, entries: Any, wanted: Any) -> int:
        return sum(self.is_wanted(entry, wanted) and entry.update.type != UPDATE_TYPE_INSERT for entry in entries)


@broken("lsn/counts", "special input")
class DeletesAreNotCounted(Reference):
    """Only updates with documents are counted."""

    def counted(self, entries: Any, wanted: Any) -> int:
        return sum(self.is_wanted(entry, wanted) and entry.update.type != UPDATE_TYPE_DELETE for entry in entries)


@broken("lsn/monotone", "rare")
class CountIsAByte(Reference):
    """The count is kept modulo 256."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        for message in super().stream_lsn(request, context):
            yield StreamLSNResponse(lsn=message.lsn % 256)


@broken("lsn/monotone", "special input")
class DeletesLowerTheCount(Reference):
    """The count is the number of added documents."""

    def counted(self, entries: Any, wanted: Any) -> int:
        kinds = [entry.update.type for entry in entries if self.is_wanted(entry, wanted)]
        return len(kinds) - 2 * kinds.count(UPDATE_TYPE_DELETE)


@broken("lsn/monotone", "special input")
class CountIsOfTheBatch(Reference):
    """Each message counts from the previous one."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        total = 0
        for message in super().stream_lsn(request, context):
            batch, total = message.lsn - total, message.lsn
            yield StreamLSNResponse(lsn=total)
            yield StreamLSNResponse(lsn=batch)


@broken("lsn/since-cursor", "special input")
class CountIsThePosition(Reference):
    """The position in the log."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        start = self.stream_start(request.cursor)
        for message in super().stream_lsn(request, context):
            message.lsn += start
            yield message


@broken("lsn/since-cursor")
class CountIsATime(Reference):
    """The time of the last update, in microseconds."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        for message in super().stream_lsn(request, context):
            message.lsn = time.time_ns() // 1000
            yield message


@broken("lsn/cancel")
class CountGoesOnWhenCancelled(Reference):
    """The counting loop does not check whether the caller is there."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Iterator[Any]:
        start, end = self.stream_start(request.cursor), -1
        while not self._closed:
            if end != self.store.end:
                end = self.store.end
                yield StreamLSNResponse(lsn=end - start)
            time.sleep(0.01)


class _SourceOnly(Reference):
    """A source that is not a sink, with a few documents, whose stream ends by itself."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if not self.store.end:
            for number in range(3):
                super().write_data(_page(number))

    write_data, write_updates = Connector.write_data, Connector.write_updates

    def capabilities(self) -> Any:
        found = super().capabilities()
        found.ClearField("sink")
        return found

    def stream_updates(self, request: StreamUpdatesRequest, context: Any) -> Iterator[Any]:
        entries = self.store.log[self.stream_start(request.cursor) :]
        yield from self.messages(
            self.stream_start(request.cursor), entries, frozenset(request.namespaces), request.type
        )


def _page(number: int) -> Any:
    document = encode({"_id": f"document {number}"}, DATA_TYPE_MONGO_BSON)
    return WriteDataRequest(namespace="db.finite", data=[document], type=DATA_TYPE_MONGO_BSON)


@broken("lsn/ends-with-updates", "special input")
class CountGoesOnWhenUpdatesHaveEnded(_SourceOnly):
    """StreamUpdates ends with the source, but StreamLSN waits for more."""


class _Undeclared(Reference):
    def source_capabilities(self) -> Any:
        found = super().source_capabilities()
        found.lsn_stream = False
        return found


@broken("lsn/undeclared")
class UndeclaredCountFails(_Undeclared):
    """StreamLSN is not declared, and raises an exception that nobody catches."""

    def stream_lsn(self, request: StreamLSNRequest, context: Any) -> Any:
        raise RuntimeError("no such table")
