"""What rules expect of an answer to input that a connector cannot take: refused, finally, and with the best code."""

from grpc import StatusCode

from dsync_kit.conformance.case.case import Case
from dsync_kit.errors import ConnectorError

__all__ = ["BAD_INPUT", "BEST_CODE", "expect_code", "expect_final", "expect_refused"]

BAD_INPUT = "bad input must carry a final code"
"""Of a MUST: dsync repeats what carries a retryable one, in vain."""

BEST_CODE = "bad input must carry a final code, and should carry INVALID_ARGUMENT"
"""Of a SHOULD: dsync treats all final codes alike, and its user reads them."""


def expect_refused(case: Case, error: ConnectorError | None, what: str) -> None:
    """`what` was refused (`error`; None where it was accepted), with a code that dsync does not retry."""
    if error is None:
        case.check(False, f"{what} was accepted", expected="a refusal, with INVALID_ARGUMENT", seen="OK")
    else:
        expect_final(case, error, what)


def expect_final(case: Case, error: ConnectorError, what: str) -> None:
    """`what` was refused with a code that dsync does not retry."""
    case.check(
        not error.retryable,
        f"{what} is refused with a retryable code: dsync retries it in vain",
        expected="INVALID_ARGUMENT",
        seen=error,
    )


def expect_code(case: Case, error: ConnectorError, what: str, *codes: StatusCode) -> None:
    """`what` was refused with one of the codes that say why."""
    case.check(
        error.code in codes,
        f"{what} is refused with a code that does not say why",
        expected=" or ".join(code.name for code in codes),
        seen=error,
    )
