"""Calls while the connector's harness makes the backend unreachable, or makes it throttle."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from dsync_kit.bounds.patience import Attempt
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.errors import ConnectorError

__all__ = ["Answer", "decline_unseen", "during_outage", "outage", "outage_seconds", "throttle"]

_LEAST_SECONDS = 10.0
_MOST_SECONDS = 40.0
"""Client libraries retry on their own, some for five seconds, some for thirty."""

_RECOVERY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call: OK, or another status."""

    error: ConnectorError | None
    late: bool
    """Whether it came only after the backend was back."""


@contextmanager
def outage(case: Case) -> Iterator[None]:
    """The backend is unreachable while the context is open. Raises KitError if the harness fails to make it so."""
    began = time.monotonic()
    with _made_by_harness(case, "outage"):
        yield
    remembered = case.subject.remembered
    remembered.outage_seconds = max(remembered.outage_seconds, time.monotonic() - began)


@contextmanager
def throttle(case: Case) -> Iterator[None]:
    """The backend refuses some requests while the context is open. Raises KitError if the harness fails to do so."""
    with _made_by_harness(case, "throttle"):
        yield


@contextmanager
def _made_by_harness(case: Case, method: str) -> Iterator[None]:
    harness = case.subject.target.harness
    if harness is None:
        raise KitError(f"there is no harness with {method}()")
    context: object = getattr(harness, method)()
    if not isinstance(context, AbstractContextManager):
        raise KitError(f"{method}() of conformance.py must be a @contextmanager, but returned {context!r}")
    case.recorder.note(f"({method}() of conformance.py begins)")
    with context:
        yield
    case.recorder.note(f"({method}() of conformance.py has ended)")


def outage_seconds(case: Case) -> float:
    """How many seconds at most the backend stays away while a call waits for it."""
    return min(_MOST_SECONDS, _LEAST_SECONDS * case.bulk)


def during_outage(case: Case, call: Callable[[], object], seconds: float | None = None) -> Answer:
    """The answer to a call made during an outage, which is over when this returns.

    The outage ends with the call, or after `seconds`; without them, after the time that most clients wait. Raises
    Violation if there is no answer even then.
    """
    with outage(case):
        attempt = Attempt(call)
        late = not attempt.ends(outage_seconds(case) if seconds is None else seconds)
    answered = attempt.ends(_RECOVERY_SECONDS)
    if not answered:
        case.subject.liveness.hangs()
    case.check(
        answered,
        "a call during an outage gets no answer",
        expected=f"an answer within {_RECOVERY_SECONDS:.0f} seconds after it",
        seen="no answer",
    )
    try:
        attempt.answer()
    except ConnectorError as error:
        return Answer(error, late)
    return Answer(None, late)


def decline_unseen(case: Case, answers: Sequence[Answer]) -> None:
    """Raise Inapplicable if all calls waited until the backend was back: none showed a lost connection."""
    if all(answer.late and answer.error is None for answer in answers):
        raise case.decline(
            f"every call waited {outage_seconds(case):.0f} seconds for the backend to come back, so its answer when "
            "the client gives up was not seen: let start() return options that make it give up sooner"
        )
