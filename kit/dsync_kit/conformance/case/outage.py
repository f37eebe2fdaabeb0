"""Calls that are made while the backend is away: the harness of a connector makes it so."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.errors import ConnectorError

__all__ = ["Answer", "answered", "decline_unseen", "during_outage", "outage", "outage_seconds"]

_LEAST_SECONDS = 10.0
_MOST_SECONDS = 40.0
"""Client libraries try again by themselves, some for five seconds, some for thirty."""

_RECOVERY_SECONDS = 30.0


@dataclass(slots=True)
class Answer:
    """What came of a call: OK, a status, or an exception of the kit's own."""

    error: ConnectorError | None = None
    other: Exception | None = None
    late: bool = False
    """Whether it came only when the backend was back."""


@contextmanager
def outage(case: Case) -> Iterator[None]:
    """The backend is away while the context is open. Raises KitError where the harness cannot make it so."""
    if case.subject.target.harness is None:
        raise KitError("there is no harness to make the backend unreachable")
    context: object = case.subject.target.harness.outage()
    if not isinstance(context, AbstractContextManager):
        raise KitError(f"outage() of conformance.py is to be a @contextmanager, and gave {context!r}")
    case.recorder.note("(outage() of conformance.py begins)")
    with context:
        yield
    case.recorder.note("(outage() of conformance.py has ended)")


def outage_seconds(case: Case) -> float:
    """How long the backend stays away at most from a call that waits for it."""
    return min(_MOST_SECONDS, _LEAST_SECONDS * case.bulk)


def during_outage(case: Case, call: Callable[[], object]) -> Answer:
    """What a call gives that is made while the backend is away; the backend is back when it returns.

    Raises Violation where there is no answer even then.
    """
    with outage(case):
        answer, thread = answered(call, outage_seconds(case))
        answer.late = thread.is_alive()
    thread.join(_RECOVERY_SECONDS)
    if thread.is_alive():
        case.subject.liveness.hangs()
    case.check(
        not thread.is_alive(),
        "a call that was made during an outage is not answered",
        expected=f"an answer within {_RECOVERY_SECONDS:.0f} seconds after it",
        seen="no answer",
    )
    if answer.other is not None:
        raise answer.other
    return answer


def answered(call: Callable[[], object], seconds: float) -> tuple[Answer, threading.Thread]:
    """Make a call, and wait so long for its answer; the thread is alive where there is none yet."""
    answer = Answer()

    def run() -> None:
        try:
            call()
        except ConnectorError as error:
            answer.error = error
        except Exception as error:
            answer.other = error

    thread = threading.Thread(target=run, daemon=True, name="during-outage")
    thread.start()
    thread.join(seconds)
    return answer, thread


def decline_unseen(case: Case, answers: Sequence[Answer]) -> None:
    """Raises Inapplicable where all calls waited until the backend was back: nothing was seen of a connection lost."""
    if all(answer.late and answer.error is None for answer in answers):
        raise case.decline(
            f"every call waited for the backend to come back, for {outage_seconds(case):.0f} seconds: how it answers "
            "when its client gives up was not seen; let start() give options with which it tries for less long"
        )
