"""Connectors that break in situations that users of other connectors met, and for which many draws were widened.

Most reasons end with a public report. docs/detection-history.md says which kinds of situations these are.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from dsync_kit.documents import decode
from dsync_kit.errors import Unavailable
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    BsonValue,
    DataType,
    GeneratePlanRequest,
    Update,
    WriteDataRequest,
)

from .altering import Altering, read_document, write_document
from .fault import REFERENCE, STORE, Fault, broken_in
from .typed_connector import TypedConnector
from .typed_tables import Column, Table

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector

_LARGE = 100_000
"""Bytes of a document that has a place for itself."""

_PIECE = 4096


# Partial updates


@broken("updates/partial", "special input")
class RemovingAMissingFieldIsRetried(Reference):
    """A partial update that removes a field which is not there fails as if the store were away
    (yougov/mongo-connector#720)."""

    def merged(self, update: Update, part: BsonValue, current: bytes | None, data_type: DataType) -> bytes:
        there = decode(current, data_type) if current is not None else {}
        if missing := [name for name in update.partial_update_unset if name not in there]:
            raise Unavailable(f"no such field: {missing[0]}")
        return super().merged(update, part, current, data_type)


@broken("updates/partial-in-call", "special input")
class PartialUpdatesReadDeletedRows(Reference):
    """A partial update takes the fields that it does not name from a deleted version, if there is one
    (apache/doris#36210)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.deleted: dict[tuple[str, DataType, bytes], bytes] = {}

    def changes(self, request: Any, parts: Sequence[BsonValue]) -> Any:
        place = (request.namespace, request.type)
        for update, part in zip(request.updates, parts, strict=True):
            position = self.position(part, request.type)
            if update.type == UPDATE_TYPE_DELETE and (old := self.found(*place, position)) is not None:
                self.deleted[*place, position] = old
        found = super().changes(request, parts)
        partial = [update.type == UPDATE_TYPE_PARTIAL_UPDATE for update in request.updates]
        return [
            self.revived(change, self.deleted.get((*place, change.position)) if some else None, request.type)
            for change, some in zip(found, partial, strict=True)
        ]

    def revived(self, change: Any, old: bytes | None, data_type: DataType) -> Any:
        if old is None:
            return change
        fields = {**read_document(old, data_type), **read_document(change.update.data, data_type)}
        data = write_document(fields, data_type)
        return STORE.Change(change.position, Update(id=change.update.id, type=change.update.type, data=data))


# Large documents among small ones


@broken("limits/document-sizes", "special input")
class WhatFollowsALargeDocumentIsDropped(Reference):
    """A batch that is cut by its bytes ends with the first document that is too large for it
    (open-telemetry/opentelemetry-collector#14589)."""

    def write_data(self, request: WriteDataRequest) -> Any:
        large = (number for number, document in enumerate(request.data, 1) if len(document) > _LARGE)
        del request.data[next(large, len(request.data)) :]
        return super().write_data(request)


@broken("limits/document-sizes", "special input")
class SmallOnesDoNotReplaceLargeOnes(Reference):
    """A large document is kept in a place for itself, where reads look first, and small ones do not reach it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.large: set[tuple[str, bytes]] = set()

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(namespace, data_type, [change for change in changes if self.reaches(namespace, change)])

    def reaches(self, namespace: str, change: Any) -> bool:
        place = (namespace, change.position)
        if change.update.type == UPDATE_TYPE_DELETE:
            self.large.discard(place)
        elif len(change.update.data) > _LARGE:
            self.large.add(place)
        return place not in self.large or len(change.update.data) > _LARGE


@broken("limits/document-sizes", "special input")
class LettersAreCutInTwo(Altering):
    """A long text is read in pieces of 4,096 bytes, each decoded by itself."""

    def value(self, value: Any) -> Any:
        if not isinstance(value, str) or len(value) < _PIECE:
            return value
        data = value.encode()
        pieces = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        return "".join(piece.decode(errors="replace") for piece in pieces)


@broken("list/many-pages", "rare")
class TenThousandAtMost(Reference):
    """A search index returns no more than 10,000 results of a query, however many pages they are on
    (spiceai/docs#1662)."""

    def partition_count(self, namespace: str) -> int:
        return 1

    def all_listed(self, namespace: str, data_type: Any, cursor: Any) -> Iterator[Any]:
        whole = super().all_listed(namespace, data_type, cursor.model_copy(update={"after": b""}))
        return (item for item in itertools.islice(whole, 10_000) if item[0] > cursor.after)


# Texts, names and ids that mean something to somebody


@broken("encoding/bson-text", "special input")
class WordsOfTheLoaderAreNull(Altering):
    """Documents are loaded from a file in which NULL and \\N stand for null (dimitri/pgcopydb#931)."""

    def value(self, value: Any) -> Any:
        return None if value in ("NULL", "\\N") else value


@broken("schema/text-form", "special input")
class NulIsRemoved(TypedConnector):
    """The database takes no NUL in texts, so it is removed (apache/devlake#5244)."""

    def typed(self, table: Table, column: Column, value: Any) -> Any:
        return super().typed(table, column, value.replace("\0", "") if isinstance(value, str) else value)


@broken("encoding/special-field-names", "special input")
class DeletedIsAMark(Reference):
    """Documents with the field that the store itself uses for deleted ones are not there."""

    def write_data(self, request: WriteDataRequest) -> Any:
        kept = [document for document in request.data if not decode(document, request.type).get("_deleted")]
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=kept))


@broken("write/similar-ids", "special input")
class AnEmptyIdIsNone(Reference):
    """`if not id` skips documents with an empty text as their id (williamkapke/mongo-mock#86)."""

    def write_data(self, request: WriteDataRequest) -> Any:
        whole = [(document, read_document(document, request.type)) for document in request.data]
        kept = [document for document, fields in whole if fields.get("_id", fields.get("id")) != ""]
        return super().write_data(WriteDataRequest(namespace=request.namespace, type=request.type, data=kept))


@broken("list/mixed-ids", "rare")
class NumbersInTextsAreRead(Reference):
    """Pages are sorted by characters, and continue in an order that reads numbers in texts: item10 after item9."""

    def partition_count(self, namespace: str) -> int:
        return 1

    def all_listed(self, namespace: str, data_type: Any, cursor: Any) -> Iterator[Any]:
        found = super().all_listed(namespace, data_type, cursor.model_copy(update={"after": b""}))
        after = cursor.after.decode()
        yield from (
            item
            for item in sorted(found, key=self.identifier)
            if not after or _natural(self.identifier(item)) > _natural(after)
        )

    def next_cursor(self, cursor: Any, page: Sequence[Any]) -> bytes:
        return cursor.model_copy(update={"after": self.identifier(page[-1]).encode()}).encode()

    def identifier(self, item: Any) -> str:
        return repr(item[0][4:])


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(number or 0), letters) for letters, number in re.findall(r"(\D*)(\d*)", text)]


# Streams


@broken("stream/values", "special input")
class EmptyArraysAreNotStreamed(Reference):
    """The log's format knows no empty arrays within documents."""

    def streamed(self, entry: Any, data_type: DataType) -> Update:
        update = super().streamed(entry, data_type)
        if update.type == UPDATE_TYPE_DELETE:
            return update
        fields = read_document(update.data, data_type)
        thinned = {name: _without_empty(value) for name, value in fields.items()}
        return Update(id=update.id, type=update.type, data=write_document(thinned, data_type))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(item) for name, item in value.items() if item != []}
    return [_without_empty(item) for item in value if item != []] if isinstance(value, list) else value


@broken("stream/from-first-plan", "special input")
class AnEmptyLogHasNoPosition(Reference):
    """As long as the topic does not exist, a plan's position is "the end", wherever that is when the stream opens."""

    def update_cursor(self, sequence: int) -> bytes:
        return super().update_cursor(sequence) if sequence else b"end"  # type: ignore[no-any-return]

    def stream_start(self, data: bytes) -> int:
        return self.store.end if data == b"end" else super().stream_start(data)  # type: ignore[no-any-return]


@broken("explore/in-order", "rare")
class PlansSkipWhatIsEmpty(Reference):
    """A plan leaves out namespaces that hold nothing yet, and the stream what the plan left out
    (scality/backbeat#2472)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.skipped: dict[bytes, set[str]] = {}

    def generate_plan(self, request: GeneratePlanRequest) -> Any:
        plan = super().generate_plan(request)
        for partition in plan.updates_partitions:
            self.skipped[partition.cursor] = {name for name in request.namespaces if not self.store.count(name)}
        return plan

    def stream_updates(self, request: Any, context: Any) -> Iterator[Any]:
        skipped = self.skipped.get(request.cursor, set())
        for message in super().stream_updates(request, context):
            if message.namespace not in skipped:
                yield message
