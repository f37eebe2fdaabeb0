"""Connectors with mistakes that users of other connectors, sinks and stores have reported in public. Rules of many
areas find them."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from grpc import StatusCode

from dsync_kit.documents import decode, id_field
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    BsonValue,
    DataType,
    StreamUpdatesResponse,
    Update,
    WriteUpdatesRequest,
)

from .fault import REFERENCE, AnyPosition, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector

_OF_ONE_TIME = 4
"""How many changes in a row have the same time."""


@broken("stream/resume", "special input")
class CursorIsATime(AnyPosition):
    """A cursor is the time of the last change, and a stream continues after it: others at that time are skipped."""

    def messages(self, sequence: int, entries: Any, wanted: Any, data_type: DataType) -> Iterator[Any]:
        for number, entry in enumerate(entries, sequence + 1):
            if self.is_wanted(entry, wanted):
                cursor = self.update_cursor(-(-number // _OF_ONE_TIME) * _OF_ONE_TIME)
                updates = [self.streamed(entry, data_type)]
                yield StreamUpdatesResponse(namespace=entry.namespace, updates=updates, next_cursor=cursor)


class _Sent(Reference):
    """A connector that applies other updates than those that were sent."""

    def write_updates(self, request: WriteUpdatesRequest) -> Any:
        sent = self.sent(request, list(request.updates))
        return super().write_updates(WriteUpdatesRequest(namespace=request.namespace, type=request.type, updates=sent))

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        raise NotImplementedError


@broken("updates/side-by-side", "special input")
class DeleteAndInsertAreOneUpdate(_Sent):
    """A DELETE before an INSERT is taken as half of an update, whatever the ids: it is dropped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        following: Sequence[Update | None] = [*updates[1:], None]
        return [
            update
            for update, after in zip(updates, following, strict=True)
            if update.type != UPDATE_TYPE_DELETE or after is None or after.type != UPDATE_TYPE_INSERT
        ]


@broken("updates/side-by-side", "special input")
class DeleteOfWhatIsMissingEndsTheCall(_Sent):
    """A DELETE that finds nothing ends the loop, and later updates are dropped."""

    def sent(self, request: WriteUpdatesRequest, updates: list[Update]) -> list[Update]:
        there: dict[bytes, bool] = {}
        for number, update in enumerate(updates):
            position = self.position(self.update_id(update, request.type), request.type)
            present = there.get(position, self.found(request.namespace, request.type, position) is not None)
            if update.type == UPDATE_TYPE_DELETE and not present:
                return updates[:number]
            there[position] = update.type != UPDATE_TYPE_DELETE
        return updates


@broken("updates/partial", "special input")
class EmptyPartialUpdateReplaces(Reference):
    """A partial update without changed fields has no operator, so it counts as a document: it replaces the existing
    one."""

    def merged(self, update: Update, part: BsonValue, current: bytes | None, data_type: DataType) -> bytes:
        fields = decode(update.data, data_type) if update.type == UPDATE_TYPE_PARTIAL_UPDATE else {"whole": True}
        empty = not (fields.keys() - {id_field(data_type)} or update.partial_update_unset)
        return super().merged(update, part, None if empty else current, data_type)


@broken("write/concurrent", "rare")
class FirstWritersCreateTheTableAtOnce(Reference):
    """IF NOT EXISTS is not a lock: one of several first writers creates the table, and the others fail for good."""

    def write_data(self, request: Any) -> Any:
        known = self.__dict__.setdefault("tables", set(self.store.namespaces()))
        if request.namespace not in known:
            time.sleep(0.005)
            if request.namespace in known:
                raise ConnectorError(
                    "duplicate key value violates pg_type_typname_nsp_index", StatusCode.ALREADY_EXISTS
                )
            known.add(request.namespace)
        return super().write_data(request)
