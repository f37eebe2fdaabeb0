"""WriteData: pages overwrite by id, are durable, and change nothing else."""

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.strategies import removals
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import canonical

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)


@rule(
    "write/read-back",
    "OK means **durable**: the page is never sent again",
    needs=_BOTH,
    hint="documents are dropped, cut, or written under another id",
    after=(
        "list/repeatable",
        "list/complete",
    ),
)
def read_back(case: Case) -> None:
    """A written page can be read back completely."""
    namespace, model = case.loaded(min_size=1, small=True)
    case.expect(namespace, model)


@rule(
    "write/several-pages",
    "OK means **durable**: the page is never sent again",
    needs=_BOTH,
    hint="a page replaces the namespace's earlier pages, or is held back until the next one arrives",
    after=("write/read-back",),
)
def several_pages(case: Case) -> None:
    """Pages add up: after the last one, all their documents are there."""
    data_type = case.data_type()
    if case.draw(st.booleans(), "numbered"):
        size = case.freedoms.count(600, least=1)
        documents = case.numbered(size + case.draw(st.integers(1, size), "more than a page"), data_type)
    else:
        documents = case.page(data_type, min_size=2, max_size=10, small=True)
        size = case.draw(st.integers(1, 3), "documents a page")
    namespace = case.namespace()
    model = Model(data_type)
    for start in range(0, len(documents), size):
        page = documents[start : start + size]
        case.write(namespace, page, data_type)
        model.write(page)
    case.expect(namespace, model)


@rule(
    "write/idempotent",
    "It overwrites by id (retries, restarted partitions and resumed runs send documents again)",
    needs=(Need.SINK,),
    hint="documents are inserted without a check for their id: use an upsert",
    after=("write/read-back",),
    about=FeatureKind.WRITTEN_AGAIN,
)
def idempotent(case: Case) -> None:
    """Writing a page again changes nothing."""
    namespace, model = case.loaded(min_size=1, small=True, data_type=case.written_type())
    case.write(namespace, list(model.documents.values()), model.data_type)
    case.expect_if_read(namespace, model, "the same page was written twice")


@rule(
    "write/overwrites",
    "It overwrites by id",
    needs=(Need.SINK,),
    hint="an existing document is left as it is, or its old fields are merged into the new one",
    after=("write/read-back", "write/idempotent"),
    about=FeatureKind.WRITTEN_AGAIN,
)
def overwrites(case: Case) -> None:
    """A document with an existing id replaces the whole old document."""
    data_type = case.written_type()
    identifiers = case.identifiers(data_type)
    contents = case.contents(data_type, small=True)
    namespace, model = case.namespace(), Model(data_type)
    for number, version in enumerate(("first version", "second version")):
        drawn = case.draw(st.lists(contents, min_size=len(identifiers), max_size=len(identifiers)), version)
        page = [
            case.document(identifier, {**fields, "version": number, "inner": {f"v{number}": 0}}, data_type)
            for identifier, fields in zip(identifiers, drawn, strict=True)
        ]
        case.write(namespace, page, data_type)
        model.write(page)
    case.expect_if_read(namespace, model, "documents were written again with other contents")


@rule(
    "write/after-delete",
    "It overwrites by id",
    needs=(*_BOTH, Need.CHANGING, Need.DELETING),
    hint="the connector remembers deleted ids, and ignores a page that writes them again",
    after=("write/overwrites", "updates/delete"),
    examples=0.44,
    about=FeatureKind.DELETES,
)
def after_delete(case: Case) -> None:
    """A page can write deleted documents again."""
    namespace, model = case.loaded(min_size=1, small=True)
    documents = list(model.documents.values())
    gone = documents[: case.draw(st.integers(1, len(documents)), "deleted")]
    case.update(namespace, removals(gone, model.data_type), model.data_type)
    case.write(namespace, gone, model.data_type)
    case.expect(namespace, model, "the listing after deleted documents were written again")


@rule(
    "write/repeated-ids",
    "It overwrites by id",
    needs=_BOTH,
    hint="the store refuses a batch that has an id twice, or both documents are kept",
    after=(
        "write/overwrites",
        "write/read-back",
        "write/idempotent",
    ),
    examples=0.5,
    about=FeatureKind.IN_ONE_CALL,
)
def repeated_ids(case: Case) -> None:
    """If a page has an id twice, one of the two documents remains."""
    data_type = case.data_type()
    identifier = case.identifiers(data_type, max_size=1)[0]
    versions = [case.document(identifier, {"n": number}, data_type) for number in (1, 2)]
    namespace = case.namespace()
    case.write(namespace, versions, data_type)
    found = list(by_id(case.read(namespace, data_type, expected=2), data_type).values())
    case.check(
        len(found) == 1, "a page with an id twice did not leave exactly one document", expected=1, seen=len(found)
    )
    same = canonical(found[0], data_type) in {canonical(version, data_type) for version in versions}
    case.check(same, "a page with an id twice left a different document", expected=versions, seen=found)


@rule(
    "write/empty-page",
    "one page per call, possibly empty",
    needs=(Need.SINK,),
    hint="the connector passes an empty batch to the store, which refuses it",
    examples=0.44,
    after=(
        "write/read-back",
        "write/several-pages",
    ),
)
def empty_page(case: Case) -> None:
    """An empty page is accepted, and changes nothing."""
    if not case.reads_back:
        data_type = case.data_type(case.declared.sink_types)
        case.driver.write_data(case.namespace(), [], data_type)
        case.checks += 1
        return
    namespace, model = case.loaded(small=True)
    case.write(namespace, [], model.data_type)
    case.expect(namespace, model, "the listing after an empty page")


@rule(
    "write/accepts",
    "one page per call, possibly empty, never split",
    needs=(Need.SINK,),
    hint="valid documents are refused",
)
def accepts(case: Case) -> None:
    """A sink accepts pages of valid documents of every type that it declares."""
    case.decline_if_unknown()
    data_type = case.data_type(case.declared.sink_types)
    page = case.page(data_type, min_size=1, max_size=5)
    case.write(case.namespace(), page, data_type)
    case.checks += 1


@rule(
    "write/large-page",
    "one page per call, possibly empty, never split",
    needs=_BOTH,
    hint="a page is cut at the size of the store's largest batch or statement",
    after=("write/read-back", "list/complete", "limits/many-documents"),
    examples=0.1,
    fills=0.05,
)
def large_page(case: Case) -> None:
    """A page of 1,500 documents is written whole."""
    data_type = case.data_type()
    documents = case.numbered(1500, data_type)
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), "the listing after a page of 1,500 documents")


@rule(
    "write/leaves-others",
    "It overwrites by id",
    needs=_BOTH,
    hint="a write removes or changes documents with other ids",
    after=(
        "write/read-back",
        "write/several-pages",
        "write/idempotent",
    ),
)
def leaves_others(case: Case) -> None:
    """Writing some documents again does not change the others."""
    namespace, model = case.loaded(min_size=2, max_size=8, small=True)
    documents = list(model.documents.values())
    again = documents[: case.draw(st.integers(1, len(documents) - 1), "written again")]
    case.write(namespace, again, model.data_type)
    case.expect(namespace, model, "the listing after some documents were written again")


RULES = (
    accepts,
    read_back,
    several_pages,
    idempotent,
    overwrites,
    after_delete,
    repeated_ids,
    empty_page,
    large_page,
    leaves_others,
)
