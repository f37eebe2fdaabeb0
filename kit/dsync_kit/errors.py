"""The errors that a connector raises, and the one place where exceptions become gRPC statuses.

    ConnectorError                 a status other than OK, with its code
    ├── RetryableError             dsync repeats the call (a listing: the whole partition)
    │   ├── Aborted
    │   ├── DeadlineExceeded
    │   ├── ResourceExhausted
    │   └── Unavailable
    └── FinalError                 dsync gives up: the partition or the flow fails
        ├── InvalidArgument
        ├── NotFound
        ├── FailedPrecondition
        ├── PermissionDenied
        └── Unimplemented

dsync repeats ListData, WriteData and WriteUpdates three times if the code is retryable. It repeats nothing else: not
GetInfo, not GeneratePlan, not the streams.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from uuid import uuid4

from grpc import StatusCode

from dsync_kit.usage import UsageError

__all__ = [
    "RETRYABLE_CODES",
    "Aborted",
    "ConnectorError",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FinalError",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "ResourceExhausted",
    "RetryableError",
    "Status",
    "Unavailable",
    "Unimplemented",
    "UsageError",
    "error_for",
    "is_interrupt",
    "status_of",
]

logger = logging.getLogger(__name__)

RETRYABLE_CODES = frozenset(
    {StatusCode.ABORTED, StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}
)

_MESSAGE_BYTES = 2000


class ConnectorError(Exception):
    """A status other than OK: its code, and the message that the caller gets, which must not contain secrets."""

    code: StatusCode = StatusCode.UNKNOWN

    def __init__(self, message: str, code: StatusCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    @property
    def retryable(self) -> bool:
        """Whether dsync repeats a listing or a write that gets this code."""
        return self.code in RETRYABLE_CODES

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class RetryableError(ConnectorError):
    """A temporary fault: the same request may succeed a second later."""

    code = StatusCode.UNAVAILABLE


class Aborted(RetryableError):
    """The work stopped half way, for example because a page cursor has expired. It must start over."""

    code = StatusCode.ABORTED


class DeadlineExceeded(RetryableError):
    """The data system did not answer in time."""

    code = StatusCode.DEADLINE_EXCEEDED


class ResourceExhausted(RetryableError):
    """The data system throttles requests, or is full."""

    code = StatusCode.RESOURCE_EXHAUSTED


class Unavailable(RetryableError):
    """The data system cannot be reached."""

    code = StatusCode.UNAVAILABLE


class FinalError(ConnectorError):
    """Repeating the request would not help."""

    code = StatusCode.INTERNAL


class InvalidArgument(FinalError):
    """The request is wrong: a malformed document, an unknown type, a foreign cursor."""

    code = StatusCode.INVALID_ARGUMENT


class NotFound(FinalError):
    """The namespace does not exist."""

    code = StatusCode.NOT_FOUND


class FailedPrecondition(FinalError):
    """The data system is not set up for this; for example, its change log is switched off."""

    code = StatusCode.FAILED_PRECONDITION


class PermissionDenied(FinalError):
    """The credentials do not allow it."""

    code = StatusCode.PERMISSION_DENIED


class Unimplemented(FinalError):
    """The connector does not support this call."""

    code = StatusCode.UNIMPLEMENTED


_BY_CODE: dict[StatusCode, type[ConnectorError]] = {
    error.code: error
    for error in (
        Aborted,
        DeadlineExceeded,
        ResourceExhausted,
        Unavailable,
        InvalidArgument,
        NotFound,
        FailedPrecondition,
        PermissionDenied,
        Unimplemented,
    )
}


def error_for(code: StatusCode, message: str) -> ConnectorError:
    """The exception for a status that came over the wire."""
    if (known := _BY_CODE.get(code)) is not None:
        return known(message)
    return ConnectorError(message, code)


@dataclass(frozen=True, slots=True)
class Status:
    """What goes over the wire: a code, and a message without secrets or traceback."""

    # Frozen is safe here, since it is never raised: a frozen dataclass as an exception breaks inside context managers.
    code: StatusCode
    message: str

    # The standard library raises these when the other end of a connection fails.
    KNOWN: ClassVar[tuple[tuple[type[BaseException], StatusCode], ...]] = (
        (NotImplementedError, StatusCode.UNIMPLEMENTED),
        (TimeoutError, StatusCode.DEADLINE_EXCEEDED),
        (ConnectionError, StatusCode.UNAVAILABLE),
    )


def is_interrupt(error: BaseException) -> bool:
    """Whether this is the user's Ctrl-C, and not raised by a connector: Python raises it in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def status_of(
    error: BaseException,
    *,
    translate: Callable[[Exception], ConnectorError | None] = lambda _: None,
    redact: Callable[[str], str] = lambda text: text,
) -> Status:
    """Turn an exception of a connector into a status. Even `sys.exit` in a connector becomes one.

    `translate` is the connector's mapping (see `Connector.translate_error`). An unknown exception is logged with its
    traceback and a reference number. The caller gets only the number: the exception's text may contain credentials.
    """
    known: BaseException | None = error
    try:
        if not isinstance(error, ConnectorError):
            known = translate(error) if isinstance(error, Exception) else None
    except Exception as failure:  # its context is `error`, so the log shows both
        error, known = failure, None
    if isinstance(known, ConnectorError):
        return Status(known.code, _fitting(redact(known.message)))
    for kind, code in Status.KNOWN:
        if isinstance(error, kind):
            return Status(code, _fitting(redact(str(error))) or kind.__name__)
    reference = uuid4().hex[:8]
    # Redacted as a whole: a traceback quotes the exception's text, secrets included.
    logger.error("unexpected error %s\n%s", reference, redact("".join(traceback.format_exception(error))))
    if isinstance(error, SystemExit):
        argument = "" if error.code is None else error.code if isinstance(error.code, int) else "…"
        what = f"the connector asked for its process to end: sys.exit({argument})"
    else:
        what = f"the connector failed unexpectedly ({type(error).__name__})"
    return Status(StatusCode.UNKNOWN, f"{what}; its log has details under {reference}")


def _fitting(message: str) -> str:
    """The message, cut to fit into a header: gRPC turns a longer one into RESOURCE_EXHAUSTED, which dsync retries."""
    # The header may have 8 KiB in all, and each byte beyond ASCII takes three bytes in it.
    data = message.encode(errors="backslashreplace")
    return data[:_MESSAGE_BYTES].decode(errors="ignore")
