"""The symptoms of a failure: what only the wrong documents of its example have in common.

Rules notice the same bug in different ways. If the documents that are wrong in two examples, and no others, are large,
or their writes had been refused before, the two failures are one bug.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from grpc import StatusCode

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.calls.writes import writes_in
from dsync_kit.conformance.documents.keys import document_key, key_of
from dsync_kit.conformance.results.alike import shape_of
from dsync_kit.conformance.results.outcome import Symptom, Violation, Wrong
from dsync_kit.conformance.verdicts.differences import change_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import GetByIdsRequest, GetByIdsResponse
from dsync_kit.protocol.names import kind_name

__all__ = ["symptoms_of"]

_LARGE_DOCUMENT = 16 << 10
_LARGE_CALL = 256 << 10
_MANY = 100
"""Bytes of a document, bytes of a call, and documents of a call, from which on their number may be what matters."""

_SAYS_SOMETHING, _LONGEST = 12, 80
"""The least characters of a text that says why a call was refused, and how many are compared."""


def symptoms_of(violation: Violation, calls: Sequence[Call]) -> tuple[Symptom, ...]:
    """The symptoms of a violation after these calls, the surest first."""
    refused = (f"{' is refused with '.join(violation.refusal.split())}",) if violation.refusal else ()
    return (
        *(Symptom(text, lasts=True) for text in (*refused, *_of_answers(violation.seen, calls))),
        *map(Symptom, filter(None, (violation.symptom,))),
        *map(Symptom, _of_documents(violation.wrong, calls)),
        *map(Symptom, _of_values(violation.wrong)),
        *map(Symptom, _of_lookups(calls)),
    )


def _of_answers(seen: str, calls: Sequence[Call]) -> Iterator[str]:
    """The text of a refusal that the violation quotes: other calls may be refused for the same reason."""
    errors = ((call.rpc, call.error) for call in reversed(calls) if call.error is not None)
    rpc, error = next((pair for pair in errors if pair[1].message and pair[1].message in seen), (None, None))
    if rpc is not None and error is not None and error.retryable:
        yield f"{rpc.name} is refused with {error.code.name}"
    if error is not None and error.code is not StatusCode.UNKNOWN:  # an exception may come from anywhere
        text = shape_of(error.message)
        if len(text) >= _SAYS_SOMETHING:
            yield f"calls are refused with {error.code.name}: {text[:_LONGEST]}"


def _of_values(wrong: Sequence[Wrong]) -> Iterator[str]:
    """The kinds of a value before and after, if the first difference is a value or an id of another kind."""
    missing = [one for one in wrong if one.seen is None]
    extra = [one for one in wrong if one.expected is None]
    both = next((one for one in wrong if one.expected and one.seen), None)
    if both is not None:
        converted = change_of(both.expected, both.seen, both.data_type).converted
    elif len(missing) == len(extra) == 1:
        converted = change_of(missing[0].expected, extra[0].seen, missing[0].data_type).converted
    else:
        return
    if converted:
        yield " comes back as ".join(converted)


def _of_lookups(calls: Sequence[Call]) -> Iterator[str]:
    """What is wrong with the last answer, if that is one of GetByIds."""
    last = calls[-1] if calls else None
    answer = last.responses[0] if last is not None and last.responses else None
    if last is None or not isinstance(last.request, GetByIdsRequest) or not isinstance(answer, GetByIdsResponse):
        return
    ids, items = last.request.ids, answer.data
    if len(ids) != len(items):
        yield "GetByIds does not return as many items as ids"
        return
    for asked, item in zip(ids, items, strict=True):
        with suppress(InvalidArgument):
            if item.data and document_key(item.data, last.request.type) != key_of(asked.id, last.request.type):
                yield "GetByIds returns documents of other ids than it was asked for"
                return
    if ids and not any(item.data for item in items):
        yield "GetByIds finds none of the documents that it is asked for"


@dataclass(frozen=True, slots=True)
class _Write:
    """How a document was last written: by which call, beside how many others, as which kind of write, and whether that
    had been refused with a retryable code before."""

    call: Call
    others: int
    kind: str
    document: bytes
    refused: bool


def _of_documents(wrong: Sequence[Wrong], calls: Sequence[Call]) -> Iterator[str]:
    """What has become of the wrong documents, after writes that have something unusual in common."""
    keys = {_key(one) for one in wrong}
    last = _last_writes(calls)
    became = {_became(one) for one in wrong}
    if len(became) != 1 or not keys <= last.keys():
        return
    (what,) = became
    of_wrong = [last[key] for key in keys]
    of_right = [write for key, write in last.items() if key not in keys]
    kinds = {write.kind for write in of_wrong}
    if len(kinds) == 1:
        (kind,) = kinds
        like_them = [write for write in of_right if write.kind == kind]
        yield from (f"{what} after {kind} {unusual}" for unusual in _unusual(of_wrong, like_them))
    yield from (f"{what} after a write {unusual}" for unusual in _unusual(of_wrong, of_right))


def _unusual(wrong: Sequence[_Write], right: Sequence[_Write]) -> Iterator[str]:
    """What is unusual about all of the wrong writes, and none of the right ones."""
    if all(write.refused for write in wrong) and not any(write.refused for write in right):
        yield "that was refused at first, and repeated"
    if _exceed(wrong, right, lambda write: len(write.document), _LARGE_DOCUMENT):
        yield "of a large document"
    elif _exceed(wrong, right, lambda write: write.call.request.ByteSize(), _LARGE_CALL):
        yield "in a large call"
    if _exceed(wrong, right, lambda write: write.others + 1, _MANY):
        yield "in a call with many documents"
    instances = {write.call.instance for write in wrong}
    if len(instances) == 1 and "" not in instances and instances.isdisjoint(write.call.instance for write in right):
        yield f"by the {instances.pop()}"


def _exceed(wrong: Sequence[_Write], right: Sequence[_Write], measure: Callable[[_Write], int], least: int) -> bool:
    """Whether a measure of all wrong writes is at least `least`, and more than that of all right ones."""
    return min(map(measure, wrong)) > max([least - 1, *map(measure, right)])


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
    """The last acknowledged write of each document, by the key of its id. Malformed ones are left out."""
    found: dict[bytes, _Write] = {}
    refused: set[bytes] = set()
    for call in calls:
        writes = list(writes_in(call.request))
        for write in writes:
            if (key := write.key) is None:
                continue
            if call.error is None:
                kind = f" {kind_name(write.update.type)}" if write.update is not None else ""
                document = write.document or b""
                found[key] = _Write(call, len(writes) - 1, f"a {call.rpc.name}{kind}", document, key in refused)
                refused.discard(key)
            elif call.error.retryable:
                refused.add(key)
    return found
