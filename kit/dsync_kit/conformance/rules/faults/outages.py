"""Behaviour while the backend is unreachable, and after it has come back."""

import itertools
from collections.abc import Callable

from dsync_kit.bounds.patience import Attempt
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.outage import Answer, decline_unseen, during_outage, outage, outage_seconds
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
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
_ONCE = 0.04
_STREAM_SECONDS = 1.0
"""How long the outage lasts for a stream after a call has failed: by then, its client has given up, too."""


@rule(
    "faults/write-code",
    _RETRY,
    needs=(Need.OUTAGE, Need.SINK, Need.LOADING, Need.READING),
    hint="the client library's error for a lost connection is not mapped: raise Unavailable for it",
    examples=_ONCE,
)
def write_code(case: Case) -> None:
    """Without its backend, the connector answers writes with a retryable code, and loses no acknowledged write."""
    data_type = case.data_type()
    namespace = case.namespace()
    documents = case.numbered(6, data_type)
    updates = strategies.inserts(documents[3:], data_type)
    page = WriteDataRequest(namespace=namespace, data=documents[:3], type=data_type)
    call = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
    answers = [_during_outage(case, "WriteData", lambda: case.api.write_data(page))]
    if case.declared.can_change:
        answers.append(_during_outage(case, "WriteUpdates", lambda: case.api.write_updates(call)))
    # dsync sends the same request again.
    case.write(namespace, documents[:3], data_type)
    if case.declared.can_change:
        case.update(namespace, updates, data_type)
    else:
        case.write(namespace, documents[3:], data_type)
    case.expect(namespace, Model(data_type, documents), "the listing after refused pages were written again")
    decline_unseen(case, answers)


@rule(
    "faults/list-code",
    _RETRY,
    needs=(Need.OUTAGE, Need.LISTING, Need.LOADING),
    hint="the client library's error for a lost connection is not mapped, or looks like the end of the data",
    after=("faults/write-code",),
    examples=_ONCE,
)
def list_code(case: Case) -> None:
    """Without its backend, ListData answers with a retryable code, not with fewer documents."""
    data_type = case.data_type()
    namespace = case.namespace()
    documents = case.numbered(20, data_type)
    case.write(namespace, documents, data_type)
    partitions = case.driver.plan([namespace]).partitions
    listed: list[bytes] = []

    def list_all() -> None:
        for partition in partitions:
            for page in case.driver.pages(partition, data_type, expected=len(documents)):
                listed.extend(page)

    answer = _during_outage(case, "ListData", list_all)
    if answer.error is None:
        listed = case.without_foreign(namespace, listed, data_type)
        Model(data_type, documents).check(listed, what="the listing while the backend is away")
    case.expect(namespace, Model(data_type, documents), "the listing after an outage")
    decline_unseen(case, [answer])


@rule(
    "faults/stream-survives",
    "A stream must retry inside the connector.",
    needs=(Need.OUTAGE, Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="an error of the backend ends the stream: reopen the backend's stream from the last position",
    after=("stream/opens", "stream/inserts", "stream/stays-open"),
    examples=_ONCE,
)
def stream_survives(case: Case) -> None:
    """A stream continues after an outage, and loses nothing."""
    scene = Scene(case)
    follower = scene.follow()
    scene.mark()
    follower.converge(scene.wanted(), what="a stream before an outage")
    with outage(case):
        Attempt(scene.plan).ends(outage_seconds(case))
        follower.message(_STREAM_SECONDS)
    scene.mark()
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream that was open during an outage")


@rule(
    "faults/updates-code",
    _RETRY,
    needs=(Need.OUTAGE, Need.SINK, Need.LOADING, Need.READING, Need.CHANGING),
    hint="a change is noted as done before it has been made, in a cache of ids or of calls",
    after=("faults/write-code", "updates/model", "updates/repeated-call"),
    examples=_ONCE,
)
def updates_code(case: Case) -> None:
    """Overwrites and deletes refused during an outage are applied when they are sent again."""
    data_type = case.data_type()
    namespace = case.namespace()
    old = case.numbered(6, data_type, version="old")
    case.write(namespace, old, data_type)
    model = Model(data_type, old)
    new = case.numbered(6, data_type, version="new")
    kinds = itertools.cycle([UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE if case.deletes else UPDATE_TYPE_INSERT])
    updates = [strategies.update_to(kind, document, data_type) for document, kind in zip(new, kinds, strict=False)]
    call = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
    answer = _during_outage(case, "WriteUpdates", lambda: case.api.write_updates(call))
    case.update(namespace, updates, data_type)
    model.apply(updates)
    case.expect(namespace, model, "the listing after refused overwrites and deletes were sent again")
    decline_unseen(case, [answer])


@rule(
    "faults/unnoticed",
    _RETRY,
    needs=(Need.OUTAGE, Need.SINK, Need.LOADING, Need.READING),
    hint="a lost connection is used again: open another one, or answer UNAVAILABLE",
    after=("faults/write-code", "faults/list-code"),
    examples=_ONCE,
)
def unnoticed(case: Case) -> None:
    """After an outage during which nothing was called, every call succeeds, at once or after a retryable code."""
    data_type = case.data_type()
    namespace, model = case.namespace(), Model(data_type)
    documents = case.numbered(6, data_type)

    def write(page: list[bytes]) -> None:
        case.write(namespace, page, data_type)

    def insert(page: list[bytes]) -> None:
        case.update(namespace, strategies.inserts(page, data_type), data_type)

    calls: list[tuple[str, Callable[[list[bytes]], None]]] = [("WriteData", write)]
    if case.declared.can_change:
        # Restarting a store takes seconds: if there is little time, one way to write stands for both.
        calls = [*calls, ("WriteUpdates", insert)] if case.bulk > 1 else [("WriteUpdates", insert)]
    for number, (name, call) in enumerate(calls):
        before, after = documents[3 * number], documents[3 * number + 1 : 3 * number + 3]
        write([before])
        model.write([before])
        case.expect(namespace, model, "the listing before an outage")
        with outage(case):
            pass
        _answered(case, name, lambda call=call, after=after: call(after))  # type: ignore[misc]
        model.write(after)
        case.expect(namespace, model, f"the listing after an outage without calls, and a {name}")
    if not case.declared.is_source:
        return
    partitions = case.driver.plan([namespace]).partitions
    with outage(case):
        pass
    for partition in partitions:
        _answered(case, "ListData", lambda partition=partition: case.driver.list_partition(partition, data_type))  # type: ignore[misc]
    case.expect(namespace, model, "the listing after an outage without calls")


def _answered(case: Case, name: str, call: Callable[[], object]) -> None:
    """A call as dsync makes it, with its retries. Raises Violation if it fails."""
    try:
        call()
    except ConnectorError as error:
        final = "a final code" if not error.retryable else "a retryable code, again and again"
        case.check(
            False,
            f"the first {name} after an outage without calls gets {final}",
            expected="OK, or a retryable code and then OK",
            seen=error,
        )


def _during_outage(case: Case, name: str, call: Callable[[], object]) -> Answer:
    """The answer to a call during the outage. Raises Violation if it is a final code."""
    answer = during_outage(case, call)
    case.check(
        answer.error is None or answer.error.retryable,
        f"without its backend, {name} gets a final code",
        expected="ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE or DEADLINE_EXCEEDED",
        seen=answer.error,
    )
    return answer


RULES = (write_code, list_code, updates_code, unnoticed, stream_survives)
