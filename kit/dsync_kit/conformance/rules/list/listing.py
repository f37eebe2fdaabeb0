"""ListData: every document once, page after page, in every listing."""

import time

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver, strip
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import (
    MOST_DOCUMENTS,
    declined_if_expired,
    emptied,
    few_or_many,
    large_namespace,
    listed_in_pages,
    paged,
)
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import decode, id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DataType, Partition
from dsync_kit.protocol.names import type_name

__all__ = ["RULES"]

_MOST_PARTITIONS = 8
_WINDOW = 10_000
"""Search indexes return so many results of a query at most."""

_PAUSE_SECONDS = 15.0
"""The longest pause between two pages: a slow sink may take as long to write one."""


@rule(
    "list/ends",
    "An empty `next_cursor` ends the partition",
    needs=(Need.LISTING,),
    hint="the last page has a next_cursor, and so has every page after it",
    examples=0.5,
    about=FeatureKind.SEVERAL_PAGES,
)
def ends(case: Case) -> None:
    """The listing of every partition ends."""
    namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        case.driver.list_partition(partition, data_type, expected=expected)
        case.checks += 1


@rule(
    "list/cursor-advances",
    "a `next_cursor` equal to the request's is fatal",
    needs=(Need.LISTING,),
    hint="the next page's cursor is made from the page's first document, or not moved past an empty page",
    after=("list/ids-unique",),
    about=FeatureKind.SEVERAL_PAGES,
)
def cursor_advances(case: Case) -> None:
    """The next cursor of a page differs from the cursor in its request."""
    namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        case.checks += len(case.driver.whole_pages(partition, data_type, expected=expected))


@rule(
    "list/type",
    "MONGO_BSON: a whole BSON document with `_id`. … JSON_ID: a UTF-8 JSON object with a top-level `id`.",
    needs=(Need.LISTING,),
    hint="documents are encoded as a type other than the request's, or without their id",
    examples=0.5,
)
def type_(case: Case) -> None:
    """A listing returns whole documents of the requested type, each with its id."""
    if case.declared.misread:
        (namespace, data_type), expected = _misread(case), 1
    else:
        namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        for document in case.driver.list_partition(partition, data_type, expected=expected)[:2000]:
            try:
                decode(document, data_type)
                id_of(document, data_type)
            except InvalidArgument as error:
                case.check(
                    False,
                    "ListData returned something that is not a document of the requested type",
                    expected=f"a {type_name(data_type)} document with its id",
                    seen=f"{document[:80]!r} ({error.message})",
                )
            case.checks += 1


def _misread(case: Case) -> tuple[str, DataType]:
    """A namespace with a document, and a type in which it was listed as something else."""
    namespace, data_type = case.namespace(), case.data_type(case.declared.misread)
    case.write(namespace, case.numbered(1, data_type), data_type)
    return namespace, data_type


@rule(
    "list/ids-unique",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LISTING,),
    hint="a page repeats the last document of the previous one, or two partitions share a bound",
    after=("plan/asked-namespaces",),
    about=FeatureKind.SEVERAL_PAGES,
)
def ids_unique(case: Case) -> None:
    """No document is listed twice, neither by two pages nor by two partitions."""
    namespace, data_type, expected = few_or_many(case)
    listed = case.driver.listing([namespace], data_type, expected=expected)
    # Another namespace may have documents of the same ids; that it is planned, too, is another rule's.
    found = [document for name, document in listed if name == namespace]
    if case.subject.fills_up and len(case.declared.types) > 1:
        # What remains of the other type may have ids that look alike in this one.
        found = case.without_foreign(namespace, found, data_type)
    by_id(found, data_type)
    case.checks += 1


@rule(
    "list/complete",
    "Together the partitions cover the data, and do not overlap.",
    needs=(Need.LOADING, Need.LISTING),
    hint="the last page, or the document at a page's or partition's bound, is left out",
    after=("plan/partitions", "plan/asked-namespaces"),
    about=FeatureKind.SEVERAL_PAGES,
)
def complete(case: Case) -> None:
    """A listing returns every document that was written, and nothing else."""
    data_type = case.data_type()
    if case.draw(st.booleans(), "many documents"):
        found = large_namespace(case, data_type)
        case.expect(found.namespace, found.model, "the listing")
        return
    if case.draw(st.booleans(), "numbered"):
        documents = case.numbered(case.freedoms.count(1100), data_type)
    else:
        documents = case.page(data_type, small=True)
    namespace = case.namespace()
    if documents:
        case.write(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), "the listing")


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
    documents = [case.document(value, {"n": number}, data_type) for number, value in enumerate(values)]
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
        raise case.decline("it accepts no ids of a type with a range")
    for values in known:
        if not case.has_free_namespace:
            return
        namespace = case.namespace()
        documents = [case.document(value, {"n": number}, data_type) for number, value in enumerate(values)]
        case.write_if_accepted(namespace, documents, data_type)
        case.expect(namespace, Model(data_type, documents), f"the listing of ids from {min(values)} to {max(values)}")


@rule(
    "list/repeatable",
    "while the data is unchanged, it must return the same documents again (semantically equal: field order may differ)",
    needs=(Need.LISTING,),
    hint="reading creates or changes documents, or the first listing uses up a cursor",
)
def repeatable(case: Case) -> None:
    """Listing a partition again from the start returns the same documents."""
    namespace, data_type, expected = few_or_many(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        first = case.driver.list_partition(partition, data_type, expected=expected)
        again = case.driver.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, first).check(again, owner="list/repeatable", what="the second listing of a partition")
        case.checks += 1


@rule(
    "list/restart-mid-way",
    "the **whole partition**, from the empty cursor",
    needs=(Need.LISTING,),
    hint="an abandoned listing leaves its position behind",
    after=("list/repeatable",),
    examples=0.5,
    about=FeatureKind.SEVERAL_PAGES,
)
def restart_mid_way(case: Case) -> None:
    """A listing abandoned after a page can start again from the beginning."""
    namespace, data_type, expected = listed_in_pages(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        whole = case.driver.list_partition(partition, data_type, expected=expected)
        with declined_if_expired(case):
            next(case.driver.pages(partition, data_type, expected=expected))
        again = case.driver.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, whole).check(again, what="the listing after an abandoned one")
        case.checks += 1


@rule(
    "list/any-time",
    "Any time may pass between two pages.",
    needs=(Need.LISTING,),
    hint="a page cursor, or the transaction behind it, expires: answer with a code that dsync retries, such as ABORTED",
    after=("list/repeatable", "list/restart-mid-way"),
    examples=0.01,
    about=FeatureKind.SEVERAL_PAGES,
)
def any_time(case: Case) -> None:
    """A page cursor works after a pause, or is answered with a retryable code."""
    namespace, data_type, expected = listed_in_pages(case)
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        first = case.driver.first_page(strip(partition), data_type)
        if first.next_cursor:
            break
    else:
        raise case.decline("each partition fits on one page")
    time.sleep(min(_PAUSE_SECONDS, 0.3 * case.bulk**2))
    try:
        rest = _rest(case.driver, partition, data_type, first.next_cursor)
    except ConnectorError as error:
        case.check(
            error.retryable,
            "after a pause, a page cursor gets a final code, and the partition is lost",
            expected="the next page, or a code that dsync retries",
            seen=error,
        )
        return
    whole = case.driver.list_partition(partition, data_type, expected=expected)
    Model.listed(data_type, whole).check([*first.data, *rest], what="a listing with a pause between its pages")
    case.checks += 1


@rule(
    "list/retryable-cursor",
    "A page cursor need not survive a restart, but then the answer should be retryable.",
    needs=(Need.LISTING, Need.ELSEWHERE),
    hint="another instance answers an unknown page cursor with a final code, and the partition is lost",
    after=(
        "list/complete",
        "plan/self-contained",
        "list/interleaved",
    ),
    examples=0.44,
    about=FeatureKind.SEVERAL_PAGES,
)
def retryable_cursor(case: Case) -> None:
    """A page cursor works on another instance, or is answered there with a retryable code."""
    namespace, data_type, expected = listed_in_pages(case)
    begun: list[tuple[Partition, bytes, list[bytes]]] = []
    for partition in case.driver.partitions([namespace])[:_MOST_PARTITIONS]:
        with declined_if_expired(case):
            first = case.driver.page(strip(partition), data_type)
        if not first.next_cursor:
            continue
        seen = {document_key(document, data_type) for document in first.data}
        whole = case.driver.list_partition(partition, data_type, expected=expected)
        rest = [document for document in whole if document_key(document, data_type) not in seen]
        begun.append((partition, first.next_cursor, rest))
    if not begun:
        raise case.decline("each partition fits on one page")
    second = case.elsewhere()
    for partition, cursor, rest in begun:
        try:
            there = _rest(second, partition, data_type, cursor)
        except ConnectorError as error:
            case.check(
                error.retryable,
                "another instance answers a page cursor with a final code",
                expected="the next pages, or a retryable code",
                seen=error,
            )
            continue
        Model.listed(data_type, rest).check(there, what="the rest of a listing on another instance")
        case.checks += 1


def _rest(driver: Driver, partition: Partition, data_type: DataType, cursor: bytes) -> list[bytes]:
    """The documents of the pages that follow one; `cursor` is that page's next_cursor, or empty after the last."""
    if not cursor:
        return []
    return [document for page in driver.pages(partition, data_type, cursor=cursor) for document in page]


RULES = (
    ends,
    cursor_advances,
    type_,
    ids_unique,
    complete,
    repeatable,
    page_boundaries,
    many_pages,
    mixed_ids,
    id_range,
    restart_mid_way,
    any_time,
    retryable_cursor,
)
