"""Connectors that fail with a large page, a large document or many of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from dsync_kit.errors import ResourceExhausted
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    DataType,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
)

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector

_MIB = 1 << 20


def _admit(request: Any, limit: int = 4 * _MIB) -> None:
    if (size := request.ByteSize()) > limit:
        raise ResourceExhausted(f"Received message larger than max ({size} vs. {limit})")


@broken("limits/large-page", "special input")
class PagesAreLimited(Reference):
    """The server's inbound limit is the default one."""

    def write_data(self, request: WriteDataRequest) -> Any:
        _admit(request)
        return super().write_data(request)

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        _admit(request)
        return super().write_updates(request)


@broken("limits/large-page", "special input")
class LargePageIsCut(Reference):
    """Whatever exceeds the request to the store is left out."""

    def write_data(self, request: WriteDataRequest) -> Any:
        size = 0
        for index, document in enumerate(request.data):
            size += len(document)
            if index and size > 5 * _MIB:
                del request.data[index:]
                break
        return super().write_data(request)


@broken("limits/large-updates", "special input")
class UpdatesAreLimited(Reference):
    """The limit was raised only for pages."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        _admit(request)
        return super().write_updates(request)


@broken("limits/large-stream", "special input")
class StreamedMessageIsLimited(Reference):
    """A message of the stream beyond 4 MiB cannot be sent, and ends it."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            _admit(message)
            yield message


@broken("limits/large-stream", "special input")
class LargeDocumentIsNotStreamed(Reference):
    """Whatever exceeds the log's entry of 1 MiB is left out of it."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            small = [update for update in message.updates if len(update.data) < 1 << 20]
            del message.updates[:]
            message.updates.extend(small)
            yield message


@broken("limits/many-documents", "special input")
class PageBeyondItsParametersIsCut(Reference):
    """A statement has at most 2,100 parameters, enough for 1,050 rows; the others are dropped."""

    def write_data(self, request: WriteDataRequest) -> Any:
        del request.data[1050:]
        return super().write_data(request)


@broken("limits/many-documents", "special input")
class PageBeyondItsParametersFails(Reference):
    """A statement has at most 2,100 parameters, enough for 1,050 rows; more raise an error."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if len(request.data) > 1050:
            raise RuntimeError("too many SQL variables")
        return super().write_data(request)


@broken("limits/many-updates", "special input")
class LongCallIsReordered(Reference):
    """A long call is split by kind: deletes first."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        if len(request.updates) > 1000:
            ordered = sorted(request.updates, key=lambda update: update.type != UPDATE_TYPE_DELETE)
            del request.updates[:]
            request.updates.extend(ordered)
        return super().write_updates(request)


@broken("limits/many-updates", "special input")
class LongCallLosesItsRest(Reference):
    """A long call is split, and the last part is not sent."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        if len(request.updates) > 1000:
            del request.updates[len(request.updates) // 1000 * 1000 :]
        return super().write_updates(request)


@broken("limits/large-document", "special input")
class LargeDocumentIsDropped(Reference):
    """A document that the store would refuse is logged, and left out."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        kept = [document for document in request.data if len(document) < 10 * _MIB]
        answer: WriteDataResponse = super().write_data(
            WriteDataRequest(namespace=request.namespace, data=kept, type=request.type)
        )
        return answer


@broken("limits/large-document", "special input")
class LargeDocumentIsRetried(Reference):
    """A document that will never fit gets a code that dsync retries."""

    def write_data(self, request: WriteDataRequest) -> Any:
        if any(len(document) > 10 * _MIB for document in request.data):
            raise ResourceExhausted("item size has exceeded the maximum allowed size")
        return super().write_data(request)


@broken("limits/many-namespaces", "special input")
class FirstPageOfNamesIsPlanned(Reference):
    """Without namespaces, only those on the first page of the store's list are planned."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        found: list[str] = super().planned_namespaces(requested)
        return found if requested else [name for name in found if self.store.count(name)][:20]


@broken("limits/many-namespaces", "special input")
class PlanIsCut(Reference):
    """The first 40 namespaces are planned."""

    def planned_namespaces(self, requested: Sequence[str]) -> list[str]:
        found: list[str] = super().planned_namespaces(requested)
        return found[:40]


@broken("limits/document-sizes", "special input")
class LargeDocumentOfAnUpdateIsDropped(Reference):
    """Updates go through a queue with a limit of 256 KiB per message; larger ones are only logged."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        kept = [update for update in request.updates if len(update.data) < _QUEUED]
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, updates=kept, type=request.type))


@broken("limits/document-sizes", "special input")
class LargeUpdateIsNotStreamed(Reference):
    """A message of the stream has a limit of 256 KiB, and a larger one is left out."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: Any) -> Iterator[Any]:
        for message in super().messages(sequence, entries, wanted, data_type):
            if message.ByteSize() < _QUEUED:
                yield message


_QUEUED = 256 << 10
