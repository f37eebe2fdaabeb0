"""What was written: the documents and updates in calls."""

from collections.abc import Iterable, Iterator

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.calls.writes import Write, writes_in
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.documents import decode
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType

__all__ = ["versions_of", "written"]


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
