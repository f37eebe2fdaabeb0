"""The documents and updates that a request writes, one by one."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from google.protobuf.message import Message

from dsync_kit.conformance.documents.keys import document_key, key_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType, Update, WriteDataRequest, WriteUpdatesRequest

__all__ = ["Write", "writes_in"]


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
