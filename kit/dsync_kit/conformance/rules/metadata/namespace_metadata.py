"""GetNamespaceMetadata: the number of documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from grpc import StatusCode
from hypothesis import strategies as st

from dsync_kit.client import CallTimeout
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.sampling import changes_by_itself
from dsync_kit.conformance.documents import look_alikes
from dsync_kit.conformance.documents.choosing import few
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, GetNamespaceMetadataRequest

__all__ = ["RULES"]

_SENTENCE = "The counts show progress; `--verify-quick-count` compares those of the two ends exactly."


def _count(case: Case, namespace: str) -> int:
    return case.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=namespace)).count


def _loaded(case: Case, documents: list[bytes], data_type: DataType) -> tuple[str, int]:
    """A namespace with these documents, and how many others it has."""
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    if case.found.makes_namespaces:
        return namespace, 0
    listed = case.subject.data.read(namespace, data_type, driver=case.driver, expected=len(documents))
    return namespace, len(listed) - len(documents)


@contextmanager
def _declined(case: Case) -> Iterator[None]:
    """Raise Inapplicable for an error, which dsync ignores; but it waits for an answer."""
    try:
        yield
    except CallTimeout:
        raise
    except ConnectorError as error:
        raise case.decline(f"GetNamespaceMetadata is refused: {error}") from error


def _expect_count(case: Case, namespace: str, expected: int, after: str = "") -> None:
    def look() -> None:
        try:
            found = _count(case, namespace)
        except ConnectorError as error:
            if expected or error.code is not StatusCode.NOT_FOUND:
                raise
            found = 0  # a namespace may vanish with its last document
        case.check(
            found in (0, expected),
            f"the count of a namespace is wrong after {after}"
            if after
            else "GetNamespaceMetadata disagrees with the listing",
            expected=f"{expected}, or 0 if counting is not supported",
            seen=found,
        )

    case.subject.counting.settled(look)


@rule(
    "metadata/answers",
    "The counts show progress",
    level=Level.SHOULD,
    hint="GetNamespaceMetadata is missing, or fails: dsync copies all the same, but shows no progress",
)
def answers(case: Case) -> None:
    """GetNamespaceMetadata succeeds, for a source and for a sink."""
    if case.declared.only_streams:
        raise case.does_not_apply("no plan has partitions: dsync asks for no counts")
    namespaces = case.subject.existing() if case.declared.is_source else ()
    namespace = namespaces[0] if namespaces else case.loaded(min_size=1)[0] if case.declared.loads else "dsynckit.count"
    try:
        _count(case, namespace)
    except ConnectorError as error:
        # dsync asks a sink only for the quick comparison of counts.
        optional = not case.declared.is_source and error.code in (StatusCode.UNIMPLEMENTED, StatusCode.NOT_FOUND)
        case.check(optional, "GetNamespaceMetadata fails", expected="a count, 0 if unknown", seen=error)
    case.checks += 1


@rule(
    "metadata/count",
    _SENTENCE,
    needs=(Need.LOADING,),
    hint="writes are counted instead of documents, or the count is an estimate: answer 0 if it is unknown",
    after=(
        "metadata/unknown-namespace",
        "list/complete",
        "updates/delete",
        "updates/id-kinds",
        "write/idempotent",
        "write/several-pages",
        "write/leaves-others",
    ),
)
def count(case: Case) -> None:
    """After writes, overwrites and deletes, the count is the number of documents, or 0."""
    data_type = case.data_type()
    documents = case.page(data_type, min_size=1, small=True)
    namespace, before = _loaded(case, documents, data_type)
    with _declined(case):
        _count(case, namespace)
    _expect_count(case, namespace, before + len(documents), "a write")
    again = documents[: case.draw(st.integers(1, len(documents)), "overwritten")]
    case.write(namespace, again, data_type)
    _expect_count(case, namespace, before + len(documents), "an overwrite")
    if case.deletes:
        gone = again[: case.draw(st.integers(1, len(again)), "deleted")]
        case.update(namespace, removals(gone, data_type), data_type)
        _expect_count(case, namespace, before + len(documents) - len(gone), "a delete")


@rule(
    "metadata/agrees-with-listing",
    _SENTENCE,
    needs=(Need.LISTING,),
    hint="the count is not that of the listed documents",
    after=(
        "list/complete",
        "list/page-boundaries",
        "list/many-pages",
        "metadata/count",
        "list/ids-unique",
        "metadata/answers",
    ),
    examples=0.44,
)
def agrees_with_listing(case: Case) -> None:
    """The count of a namespace is the number of documents in its listing, or 0."""
    if case.declared.loads:
        data_type = case.data_type()
        size = case.draw(st.sampled_from([1, 137, 1537]), "documents")
        namespace, before = _loaded(case, case.numbered(size, data_type), data_type)
        found = before + len(by_id(case.read(namespace, data_type, expected=size), data_type))
    else:
        namespace, data_type, expected = case.listable()
        found = len(case.subject.data.read(namespace, data_type, driver=case.driver, expected=expected))
        if changes_by_itself(case):
            raise case.decline("its data changes during the run, as its stream shows")
    with _declined(case):
        _expect_count(case, namespace, found)


@rule(
    "metadata/unknown-namespace",
    "An unknown namespace is empty, or is answered with NOT_FOUND",
    needs=(Need.SOURCE,),
    hint="the query ignores the namespace, or the store's error for a missing one is mapped to the code of an outage",
    after=("metadata/answers",),
    examples=0.28,
)
def unknown_namespace(case: Case) -> None:
    """The count of a namespace that does not exist is 0, or refused with a final code."""
    namespace = case.subject.namespaces.beside("unknown")
    try:
        found = _count(case, namespace)
    except ConnectorError as error:
        expect_final(case, error, "the count of an unknown namespace")
        return
    if case.declared.loads:
        case.check(found == 0, f"{namespace!r}, which does not exist, has a count", expected=0, seen=found)
    case.checks += 1


@rule(
    "metadata/per-namespace",
    "It calls GetNamespaceMetadata once for each planned namespace",
    needs=(Need.LOADING, Need.TWO_NAMESPACES),
    hint="the count includes the documents of all namespaces, or of all that match the name as a pattern",
    after=("metadata/count", "write/isolates-namespaces"),
    examples=0.44,
)
def per_namespace(case: Case) -> None:
    """Each namespace has its own count."""
    data_type = case.data_type()
    held = {}
    for label in ("documents", "documents of another namespace"):
        documents = case.page(data_type, min_size=1, small=True, label=label)
        namespace, before = _loaded(case, documents, data_type)
        held[namespace] = before + len(documents)
    if case.found.makes_namespaces:
        pairs = case.draw(few(look_alikes.namespaces(next(iter(held)))), "namespaces")
        for namespace in dict.fromkeys(name for pair in pairs for name in pair if name not in held):
            if case.write_if_named(namespace, documents[:1], data_type):
                held[namespace] = 1
    for namespace, expected in held.items():
        with _declined(case):
            _expect_count(case, namespace, expected, "writes to another namespace, too")


RULES = (answers, count, agrees_with_listing, unknown_namespace, per_namespace)
