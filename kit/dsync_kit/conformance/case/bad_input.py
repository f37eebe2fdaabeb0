"""Checks on the answer to bad input: a refusal with a final code, ideally the best one."""

from grpc import StatusCode

from dsync_kit.conformance.case.case import Case
from dsync_kit.errors import ConnectorError

__all__ = ["BAD_INPUT", "BEST_CODE", "MORE_THAN_A_BATCH", "expect_code", "expect_final", "expect_refused"]

MORE_THAN_A_BATCH = 120
"""So many documents that many connectors split the page: if a later part is refused, an earlier one may remain."""

BAD_INPUT = "bad input must carry a final code"
"""For a MUST: after a retryable code, dsync would repeat the call in vain."""

BEST_CODE = "bad input must carry a final code, and should carry INVALID_ARGUMENT"
"""For a SHOULD: dsync treats all final codes alike, but its user reads them."""


def expect_refused(case: Case, error: ConnectorError | None, what: str) -> None:
    """Check that `what` was refused with a code that dsync does not retry. `error` is None if it was accepted."""
    if error is None:
        case.check(False, f"{what} was accepted", expected="a refusal, with INVALID_ARGUMENT", seen="OK")
    else:
        expect_final(case, error, what)


def expect_final(case: Case, error: ConnectorError, what: str) -> None:
    """Check that `what` was refused with a code that dsync does not retry."""
    case.check(
        not error.retryable,
        f"{what} is refused with a retryable code: dsync retries it in vain",
        expected="INVALID_ARGUMENT",
        seen=error,
    )


def expect_code(case: Case, error: ConnectorError, what: str, *codes: StatusCode) -> None:
    """Check that `what` was refused with one of the codes that say why."""
    case.check(
        error.code in codes,
        f"{what} is refused with a code that does not say why",
        expected=" or ".join(code.name for code in codes),
        seen=error,
    )
