"""ListData: every document once, page after page, in every listing."""

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import (
    few_or_many,
    large_namespace,
    some_partitions,
)
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import decode, id_of
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType
from dsync_kit.protocol.names import type_name

__all__ = ["RULES"]


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
    for partition in some_partitions(case, namespace):
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
    for partition in some_partitions(case, namespace):
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
    for partition in some_partitions(case, namespace):
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
    "list/repeatable",
    "while the data is unchanged, it must return the same documents again (semantically equal: field order may differ)",
    needs=(Need.LISTING,),
    hint="reading creates or changes documents, or the first listing uses up a cursor",
)
def repeatable(case: Case) -> None:
    """Listing a partition again from the start returns the same documents."""
    namespace, data_type, expected = few_or_many(case)
    for partition in some_partitions(case, namespace):
        first = case.driver.list_partition(partition, data_type, expected=expected)
        again = case.driver.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, first).check(again, owner="list/repeatable", what="the second listing of a partition")
        case.checks += 1


RULES = (
    ends,
    cursor_advances,
    type_,
    ids_unique,
    complete,
    repeatable,
)
