"""What happens while the backend cannot be reached, and after it has come back."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from dsync_kit.conformance.case import Case
from dsync_kit.conformance.model import Model
from dsync_kit.conformance.outcome import KitError
from dsync_kit.conformance.rule import Need, rule
from dsync_kit.conformance.scenes import Scene
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_INSERT,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["RULES"]

_RETRY = "So: a fault that may pass must carry one of the four codes"
_ONCE = 0.04
_OUTAGE_SECONDS = 3.0
"""How long a call that waits for the backend is left waiting."""

_RECOVERY_SECONDS = 30.0


@rule(
    "faults/write-code",
    _RETRY,
    needs=(Need.OUTAGE, Need.SINK, Need.LOADING, Need.READING),
    hint="the client library's error for a lost connection is not mapped: raise Unavailable for it",
    examples=_ONCE,
)
def write_code(case: Case) -> None:
    """Without its backend, writes are answered with a retryable code; and nothing that was answered OK is lost."""
    data_type = case.data_type()
    namespace = case.namespace()
    documents = case.numbered(6, data_type)
    updates = [
        Update(id=id_of(document, data_type), type=UPDATE_TYPE_INSERT, data=document) for document in documents[3:]
    ]
    page = WriteDataRequest(namespace=namespace, data=documents[:3], type=data_type)
    call = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
    case.own(namespace, data_type, documents)
    for name, send in (
        ("WriteData", lambda: case.api.write_data(page)),
        ("WriteUpdates", lambda: case.api.write_updates(call)),
    ):
        answer = _during_outage(case, send)
        case.check(
            answer.error is None or answer.error.retryable,
            f"without its backend, {name} is answered with a final code",
            expected="ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE or DEADLINE_EXCEEDED",
            seen=answer.error,
        )
    # dsync sends the same again.
    case.driver.write_data(namespace, documents[:3], data_type)
    case.driver.write_updates(namespace, updates, data_type)
    case.expect(namespace, Model(data_type, documents), "what is written again after an outage")


@rule(
    "faults/list-code",
    _RETRY,
    needs=(Need.OUTAGE, Need.SOURCE, Need.LOADING),
    hint="the client library's error for a lost connection is not mapped, or taken for the end of the data",
    after=("faults/write-code",),
    examples=_ONCE,
)
def list_code(case: Case) -> None:
    """Without its backend, ListData is answered with a retryable code, and not with fewer documents."""
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

    answer = _during_outage(case, list_all)
    if answer.error is None:
        Model(data_type, documents).check(listed, what="the listing while the backend is away")
    case.check(
        answer.error is None or answer.error.retryable,
        "without its backend, ListData is answered with a final code",
        expected="ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE or DEADLINE_EXCEEDED",
        seen=answer.error,
    )
    case.expect(namespace, Model(data_type, documents), "the listing after an outage")


@rule(
    "faults/stream-survives",
    "A stream must retry inside the connector.",
    needs=(Need.OUTAGE, Need.UPDATES, Need.LOADING, Need.CHANGING),
    hint="an error of the backend ends the stream: open it again inside, from the last position",
    after=("stream/opens", "stream/inserts", "stream/stays-open"),
    examples=_ONCE,
)
def stream_survives(case: Case) -> None:
    """A stream goes on after an outage, and nothing is lost."""
    scene = Scene(case)
    follower = scene.follow()
    scene.mark()
    follower.converge(scene.wanted(), what="a stream before an outage")
    with _outage(case):
        follower.message(_OUTAGE_SECONDS / 3)
    scene.mark()
    for name, call in scene.history():
        scene.change(name, call)
    scene.mark()
    follower.converge(scene.wanted(), what="a stream that was open during an outage")


@dataclass(slots=True)
class _Answer:
    error: ConnectorError | None = None
    other: Exception | None = None


def _outage(case: Case) -> AbstractContextManager[None]:
    if case.subject.harness is None:
        raise KitError("there is no harness to make the backend unreachable")
    case.recorder.note("(outage() of conformance.py begins)")
    return case.subject.harness.outage()


def _during_outage(case: Case, call: Callable[[], object]) -> _Answer:
    """What a call gives that is made while the backend is away; one that waits is answered when it is back."""
    answer = _Answer()

    def run() -> None:
        try:
            call()
        except ConnectorError as error:
            answer.error = error
        except Exception as error:
            answer.other = error

    thread = threading.Thread(target=run, daemon=True, name="during-outage")
    with _outage(case):
        thread.start()
        thread.join(_OUTAGE_SECONDS)
    case.recorder.note("(outage() of conformance.py has ended)")
    thread.join(_RECOVERY_SECONDS)
    case.subject.hung = thread.is_alive()
    case.check(
        not thread.is_alive(),
        "a call that was made during an outage is not answered",
        expected=f"an answer within {_RECOVERY_SECONDS:.0f} seconds after it",
        seen="no answer",
    )
    if answer.other is not None:
        raise answer.other
    return answer


RULES = (write_code, list_code, stream_survives)
