"""ListData beside other listings, and beside writes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Any

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import (
    MOST_DOCUMENTS,
    declined_if_expired,
    emptied,
    listed_in_pages,
    paged,
)
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.keys import document_key, key_of
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode_id, id_of
from dsync_kit.protocol import UPDATE_TYPE_DELETE, DataType, Update

__all__ = ["RULES"]

_MOST_PAGES = 24
"""The most pages of a listing that had a few of them when it began."""

_FEWEST_COPIERS, _COPIERS = 4, 32
"""dsync lists with up to 32 copiers, by default 4."""

_PARALLEL_SECONDS = 8.0
"""Listings one after another should take no longer than this: if each is slow, there are fewer of them."""


@rule(
    "list/interleaved",
    "Up to 32 copiers (by default 4) list partitions at once, even several of the same namespace",
    needs=(Need.LISTING,),
    hint="the position of a listing is kept in the connector instead of in the cursor",
    after=("list/repeatable",),
    examples=0.5,
    about=FeatureKind.SEVERAL_PAGES,
)
def interleaved(case: Case) -> None:
    """Two listings whose pages alternate do not disturb each other."""
    namespace, data_type, expected = listed_in_pages(case)
    partitions = case.driver.partitions([namespace])
    pairs = [(partitions[0], partitions[-1]), (partitions[0], partitions[0])]
    for pair in pairs if len(partitions) > 1 else pairs[:1]:
        alone = [case.driver.list_partition(partition, data_type, expected=expected) for partition in pair]
        both = [case.driver.pages(partition, data_type, expected=expected) for partition in pair]
        found: tuple[list[bytes], list[bytes]] = ([], [])
        with declined_if_expired(case):
            for first, second in zip_longest(*both, fillvalue=[]):
                found[0].extend(first or [])
                found[1].extend(second or [])
        for expected_documents, documents in zip(alone, found, strict=True):
            Model.listed(data_type, expected_documents).check(documents, what="one of two alternating listings")
            case.checks += 1


@rule(
    "list/parallel",
    "Up to 32 copiers (by default 4) list partitions at once, even several of the same namespace",
    needs=(Need.LISTING,),
    hint="threads that list at the same time share a client, a cursor or a small pool of connections",
    after=("list/repeatable", "list/interleaved"),
    examples=0.44,
)
def parallel(case: Case) -> None:
    """As many parallel listings as dsync may start return the same as listings one after another."""
    namespace, data_type, expected = listed_in_pages(case)
    partitions = case.driver.partitions([namespace])[:4]
    began = time.monotonic()
    alone = [case.driver.list_partition(partition, data_type, expected=expected) for partition in partitions]
    affordable = _PARALLEL_SECONDS * case.bulk * len(partitions) / max(time.monotonic() - began, 0.001)
    copiers = int(max(_FEWEST_COPIERS, min(_COPIERS, affordable)))
    work = [index % len(partitions) for index in range(copiers)]
    at_once = threading.Barrier(copiers)

    def listing(index: int) -> list[bytes]:
        at_once.wait()
        return case.driver.list_partition(partitions[index], data_type, expected=expected)

    with ThreadPoolExecutor(copiers) as pool:
        together = list(pool.map(listing, work))
    for index, documents in zip(work, together, strict=True):
        Model.listed(data_type, alone[index]).check(documents, what=f"one of {copiers} listings at once")
        case.checks += 1


@rule(
    "list/ends-while-written",
    "A listing must end, even if documents are inserted while it runs.",
    needs=(Need.LOADING, Need.LISTING),
    hint="the listing has no upper bound: fix one at the first page",
    after=(
        "list/ends",
        "list/complete",
        "list/stable-while-written",
    ),
    examples=0.1,
)
def ends_while_written(case: Case) -> None:
    """A listing ends even if documents that sort last are inserted after each page."""
    found, size = paged(case)
    data_type, namespace = found.data_type, emptied(case, found)
    round_size = size * found.partitions
    if round_size > MOST_DOCUMENTS // 8:
        raise case.decline(f"its pages hold {size} documents: staying ahead of them costs too much")
    written = 2 * round_size
    case.write(namespace, case.of_ids(_last_ids(case, namespace, data_type, 0, written), data_type), data_type)
    partition = case.driver.partitions([namespace])[-1]
    with declined_if_expired(case):
        listed = list(case.driver.pages(partition, data_type, expected=written))
        pages, last = len(listed), [page[-1] for page in listed if page][-1:]
        if last and not case.without_foreign(namespace, last, data_type):
            # The listing may have a bound: new documents would sort before it, and be listed rightly.
            raise case.decline("documents that the kit did not write come last in its listings")
        # As many come as are listed. If they are spread over the whole listing, the end still comes nearer.
        round_size = written // pages + 1
        most = max(_MOST_PAGES, 5 * pages)
        ids = _last_ids(case, namespace, data_type, written, most * round_size)
        for count, _ in enumerate(case.driver.pages(partition, data_type, expected=2 * len(ids)), 1):
            case.check(
                count < most,
                "the listing of a partition continues as long as documents are inserted",
                expected="an end, with or without the documents inserted meanwhile",
                seen=f"{count} pages of a partition that had {pages} when it began",
            )
            inserted, ids = ids[:round_size], ids[round_size:]
            case.write(namespace, case.of_ids(inserted, data_type), data_type)


def _last_ids(case: Case, namespace: str, data_type: DataType, start: int, count: int) -> list[Any]:
    """Ids that sort behind those of existing documents, if these are integers or common texts, after `start` others."""
    there = [decode_id(*id_of(document, data_type)) for document in case.foreign_in(namespace, data_type).values()]
    if there and all(isinstance(value, int) and not isinstance(value, bool) for value in there):
        greatest = max(there)
        values = [type(greatest)(greatest + 1 + number) for number in range(start, start + count)]
        if case.holding(data_type).allows_id("", values[-1]):
            return values
    return case.numbered_ids(count, data_type, prefix="zzzz" if start else "yyyy")


@rule(
    "list/stable-while-written",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LOADING, Need.CHANGING, Need.DELETING, Need.LISTING),
    hint="pages are cut by position (skip, offset): a document deleted meanwhile shifts another one out of sight",
    after=(
        "list/complete",
        "list/page-boundaries",
        "list/many-pages",
        "updates/delete",
    ),
    examples=0.44,
)
def stable_while_written(case: Case) -> None:
    """Untouched documents are listed even if others are deleted and inserted between the pages."""
    found, size = paged(case)
    data_type, namespace = found.data_type, emptied(case, found)
    documents = case.numbered(min(3 * size * found.partitions, MOST_DOCUMENTS), data_type)
    case.write(namespace, documents, data_type)
    model = Model(data_type, documents)
    touched: set[bytes] = set()
    listed: list[bytes] = []
    for partition in case.driver.plan([namespace]).partitions:
        with declined_if_expired(case):
            for page in case.driver.pages(partition, data_type, expected=2 * len(documents)):
                listed += page
                # The listed documents go away, including a page's last one, which its cursor may name:
                # a reader that counts positions now skips as many others.
                leaving = case.owned(namespace, page[len(page) // 2 :], data_type)
                gone = [id_of(document, data_type) for document in leaving]
                touched |= {key_of(parts, data_type) for parts in gone}
                if gone:
                    case.update(namespace, [Update(id=parts, type=UPDATE_TYPE_DELETE) for parts in gone], data_type)
    seen = {document_key(document, data_type) for document in listed}
    lost = [key for key in model.documents if key not in seen and key not in touched]
    case.check(
        not lost,
        "untouched documents were not listed because others were deleted between the pages",
        expected=f"all of {len(model.documents) - len(touched)} untouched documents",
        seen=f"{len(lost)} of them never listed",
    )


RULES = (interleaved, parallel, ends_while_written, stable_while_written)
