"""Tells a changed value from another version: a document that was written elsewhere, or earlier, was not converted."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.documents import same_document
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType, WriteDataRequest, WriteUpdatesRequest

__all__ = ["blame_no_value"]


def blame_no_value(violation: Violation, calls: Sequence[Call]) -> None:
    """Only suspect the owner of a violation about a changed value if the document is another version that was sent."""
    changed = next((one for one in violation.wrong if one.expected and one.seen), None)
    if changed is None or not violation.owner:
        return
    change = change_of(changed.expected, changed.seen, changed.data_type)
    if violation.owner == change.owner and _was_sent(changed, calls):
        violation.owner, violation.suspect = "", violation.owner
        if violation.hint == change.description:
            violation.hint = ""


def _was_sent(changed: Wrong, calls: Sequence[Call]) -> bool:
    seen, data_type = changed.seen or b"", changed.data_type
    key = document_key(seen, data_type)
    for document in _sent(calls, data_type):
        with suppress(InvalidArgument):  # intentionally not a document
            if document_key(document, data_type) == key and same_document(document, seen, data_type):
                return True
    return False


def _sent(calls: Sequence[Call], data_type: DataType) -> Iterator[bytes]:
    """The whole documents that were sent in a data type."""
    for call in calls:
        match call.request:
            case WriteDataRequest(type=kind) if kind == data_type:
                yield from call.request.data
            case WriteUpdatesRequest(type=kind) if kind == data_type:
                yield from (update.data for update in call.request.updates if update.data)
