"""A namespace with more documents than a page holds, and what its pages look like."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsync_kit.conformance.model import Model
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType

if TYPE_CHECKING:
    from dsync_kit.conformance.case import Case

__all__ = ["MOST_DOCUMENTS", "Probe", "declined_if_expired", "many", "paged", "probe"]

MOST_DOCUMENTS = 6000
"""The most documents that an example writes to fill pages."""

_COUNTS = (300, 1200, 5000)
"""Documents that are tried, until a partition has several pages."""

_SECONDS = 3.0
"""How long loading may take before no more documents are tried."""


@dataclass(frozen=True, slots=True)
class Probe:
    """`page_size` is the most documents that a page held, None where no partition had several pages."""

    namespace: str
    documents: list[bytes]
    data_type: DataType
    page_size: int | None
    partitions: int

    @property
    def model(self) -> Model:
        """What the namespace holds."""
        return Model(self.data_type, self.documents)


def probe(case: "Case", data_type: DataType) -> Probe:
    """A namespace with many documents. Loaded once in a run; where namespaces are rare, anew for each example."""
    known = case.subject.probes.get(data_type)
    if known is not None and case.subject.makes_namespaces:
        return known
    if known is not None:
        namespace = case.namespace()
        case.write(namespace, known.documents, data_type)
        return Probe(namespace, known.documents, data_type, known.page_size, known.partitions)
    found = _find(case, data_type)
    case.subject.probes[data_type] = found
    return found


def _find(case: "Case", data_type: DataType) -> Probe:
    namespace = case.namespace()
    keeps = case.subject.makes_namespaces
    began = time.monotonic()
    loaded: list[bytes] = []
    for count in _COUNTS:
        documents = case.numbered(_COUNTS[-1], data_type)[:count]
        added = documents[len(loaded) :]
        if keeps:
            case.subject.load(namespace, added, data_type, driver=case.driver)
            case.subject.keep(namespace, data_type, added)
        else:
            case.write(namespace, added, data_type)
        loaded = documents
        partitions = case.driver.plan([namespace]).partitions
        pages = [
            [len(page) for page in case.driver.whole_pages(partition, data_type, expected=count)]
            for partition in partitions
        ]
        if any(len(sizes) > 1 and max(sizes) < count for sizes in pages):
            size = max((max(sizes) for sizes in pages if sizes), default=1)
            return Probe(namespace, loaded, data_type, max(size, 1), len(partitions))
        if time.monotonic() - began > _SECONDS:
            break
    return Probe(namespace, loaded, data_type, None, max(1, len(partitions)))


@contextmanager
def declined_if_expired(case: "Case") -> Iterator[None]:
    """For pages that are read one by one, with other calls in between: dsync would begin again."""
    try:
        yield
    except ConnectorError as error:
        if not error.retryable:
            raise
        raise case.decline(f"a listing was interrupted: {error}") from error


def many(case: "Case") -> tuple[str, DataType, int]:
    """A namespace with more documents than a page holds, where documents can be put in."""
    if not case.subject.loads:
        return case.listable()
    found = case.many()
    return found.namespace, found.data_type, len(found.documents)


def paged(case: "Case") -> tuple[Probe, int]:
    """A namespace whose partitions have several pages, and the size of these."""
    found = case.many()
    if found.page_size is None:
        raise case.decline(f"its pages hold {len(found.documents) // found.partitions} documents or more")
    return found, found.page_size
