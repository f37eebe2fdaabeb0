"""What the kit remembers from one example to the next."""

from collections.abc import Sequence
from copy import copy
from typing import Any

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.conformance.subject.large_namespace import LargeNamespace
from dsync_kit.conformance.subject.listings import Listings
from dsync_kit.protocol import DataType, StreamUpdatesResponse

__all__ = ["MOST_REMAINS", "Remembered"]

MOST_REMAINS = 100
"""How many of the namespaces that could not be emptied are remembered."""


class Remembered:
    """Things that are costly, so made once in a run, and things that the kit must not forget.

    `foreign` are the documents, by key, that were in an offered namespace before an example, `listed` the same in each
    data type, whose keys may differ. `first` are those before the run, and `put_back` counts those that were gone at
    its end, and were written again. `streamed` says whether a stream was opened, which may still occupy the only slot
    when the next one opens, `heartbeats` whether one has sent a cursor without updates. `whole_only` says whether
    partial updates were refused. `remains` are the namespaces that could not be emptied, each with the reason.
    `removals_fail` says whether the last removal was refused as if that would pass, however often it was repeated: the
    next one is sent once. `broken` are the forms of documents that are known to be confused with other documents, or
    refused: no further example need show them. `outage_seconds` is how long the longest outage took, from its beginning
    until the backend was back. `listings` are the last ones of offered namespaces.
    """

    def __init__(self) -> None:
        self.large_namespaces: dict[tuple[Family, DataType, str], LargeNamespace] = {}
        self.sampled: dict[DataType, list[StreamUpdatesResponse]] = {}
        self.crashes: dict[int, Any] = {}
        self.handovers: dict[int, Any] = {}
        self.foreign: dict[str, dict[bytes, bytes]] = {}
        self.listed: dict[tuple[str, DataType], dict[bytes, bytes]] = {}
        self.first: dict[str, tuple[DataType, dict[bytes, bytes]]] = {}
        self.put_back: dict[str, int] = {}
        self.streamed = False
        self.heartbeats = False
        self.whole_only = False
        self.remains: dict[str, str] = {}
        self.removals_fail = False
        self.broken: set[FeatureKind] = set()
        self.outage_seconds = 0.0
        self.listings = Listings()
        self._kept: list[tuple[str, DataType, Sequence[bytes]]] = []

    def apart(self) -> "Remembered":
        """The same, for examples that draw other documents: without what was made from the earlier ones."""
        other = copy(self)
        other.large_namespaces, other.crashes, other.handovers = {}, {}, {}
        return other

    def removing(self, driver: Driver) -> Driver:
        """The driver for a removal: after one that failed however often it was sent, it is sent once."""
        return driver.once() if self.removals_fail else driver

    def first_stream(self) -> bool:
        """Whether the stream that is opened now is the first one."""
        first, self.streamed = not self.streamed, True
        return first

    def keep(self, namespace: str, data_type: DataType, documents: Sequence[bytes]) -> None:
        """Keep documents in a namespace beyond the example that wrote them, until `take_kept`."""
        self._kept.append((namespace, data_type, documents))

    def take_kept(self) -> list[tuple[str, DataType, Sequence[bytes]]]:
        """The kept documents, to be removed; returns them only once."""
        kept, self._kept = self._kept, []
        return kept

    def remain(self, namespace: str, reason: str) -> None:
        """Note that what the kit wrote to a namespace could not be removed."""
        if len(self.remains) < MOST_REMAINS:
            self.remains.setdefault(namespace, reason)
