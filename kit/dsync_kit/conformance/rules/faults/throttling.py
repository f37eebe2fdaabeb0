"""Behaviour while the backend refuses some requests because there are too many."""

import itertools
import time

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.outage import throttle
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["RULES"]

_RETRY = "a temporary fault must carry one of the four codes"
_FEW = 0.08
_CALLS = 12
_TRIES = 6
_STREAM_SECONDS = 1.0
_PAUSE_SECONDS = 0.05


@rule(
    "faults/throttled-write",
    _RETRY,
    needs=(Need.THROTTLE, Need.SINK, Need.LOADING, Need.READING),
    hint="a 503 or 429 of the backend is not mapped: raise ResourceExhausted or Unavailable for it, never answer OK",
    after=("write/read-back", "write/several-pages", "updates/model"),
    examples=_FEW,
)
def throttled_write(case: Case) -> None:
    """A write that the backend throttles gets a retryable code, or OK and is durable."""
    data_type = case.data_type()
    namespace, model = case.namespace(), Model(data_type)
    documents = case.numbered(4 * _CALLS, data_type)
    refused: list[WriteDataRequest | WriteUpdatesRequest] = []
    sent: list[bytes] = []
    with throttle(case):
        for number in range(_CALLS):
            page = documents[4 * number : 4 * number + 4]
            request: WriteDataRequest | WriteUpdatesRequest = WriteDataRequest(
                namespace=namespace, data=page, type=data_type
            )
            if number % 2 and case.declared.can_change:
                updates = strategies.inserts(page, data_type)
                request = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
            if _taken(case, request):
                model.write(page)
                sent += page
            else:
                refused.append(request)
    # Parts of refused pages may be there.
    listed = {bytes(part.data) for found in case.read(namespace, data_type) for part in id_of(found, data_type)}
    gone = [document for document in sent if bytes(id_of(document, data_type)[0].data) not in listed]
    case.check(
        not gone,
        "a write was answered with OK while the backend throttled, and its documents are missing",
        expected=f"the {len(sent)} documents of {_CALLS - len(refused)} calls",
        seen=f"{len(gone)} of them missing",
    )
    # dsync sends refused requests again.
    for request in refused:
        if isinstance(request, WriteDataRequest):
            case.write(namespace, list(request.data), data_type)
            model.write(request.data)
        else:
            case.update(namespace, list(request.updates), data_type)
            model.apply(request.updates)
    case.expect(namespace, model, "the listing after refused pages were written again")
    if case.declared.can_change:
        _change_throttled(case, namespace, model)


def _change_throttled(case: Case, namespace: str, model: Model) -> None:
    """Overwrite and delete while the backend throttles, retrying each call until it succeeds, as dsync does."""
    new = case.numbered(len(model.documents), model.data_type, again=True)
    removes = UPDATE_TYPE_DELETE if case.deletes else UPDATE_TYPE_INSERT
    # Calls of different kinds: a store may make one request for each kind.
    kinds = itertools.cycle([(UPDATE_TYPE_UPDATE, removes), (removes,), (UPDATE_TYPE_UPDATE,)])
    with throttle(case):
        for place in range(0, len(new), 4):
            updates = [
                strategies.update_to(kind, document, model.data_type)
                for document, kind in zip(new[place:], next(kinds), strict=False)
            ]
            request = WriteUpdatesRequest(namespace=namespace, updates=updates, type=model.data_type)
            if not any(_taken(case, request) for _ in range(_TRIES)):
                raise case.decline(f"a call is refused {_TRIES} times while the backend throttles")
            model.apply(updates)
    case.expect(namespace, model, "the listing after overwrites and deletes while the backend throttled")


def _taken(case: Case, request: WriteDataRequest | WriteUpdatesRequest) -> bool:
    """Whether a write is acknowledged. Raises Violation if it is refused with a final code."""
    try:
        case.api.write_data(request) if isinstance(request, WriteDataRequest) else case.api.write_updates(request)
    except ConnectorError as error:
        _check_retryable(case, error, "a write")
        time.sleep(_PAUSE_SECONDS)
        return False
    case.checks += 1
    return True


def _check_retryable(case: Case, error: ConnectorError, call: str) -> None:
    case.check(
        error.retryable,
        f"while the backend throttles, {call} gets a final code",
        expected="RESOURCE_EXHAUSTED, UNAVAILABLE, ABORTED or DEADLINE_EXCEEDED",
        seen=error,
    )


@rule(
    "faults/throttled-list",
    _RETRY,
    needs=(Need.THROTTLE, Need.LISTING, Need.LOADING),
    hint="a 503 or 429 of the backend is not mapped, or is taken for the end of the data",
    after=("list/complete", "list/repeatable", "faults/throttled-write"),
    examples=_FEW,
)
def throttled_list(case: Case) -> None:
    """A listing that the backend throttles is complete, or gets a retryable code."""
    data_type = case.data_type()
    namespace = case.namespace()
    documents = case.numbered(40, data_type)
    case.write(namespace, documents, data_type)
    partitions = case.driver.plan([namespace]).partitions
    with throttle(case):
        for _ in range(_TRIES):
            listed: list[bytes] = []
            try:
                for partition in partitions:
                    for page in case.driver.pages(partition, data_type, expected=len(documents)):
                        listed += page
            except ConnectorError as error:
                _check_retryable(case, error, "ListData")
                continue
            listed = case.without_foreign(namespace, listed, data_type)
            Model(data_type, documents).check(listed, what="a listing while the backend throttles")
    case.expect(namespace, Model(data_type, documents), "the listing after the backend has throttled")


@rule(
    "faults/throttled-stream",
    "A stream must retry inside the connector.",
    needs=(Need.THROTTLE, Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="a 503 or 429 of the backend ends the stream: wait, and continue from the last position",
    after=("stream/opens", "stream/inserts", "stream/stays-open", "faults/stream-survives"),
    examples=_FEW,
)
def throttled_stream(case: Case) -> None:
    """A stream continues while the backend throttles, and loses nothing."""
    scene = Scene(case)
    follower = scene.follow()
    scene.mark()
    follower.converge(scene.wanted(), what="a stream before the backend throttles")
    with throttle(case):
        follower.message(_STREAM_SECONDS)
        case.check(
            not follower.reader.ended,
            "the stream ends while the backend throttles, and dsync does not reopen it",
            expected="an open stream",
            seen=follower.reader.error or "its end",
        )
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream that was open while the backend throttled")


RULES = (throttled_write, throttled_list, throttled_stream)
