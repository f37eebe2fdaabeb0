"""Connectors that count wrongly."""

import fnmatch
from typing import Any

from grpc import StatusCode

from dsync_kit.connector import Connector
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, GetNamespaceMetadataRequest

from .fault import REFERENCE, Fault, broken_in

__all__ = ["FAULTS"]

FAULTS: list[Fault] = []
broken = broken_in(FAULTS)
Reference = REFERENCE.ReferenceConnector


@broken("metadata/answers")
class CountingFails(Reference):
    """A counting statement that the store does not know, and nobody tried."""

    def count(self, namespace: str) -> int:
        raise RuntimeError("function count_estimate(text) does not exist")


@broken("metadata/answers")
class CountNotImplemented(Reference):
    """Counting was postponed: dsync shows no progress."""

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> None:
        Connector.get_namespace_metadata(self, request)


@broken("metadata/count")
class CountsWrites(Reference):
    """A counter that grows with each written document: overwrites are counted, deletes are not."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.written: dict[str, int] = {}

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(namespace, data_type, changes)
        self.written[namespace] = self.written.get(namespace, 0) + len(changes)

    def count(self, namespace: str) -> int:
        return self.written.get(namespace, 0)


@broken("metadata/count")
class CountKeepsDeleted(Reference):
    """Tombstones are rows, too."""

    def count(self, namespace: str) -> int:
        return len({bytes(entry.update.id[0].data) for entry in self.store.log if entry.namespace == namespace})


@broken("metadata/count")
class CountIsCached(Reference):
    """The count of a namespace is taken once, and cached."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.counts: dict[str, int] = {}

    def count(self, namespace: str) -> int:
        if not (known := self.counts.get(namespace)):
            known = self.counts[namespace] = self.store.count(namespace)
        return known


@broken("metadata/count")
class CountIsAnEstimate(Reference):
    """The store's statistics are a sample: close, but never equal to the other end's count."""

    def count(self, namespace: str) -> int:
        return (self.store.count(namespace) * 11 + 9) // 10


@broken("metadata/agrees-with-listing", "special input")
class CountStopsAtTen(Reference):
    """The length of the first page is taken as the number of documents."""

    def count(self, namespace: str) -> int:
        return min(self.store.count(namespace), 10)


@broken("metadata/agrees-with-listing", "rare")
class CountStopsAtAThousand(Reference):
    """The store counts up to its limit of hits, as search engines do, and says so in a field that nobody reads."""

    def count(self, namespace: str) -> int:
        return min(self.store.count(namespace), 1000)


@broken("errors/plan-namespaces")
class UnknownNamespaceHasNoCount(Reference):
    """The count of a missing namespace is None instead of a number."""

    def count(self, namespace: str) -> int:
        return int(self.store.count(namespace) or None)  # type: ignore[arg-type]


@broken("errors/plan-namespaces")
class UnknownNamespaceIsInternal(Reference):
    """The store's error for a missing table becomes INTERNAL."""

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> Any:
        if request.namespace not in self.store.namespaces():
            raise ConnectorError(f"no such table: {request.namespace}", StatusCode.INTERNAL)
        return super().get_namespace_metadata(request)


@broken("metadata/unknown-namespace")
class UnknownNamespaceCountsEverything(Reference):
    """If the filter finds nothing, there is no filter: everything is counted."""

    def count(self, namespace: str) -> int:
        return self.store.count(namespace) or sum(map(self.store.count, self.store.namespaces()))


@broken("metadata/per-namespace")
class CountOfTheDatabase(Reference):
    """Only the database of `db.collection` is counted."""

    def count(self, namespace: str) -> int:
        database = namespace.partition(".")[0]
        return sum(self.store.count(name) for name in self.store.namespaces() if name.partition(".")[0] == database)


@broken("metadata/per-namespace")
class CountOfTheLastNamespace(Reference):
    """The statistics are those of the last namespace that was written to."""

    last = ""

    def commit(self, namespace: str, data_type: DataType, changes: Any) -> None:
        super().commit(namespace, data_type, changes)
        self.last = namespace

    def count(self, namespace: str) -> int:
        return self.store.count(self.last)


@broken("metadata/per-namespace", "special input")
class CountOfAPattern(Reference):
    """The store takes the name as a pattern of keys."""

    def count(self, namespace: str) -> int:
        return sum(self.store.count(name) for name in fnmatch.filter(self.store.namespaces(), namespace))
