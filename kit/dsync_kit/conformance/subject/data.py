"""Writes, changes and reads documents: through the connector if it can, else through its harness."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from grpc import StatusCode

from dsync_kit.bounds.patience import Patience, TooLong
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.results.outcome import KitError, Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.subject.declared import Declared
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, Update
from dsync_kit.testing.harness import Harness

__all__ = ["DECLINING_CODES", "REFUSING_CODES", "Data"]

DECLINING_CODES = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.NOT_FOUND,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNIMPLEMENTED,
    }
)
"""The codes with which a store declines what it need not support: a value, an id, a namespace or a call."""

REFUSING_CODES = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.OUT_OF_RANGE})
"""Of these, the codes with which a store refuses a document deliberately."""

T = TypeVar("T")

_HARNESS_SECONDS = 120.0
"""Seconds that `seed`, `update` and `read` of conformance.py may take: they may have to wait for the store."""


class Data:
    """The documents of one connector. Each method calls it through the given `driver`."""

    def __init__(self, declared: Declared, harness: Harness | None) -> None:
        self._declared = declared
        self._harness = harness

    def load(self, namespace: str, documents: Sequence[bytes], data_type: DataType, *, driver: Driver) -> None:
        """Write documents."""
        if self._declared.is_sink:
            driver.write_data(namespace, documents, data_type)
        elif (harness := self._harness) is not None:
            _past_it("seed", lambda: harness.seed(namespace, documents, data_type))

    def change(self, namespace: str, updates: Sequence[Update], data_type: DataType, *, driver: Driver) -> None:
        """Apply updates."""
        if self._declared.is_sink:
            driver.write_updates(namespace, updates, data_type)
        elif (harness := self._harness) is not None:
            _past_it("update", lambda: harness.update(namespace, updates, data_type))

    def read(self, namespace: str, data_type: DataType, *, driver: Driver, expected: int = 0) -> list[bytes]:
        """The documents in a namespace; none if it is unknown. Raises Violation for partitions of other namespaces."""
        if not self._declared.is_source:
            harness = self._harness
            return list(_past_it("read", lambda: harness.read(namespace, data_type))) if harness is not None else []
        try:
            listed = driver.listing([namespace], data_type, expected=expected)
        except ConnectorError as error:
            if error.code is StatusCode.NOT_FOUND:
                return []
            raise
        strangers = {name for name, _ in listed} - {namespace}
        if strangers:
            raise Violation(
                "the plan has a partition of a namespace that was not requested",
                expected=f"partitions of {namespace!r}",
                seen=f"partitions of {sorted(strangers)!r}",
                owner=Owner.PLAN_ASKED_NAMESPACES,
            )
        return [document for _, document in listed]


def _past_it(name: str, call: Callable[[], T]) -> T:
    """The result of a method of conformance.py. Raises KitError if it does not return."""
    try:
        return Patience(_HARNESS_SECONDS).call(call)
    except TooLong as error:
        raise KitError(f"{name}() of conformance.py: {error}") from None
    except SystemExit as error:
        raise KitError(f"{name}() of conformance.py calls sys.exit({error.code!r})") from error
