"""Checks what dsync needs of each update in a stream: a namespace, a readable id, a whole document."""

from collections.abc import Iterator

from dsync_kit.conformance.calls.transcript import show_document, show_id
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.documents import decode, decode_id, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    StreamUpdatesResponse,
    Update,
)
from dsync_kit.protocol.names import kind_name, type_name

__all__ = ["faults_of", "inspect"]

_KINDS = (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE)


def inspect(message: StreamUpdatesResponse, data_type: DataType, *, documents: bool = True) -> None:
    """Raise Violation if dsync could not pass on a message's updates; `documents` says whether to check those, too."""
    for violation in faults_of(message, data_type, documents=documents):
        raise violation


def faults_of(message: StreamUpdatesResponse, data_type: DataType, *, documents: bool = True) -> Iterator[Violation]:
    """The faults of a message, each with the violated rule as its owner."""
    if message.updates and not message.namespace:
        yield Violation(
            "a message has updates, but no namespace",
            expected="the namespace of its updates",
            seen=f"{len(message.updates)} updates, namespace ''",
            owner=Owner.STREAM_NAMESPACE_NAMED,
        )
    for update in message.updates:
        if update.type not in _KINDS:
            yield Violation(
                "an update is not an INSERT, UPDATE or DELETE",
                expected="UPDATE_TYPE_INSERT, _UPDATE or _DELETE",
                seen=f"type {update.type}" + (" (UNKNOWN)" if not update.type else ""),
                owner=Owner.STREAM_UPDATE_TYPE,
            )
        readable = True
        for violation in _faults_of_id(update):
            readable = False
            yield violation
        if documents and update.type in (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE):
            yield from _faults_of_document(update, data_type, compare=readable)


def _faults_of_id(update: Update) -> Iterator[Violation]:
    if not update.id:
        yield Violation(
            "an update has no id", expected="the document's id", seen="none", owner=Owner.STREAM_ID_ENCODING
        )
    for part in update.id:
        try:
            decode_id(part)
        except InvalidArgument as error:
            yield Violation(
                "an update's id is not a BSON value",
                expected=f"data with only the BSON value, of the type in `type` ({part.type})",
                seen=f"type {part.type}, data {bytes(part.data[:40])!r}: {error.message}",
                owner=Owner.STREAM_ID_ENCODING,
            )


def _faults_of_document(update: Update, data_type: DataType, *, compare: bool) -> Iterator[Violation]:
    name = kind_name(update.type)
    try:
        decode(update.data, data_type)
        own = id_of(update.data, data_type)
    except InvalidArgument as error:
        yield Violation(
            f"an {name} does not carry a whole document of the requested type",
            expected=f"a {type_name(data_type)} document with its id",
            seen=f"{show_document(update.data)} ({error.message})",
            owner=Owner.STREAM_DOCUMENTS,
        )
        return
    if not compare or (data_type == DATA_TYPE_JSON_ID and len(update.id) > 1):
        return  # a JSON document has its own form for a composite id
    if key_of(update.id, data_type) != key_of(own, data_type):
        yield Violation(
            "an update's id is not the id of its document",
            expected=_typed_id(own),
            seen=_typed_id(list(update.id)),
            owner=Owner.STREAM_IDS,
        )


def _typed_id(parts: list[BsonValue]) -> str:
    return f"{show_id(parts)} (BSON type {', '.join(str(part.type) for part in parts)})"
