"""How the kit runs a connector in tests: where its scratch area is, and what the connector itself cannot do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from dsync_kit.errors import UsageError
from dsync_kit.protocol import DataType, Update
from dsync_kit.registry import import_folder

__all__ = ["Harness", "load_harness"]


class Harness:
    """Subclass it in a connector's `conformance.py`, and name the class there: `HARNESS = ExampleHarness`.

    A connector that is both source and sink needs only `start` and `stop`: the kit writes and reads through it. The
    other methods do what a connector itself cannot do. Leave out those that you don't need.
    """

    namespaces: ClassVar[Sequence[str]] = ()
    """Namespaces that the kit may write to and empty, for a store in which writing does not create a namespace."""

    documents: Mapping[str, Mapping[str, Any]] = {}
    """The document schema of each namespace (docs/schemas.md), for a store with tables or the like: what a file for
    `--documents` holds. `"*"` stands for all other namespaces. `start` may set it."""

    settle: ClassVar[float | None] = None
    """Seconds after which reads must see acknowledged writes; 0 if they must at once. With None, the kit finds out."""

    known_failures: ClassVar[Mapping[str, str]] = {}
    """Rules (ids or globs) that this connector is known to violate, each with the reason. They still run, and the run
    fails if the example that is kept of one passes (docs/ci.md)."""

    known_flaky: ClassVar[Mapping[str, str]] = {}
    """Rule ids (or globs) that this connector violates now and then, each with a reason that begins with the last day
    on which the entry holds: `until 2026-12-31: …`. They still run, and fail no run until then."""

    def start(self) -> Sequence[str]:
        """Start the backend, create a scratch area. Return the words that a user would type: URI, then options."""
        raise NotImplementedError

    def stop(self) -> None:
        """Remove the scratch area and stop the backend. Always called once, even after errors."""

    def seed(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """Put documents into the source directly. Only a connector that is not a sink needs it."""
        raise NotImplementedError

    def update(self, namespace: str, updates: Sequence[Update], data_type: DataType) -> None:
        """Change documents in the source directly. Only a connector that streams updates and is not a sink needs it."""
        raise NotImplementedError

    def read(self, namespace: str, data_type: DataType) -> Sequence[bytes]:
        """Read the documents in the sink directly. Only a connector that is not a source needs it."""
        raise NotImplementedError

    def outage(self) -> AbstractContextManager[None]:
        """Make the backend unreachable while the context is open."""
        raise NotImplementedError

    def throttle(self) -> AbstractContextManager[None]:
        """Make the backend refuse some requests while the context is open, as a throttling one does.

        For example, answer every third request with 503 or 429. The other requests succeed.
        """
        raise NotImplementedError

    def offers(self, method: str) -> bool:
        """Whether this harness overrides `method`: `seed`, `update`, `read`, `outage` or `throttle`."""
        return getattr(type(self), method) is not getattr(Harness, method)

    @contextmanager
    def running(self) -> Iterator[list[str]]:
        """Run the backend while the context is open, which gets the words that `start` returned."""
        try:
            words: object = self.start()
            if isinstance(words, str) or not isinstance(words, Sequence):
                given = type(words).__name__  # the words themselves may be secrets
                raise UsageError(
                    f"start() of conformance.py must return a list of words, the URI first, but returned a {given}"
                )
            yield list(words)
        finally:
            self.stop()


def load_harness(folder: Path) -> type[Harness]:
    """The harness in a connector's folder. Raises UsageError if there is none."""
    harness = getattr(import_folder(folder, "conformance"), "HARNESS", None)
    if not (isinstance(harness, type) and issubclass(harness, Harness)):
        raise UsageError(f"{folder / 'conformance.py'} names no HARNESS: expected a subclass of Harness")
    return harness
