"""ListData: no document is lost or repeated where pages and partitions begin and end, however a store sorts its ids."""

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import (
    MOST_DOCUMENTS,
    emptied,
    paged,
)
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model

__all__ = ["RULES"]

_WINDOW = 10_000
"""Search indexes return so many results of a query at most."""


@rule(
    "list/page-boundaries",
    "An empty `next_cursor` ends the partition … Together the partitions cover the data",
    needs=(Need.LOADING, Need.LISTING),
    hint="a full last page, or a document at the bound of two pages, is handled wrongly",
    after=(
        "list/complete",
        "list/ids-unique",
        "updates/delete",
        "write/idempotent",
        "list/repeatable",
    ),
    examples=0.28,
    about=FeatureKind.SEVERAL_PAGES,
)
def page_boundaries(case: Case) -> None:
    """Every document is listed once, whether pages are exactly full, one document short, or one over."""
    found, size = paged(case)
    data_type, partitions = found.data_type, found.partitions
    most = max(1, MOST_DOCUMENTS // (size * partitions) - 1)
    target = size * case.draw(st.integers(1, min(3, most)), "pages")
    # Enough for each partition to get more than the target, whatever its share of the documents.
    count = min((target + size) * partitions, MOST_DOCUMENTS) if case.deletes else target * partitions
    documents = case.numbered(count, data_type)
    namespace, model = emptied(case, found), Model(data_type, documents)
    case.write(namespace, documents, data_type)
    case.expect(namespace, model, f"the listing of {count} documents, {size} a page,")
    for wanted in (target + 1, target, target - 1) if case.deletes else ():
        surplus: list[bytes] = []
        for partition in case.driver.plan([namespace]).partitions:
            listed = case.driver.list_partition(partition, data_type, expected=count)
            surplus += case.owned(namespace, listed, data_type)[: max(0, len(listed) - wanted)]
        gone = removals(surplus, data_type)
        case.update(namespace, gone, data_type)
        model.apply(gone)
        what = f"the listing of partitions of {wanted} documents at most, {size} a page,"
        case.expect(namespace, model, what)


@rule(
    "list/many-pages",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LOADING, Need.LISTING),
    hint="a document at a page's or partition's bound is left out or repeated; more pages make it more likely",
    after=("list/complete", "list/ids-unique", "list/page-boundaries"),
    examples=0.02,
    about=FeatureKind.SEVERAL_PAGES,
    fills=0.1,
)
def many_pages(case: Case) -> None:
    """Thousands of documents on many pages (from standard on, more than 10,000) are each listed once."""
    data_type = case.data_type()
    documents = case.numbered(3000 if case.bulk == 1 else max(_WINDOW + 1, 3000 * case.bulk), data_type)
    namespace = case.namespace()
    for start in range(0, len(documents), 1000):
        case.write(namespace, documents[start : start + 1000], data_type)
    case.expect(namespace, Model(data_type, documents), f"the listing of {len(documents)} documents")


@rule(
    "list/mixed-ids",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LOADING, Need.LISTING),
    hint="pages are sorted in one order but continue in another: of types, case, signs or accents",
    after=("list/complete", "list/page-boundaries", "list/many-pages", "write/id-kinds", "write/similar-ids"),
    examples=0.04,
    about=FeatureKind.MIXED_IDS,
)
def mixed_ids(case: Case) -> None:
    """Documents with ids of all kinds, which different sort orders would arrange differently, are all listed."""
    found, size = paged(case)
    data_type, namespace = found.data_type, emptied(case, found)
    count = min(3 * size * found.partitions, MOST_DOCUMENTS // 3)
    values = case.varied(count, data_type)
    documents = case.of_ids(values, data_type)
    for start in range(0, count, 1000):
        case.write_if_accepted(namespace, documents[start : start + 1000], data_type)
    case.expect(namespace, Model(data_type, documents), f"the listing of {count} documents with ids of all kinds")


@rule(
    "list/id-range",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LOADING, Need.LISTING),
    hint="the ids' range is divided into partitions, but its size overflows, or it ends before the last id",
    after=("list/complete", "write/read-back"),
    examples=0.04,
)
def id_range(case: Case) -> None:
    """Ids at both ends of the range of their type, and some between them, are all listed."""
    data_type = case.data_type()
    known = case.ends(data_type)
    if not known:
        raise case.decline("it accepts no ids of a type with a smallest and a largest value")
    for values in known:
        if not case.has_free_namespace:
            return
        namespace = case.namespace()
        documents = [case.document(value, {"n": number}, data_type) for number, value in enumerate(values)]
        case.write_if_accepted(namespace, documents, data_type)
        case.expect(namespace, Model(data_type, documents), f"the listing of ids from {min(values)} to {max(values)}")


RULES = (
    page_boundaries,
    many_pages,
    mixed_ids,
    id_range,
)
