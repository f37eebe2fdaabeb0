"""The symptoms of a failure: what only the wrong documents of its example have in common.

Rules notice the same bug in different ways. If the documents that are wrong in two examples, and no others, were larger
than 64 KiB, or had been refused before, the two failures are one bug.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import Message

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.results.outcome import Violation, Wrong
from dsync_kit.conformance.verdicts.inspection import document_key, key_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import WriteDataRequest, WriteUpdatesRequest
from dsync_kit.protocol.names import kind_name

__all__ = ["symptoms_of"]

_LARGE_DOCUMENT = 64 << 10
"""Bytes of a document that is called large."""

_LARGE_CALL = 1 << 20
"""Bytes of a call that is called large."""

_MANY = 500
"""The documents or updates of a call that has many."""


def symptoms_of(violation: Violation, calls: Sequence[Call]) -> tuple[str, ...]:
    """The symptoms of a violation after these calls, in words, the surest first."""
    refused = (f"{' is refused with '.join(violation.refusal.split())}",) if violation.refusal else ()
    return (*refused, *_of_documents(violation.wrong, calls))


@dataclass(frozen=True, slots=True)
class _Write:
    """How a document was last written: by which call, as which kind of write, and whether that had been refused with a
    retryable code before."""

    call: Call
    kind: str
    document: bytes
    refused: bool

    def circumstances(self) -> Iterator[str]:
        """What is unusual about it: about a write of any kind, and about one of its kind."""
        for unusual in self._unusual():
            yield f"a write {unusual}"
            yield f"{self.kind} {unusual}"

    def _unusual(self) -> Iterator[str]:
        if self.refused:
            yield "that was refused at first, and repeated"
        if len(self.document) >= _LARGE_DOCUMENT:
            yield f"of a document of {_LARGE_DOCUMENT >> 10} KiB or more"
        elif self.call.request.ByteSize() >= _LARGE_CALL:
            yield f"in a call of {_LARGE_CALL >> 20} MiB or more"
        if _items(self.call.request) >= _MANY:
            yield f"in a call with {_MANY} or more documents"
        if self.call.instance:
            yield f"by the {self.call.instance}"


def _of_documents(wrong: Sequence[Wrong], calls: Sequence[Call]) -> Iterator[str]:
    """What has become of the wrong documents, after writes that have something unusual in common."""
    if not wrong:
        return
    last = _last_writes(calls)
    keys = {key for one in wrong if (key := _key(one))}
    shared = [set(last[key].circumstances()) if key in last else set[str]() for key in keys]
    others = {found for key, write in last.items() if key not in keys for found in write.circumstances()}
    became = {_became(one) for one in wrong}
    if len(became) == 1 and shared:
        (what,) = became
        yield from (f"{what} after {found}" for found in sorted(set.intersection(*shared) - others))


def _became(one: Wrong) -> str:
    if one.seen is None:
        return "documents are missing"
    return "documents are still there" if one.expected is None else "documents are not what was written"


def _key(one: Wrong) -> bytes:
    document = one.expected if one.expected is not None else one.seen
    try:
        return document_key(document, one.data_type) if document is not None else b""
    except InvalidArgument:
        return b""


def _last_writes(calls: Sequence[Call]) -> dict[bytes, _Write]:
    """The last acknowledged write of each document, by the key of its id."""
    found: dict[bytes, _Write] = {}
    refused: set[bytes] = set()
    for call in calls:
        for key, kind, document in _written(call.request):
            if call.error is None:
                found[key] = _Write(call, kind, document, key in refused)
                refused.discard(key)
            elif call.error.retryable:
                refused.add(key)
    return found


def _written(request: Message) -> Iterator[tuple[bytes, str, bytes]]:
    """The key, the kind and the document of each write in a request. What is malformed is left out."""
    match request:
        case WriteDataRequest():
            for document in request.data:
                with suppress(InvalidArgument):
                    yield document_key(document, request.type), "a WriteData", document
        case WriteUpdatesRequest():
            for update in request.updates:
                with suppress(InvalidArgument):
                    yield key_of(update.id, request.type), f"a WriteUpdates {kind_name(update.type)}", update.data


def _items(request: Message) -> int:
    match request:
        case WriteDataRequest():
            return len(request.data)
        case WriteUpdatesRequest():
            return len(request.updates)
    return 0
