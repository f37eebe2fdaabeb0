"""How the kit runs one connector: where its scratch area is, and what it cannot do by itself."""

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

    A connector that is source and sink needs only `start` and `stop`: the kit writes through it and reads back. The
    other methods are for what a connector cannot do itself; leave them out where they are not needed.
    """

    namespaces: ClassVar[Sequence[str]] = ()
    """Namespaces that may be written to and emptied, for a store that does not make a namespace by itself."""

    documents: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What each namespace holds, where a store has tables or the like: a document schema (docs/schemas.md), as the file
    of `--documents` has it. `"*"` stands for all others."""

    settle: ClassVar[float | None] = None
    """Seconds after which reads must see what was acknowledged, for a store whose reads lag behind; 0 for one whose
    reads see it at once. None: found out."""

    known_failures: ClassVar[Mapping[str, str]] = {}
    """Rule ids (or globs) that this connector is known to violate, each with the reason. They still run; one that
    passes fails the run."""

    def start(self) -> Sequence[str]:
        """Start the backend, make a scratch area; returns what a user would type: the URI, then its options."""
        raise NotImplementedError

    def stop(self) -> None:
        """Remove the scratch area, stop the backend. Called once, whatever happened."""

    def seed(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """Put documents into the source, past the connector: for a connector that is no sink."""
        raise NotImplementedError

    def update(self, namespace: str, updates: Sequence[Update], data_type: DataType) -> None:
        """Change the source, past the connector: for a connector that streams updates and is no sink."""
        raise NotImplementedError

    def read(self, namespace: str, data_type: DataType) -> Sequence[bytes]:
        """The documents in the sink, past the connector: for a connector that is no source."""
        raise NotImplementedError

    def outage(self) -> AbstractContextManager[None]:
        """Make the backend unreachable while the context is open, and reachable again after it."""
        raise NotImplementedError

    def offers(self, method: str) -> bool:
        """Whether this harness has its own `method`: `seed`, `update`, `read` or `outage`."""
        return getattr(type(self), method) is not getattr(Harness, method)

    @contextmanager
    def running(self) -> Iterator[list[str]]:
        """The backend, from start to stop; gives the words that `start` returned."""
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
    """The harness that a connector's folder names. Raises UsageError where there is none."""
    harness = getattr(import_folder(folder, "conformance"), "HARNESS", None)
    if not (isinstance(harness, type) and issubclass(harness, Harness)):
        raise UsageError(f"{folder / 'conformance.py'} names no HARNESS: expected a subclass of Harness")
    return harness
