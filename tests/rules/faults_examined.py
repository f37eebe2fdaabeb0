"""Faults modelled on public reports, and judged before the kit knew them: docs/detection-history.md has the results."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bson import Int64

from dsync_kit.documents import decode_id, encode_id
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    Update,
    WriteDataRequest,
    WriteDataResponse,
)

from .altering import read_document, write_document
from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)

_DOUBLE = 1
"""The BSON type of a double."""

Reference = REFERENCE.ReferenceConnector


@broken("explore/in-order", "rare")
class NeverStopsSkipping(Reference):
    """A resume skips until it reaches the change at its position: if that is filtered out, it skips everything
    (debezium/debezium#3620)."""

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        self.check_data_type(request.type)
        sequence, wanted = self.stream_start(request.cursor), frozenset(request.namespaces)
        skipping = sequence > 0 and bool(wanted)
        sequence -= skipping
        context.add_callback(self.store.notify)
        while not self.ended(context):
            entries = self.entries_after(sequence, context)
            if skipping and entries and self.is_wanted(entries[0], wanted):
                skipping, entries, sequence = False, entries[1:], sequence + 1
            if not skipping:
                yield from self.messages(sequence, entries, wanted, request.type)
            sequence += len(entries)


@broken("updates/order-in-call")
class NewerByItsField(Reference):
    """Of two versions, the one with the greater number in a field wins, even if it is older (apache/iceberg#13547)."""

    def commit(self, namespace: str, data_type: Any, changes: Sequence[Any]) -> None:
        super().commit(
            namespace, data_type, [change for change in changes if self._is_newer(namespace, change, data_type)]
        )

    def _is_newer(self, namespace: str, change: Any, data_type: Any) -> bool:
        old = self.found(namespace, data_type, change.position)
        if old is None or change.update.type == UPDATE_TYPE_DELETE:
            return True
        before, after = (read_document(data, data_type).get("n") for data in (old, change.update.data))
        return not (isinstance(before, int) and isinstance(after, int) and after < before)


@broken("explore/at-once", "rare")
class PagesOfOneNameReplace(Reference):
    """A page's file is named after its first id and its length: another page of that name replaces it
    (apache/seatunnel#9133)."""

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        answer: WriteDataResponse = super().write_data(request)
        places = [self.position(self.document_id(data, request.type), request.type) for data in request.data]
        if places:
            files = self.store.__dict__.setdefault("files", {})
            name = (request.namespace, places[0], len(places))
            self._drop(request.namespace, set(files.get(name, ())) - set(places))
            files[name] = places
        return answer

    def _drop(self, namespace: str, places: Iterable[bytes]) -> None:
        with self.store.writing():
            for place in places:
                for data_type in self.store.data_types(namespace):
                    self.store.collection(namespace, data_type).remove(place)


def _with_inner(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new fields; nested documents keep the other fields of the old ones."""
    return {
        name: {**old[name], **value} if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }


@broken("updates/replaces-whole")
class NestedIsMergedOnUpdate(Reference):
    """An UPDATE replaces fields, but nested objects are merged with what was there, as search engines' update API does
    (holidayextras/jsonapi-store-elasticsearch#3)."""

    def whole_update(self, update: Any, part: Any, current: bytes | None, data_type: Any) -> Any:
        if update.type == UPDATE_TYPE_UPDATE and current is not None:
            both = _with_inner(read_document(current, data_type), read_document(update.data, data_type))
            update = Update(id=update.id, type=update.type, data=write_document(both, data_type))
        return super().whole_update(update, part, current, data_type)


@broken("updates/partial", "special input")
class PartialMergesNested(Reference):
    """A field that a partial update sets to an object keeps the other fields of the old object (the same report)."""

    def merged(self, update: Any, part: Any, current: bytes | None, data_type: Any) -> bytes:
        data: bytes = super().merged(update, part, current, data_type)
        if current is None:
            return data
        both = _with_inner(read_document(current, data_type), read_document(data, data_type))
        return write_document(both, data_type)


@broken("write/similar-ids", "special input")
class FractionsOfIdsAreCut(Reference):
    """A column of integers as the key: 1.5 and 1 are one id (a NUMBER(38, 0) that is not strict)."""

    def position(self, part: Any, data_type: Any) -> bytes:
        if data_type == DATA_TYPE_JSON_ID and part.type == _DOUBLE and abs(value := decode_id(part)) < 2**53:
            part = encode_id(Int64(int(value)))
        return bytes(super().position(part, data_type))
