"""Namespaces with more documents than a page holds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from zlib import crc32

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.subject.large_namespace import LargeNamespace
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, Partition

__all__ = [
    "MOST_DOCUMENTS",
    "declined_if_expired",
    "emptied",
    "few_or_many",
    "large_namespace",
    "listed_in_pages",
    "paged",
    "some_partitions",
]

MOST_DOCUMENTS = 6000
"""The most documents that an example writes to fill several pages."""

_MOST_PARTITIONS = 8
"""The most partitions of a namespace that an example lists one by one."""

_COUNTS = (300, 1200, 5000)
"""Numbers of documents to try until a partition has several pages."""

_ALL = 8
"""From this bulk on, there is time for a large namespace with ids of each kind."""

_SECONDS = 3.0
"""If loading takes this many seconds, no larger number is tried."""


def some_partitions(case: Case, namespace: str) -> list[Partition]:
    """The partitions of a plan of the namespace; of many, the first ones."""
    return case.driver.partitions([namespace])[:_MOST_PARTITIONS]


def large_namespace(case: Case, data_type: DataType | None = None) -> LargeNamespace:
    """A namespace with many documents, loaded once in a run, or for each example if namespaces are rare."""
    if case.showing.lacks(FeatureKind.SEVERAL_PAGES):
        raise case.decline(f"it is judged without {FeatureKind.SEVERAL_PAGES}")
    data_type = data_type or case.data_type()
    place = (case.family, data_type, _kind(case, data_type))
    known = case.subject.remembered.large_namespaces.get(place)
    if known is not None and case.found.makes_namespaces:
        return known
    if known is not None:
        namespace = case.namespace()
        case.write(namespace, known.documents, data_type)
        return replace(known, namespace=namespace)
    found = _find(case, data_type)
    case.subject.remembered.large_namespaces[place] = found
    return found


def _kind(case: Case, data_type: DataType) -> str:
    """The kind of the namespace's ids: the plainest or one other, because each costs a namespace full of documents."""
    kinds = case.holding(data_type).numbered_kinds
    kind = case.freedoms.numbered_kind(kinds)
    if kinds and kind != kinds[0]:
        kind = kinds[1 + crc32(case.declared.info.db_type.encode()) % (len(kinds) - 1)] if case.bulk < _ALL else kind
        case.freedoms.number_by(kinds, kind)
    return kind


def _find(case: Case, data_type: DataType) -> LargeNamespace:
    namespace = case.namespace()
    keeps = case.found.makes_namespaces
    began = time.monotonic()
    loaded: list[bytes] = []
    values = case.numbered_ids(_COUNTS[-1], data_type)
    for count in _COUNTS:
        added = case.of_ids(values[len(loaded) : count], data_type)
        if keeps:
            case.write_for_good(namespace, added, data_type)
        else:
            case.write(namespace, added, data_type)
        loaded = [*loaded, *added]
        partitions = case.driver.plan([namespace]).partitions
        pages = [
            [len(page) for page in case.driver.whole_pages(partition, data_type, expected=count)]
            for partition in partitions
        ]
        if any(len(sizes) > 1 and max(sizes) < count for sizes in pages):
            size = max((max(sizes) for sizes in pages if sizes), default=1)
            return LargeNamespace(namespace, loaded, data_type, max(size, 1), len(partitions), sum(map(sum, pages)))
        if time.monotonic() - began > _SECONDS:
            break
    return LargeNamespace(namespace, loaded, data_type, None, max(1, len(partitions)), sum(map(sum, pages)))


@contextmanager
def declined_if_expired(case: Case) -> Iterator[None]:
    """Raise Inapplicable for a retryable code in the context: a cursor may have expired, and dsync would start over."""
    try:
        yield
    except ConnectorError as error:
        if not error.retryable:
            raise
        raise case.decline(f"a listing was interrupted: {error}") from error


def few_or_many(case: Case) -> tuple[str, DataType, int]:
    """Like `Case.listable`: with a few drawn documents, or with more than fit on a page."""
    few = case.showing.lacks(FeatureKind.SEVERAL_PAGES)
    if case.declared.loads and not few and case.draw(st.booleans(), "many documents"):
        return _listed(large_namespace(case))
    return case.listable()


def listed_in_pages(case: Case) -> tuple[str, DataType, int]:
    """A namespace with more documents than fit on a page, if documents can be written."""
    if not case.declared.loads:
        return case.listable()
    return _listed(large_namespace(case))


def paged(case: Case) -> tuple[LargeNamespace, int]:
    """A namespace whose partitions have several pages, and the size of a page."""
    found = large_namespace(case)
    if found.page_size is None and found.listed < len(found.documents):
        raise case.decline(
            f"{found.listed} of {len(found.documents)} documents are listed, one page for each partition"
        )
    if found.page_size is None:
        raise case.decline(f"its pages hold {len(found.documents) // found.partitions} documents or more")
    return found, found.page_size


def emptied(case: Case, found: LargeNamespace) -> str:
    """A namespace without the kit's documents: another one or, if there is none, this one after deleting them."""
    if case.has_free_namespace:
        return case.namespace()
    if not case.deletes:
        reason = case.found.keeps or "nothing can be deleted"
        raise case.decline(f"{reason}, and there is no second namespace to fill: name one with --namespace")
    case.update(found.namespace, removals(found.documents, found.data_type), found.data_type)
    return found.namespace


def _listed(found: LargeNamespace) -> tuple[str, DataType, int]:
    return found.namespace, found.data_type, len(found.documents)
