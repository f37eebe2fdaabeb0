"""What a task or a plan fails with, beside the errors for a wrong request: refused calls, and rows that don't fit."""

from collections.abc import Iterator
from contextlib import contextmanager

from dsync_kit.errors import ConnectorError
from dsync_kit.flow.negotiation import End

__all__ = ["CallFailed", "RowError", "fitting", "refused"]


class CallFailed(Exception):
    """A connector has refused a call. The message says which call, of which connector, and why."""


class RowError(Exception):
    """A document has no place in the columns, or a row cannot become a document. The message says which, and why."""


@contextmanager
def refused(end: End, call: str) -> Iterator[None]:
    """Raise CallFailed, which names the call and the connector, for an error of the call."""
    try:
        yield
    except ConnectorError as error:
        raise CallFailed(end.redact(f"{call} of {end.title} failed: {error}")) from None


@contextmanager
def fitting() -> Iterator[None]:
    """Raise RowError for a document or a row that cannot be converted."""
    try:
        yield
    except ConnectorError as error:
        raise RowError(error.message) from None
