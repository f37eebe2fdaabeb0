"""What was written: the documents and updates in requests, one by one."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from google.protobuf.message import Message

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.documents.keys import document_key, key_of
from dsync_kit.documents import decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType, Update, WriteDataRequest, WriteUpdatesRequest

__all__ = ["Write", "versions_of", "writes_in", "written"]


class Write(NamedTuple):
    """A document of a WriteData, or an update of a WriteUpdates. `document` is None if the update carries none."""

    namespace: str
    data_type: DataType
    document: bytes | None
    update: Update | None = None

    @property
    def key(self) -> bytes | None:
        """The key of the id that it names; None if that is malformed."""
        with suppress(InvalidArgument):
            if self.update is not None:
                return key_of(self.update.id, self.data_type)
            return document_key(self.document or b"", self.data_type)
        return None


def writes_in(request: Message) -> Iterator[Write]:
    """What a request writes; nothing unless it is a WriteData or WriteUpdates."""
    match request:
        case WriteDataRequest(namespace=namespace, type=data_type):
            for document in request.data:
                yield Write(namespace, data_type, document)
        case WriteUpdatesRequest(namespace=namespace, type=data_type):
            for update in request.updates:
                yield Write(namespace, data_type, update.data or None, update)


def written(calls: Iterable[Call]) -> Iterator[tuple[Call, Write]]:
    """What calls wrote, or tried to write, each with its call: `Call.error` is its answer."""
    return ((call, write) for call in calls for write in writes_in(call.request))


def versions_of(document: bytes, data_type: DataType, calls: Iterable[Call]) -> list[bytes]:
    """All documents with this document's id that were sent in the data type, malformed ones left out.

    Raises InvalidArgument if it is malformed itself, or has no id.
    """
    key = document_key(document, data_type)
    sent = (write.document for _, write in written(calls) if write.data_type == data_type)
    return [version for version in sent if version is not None and _is_whole(version, key, data_type)]


def _is_whole(document: bytes, key: bytes, data_type: DataType) -> bool:
    try:
        return document_key(document, data_type) == key and bool(decode(document, data_type))
    except InvalidArgument:
        return False  # intentionally not a document
