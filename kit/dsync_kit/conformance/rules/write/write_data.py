"""WriteData: pages that overwrite by id, are durable, and touch nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import strategies as st

from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import identifiers, look_alikes, strategies
from dsync_kit.conformance.documents.identifiers import LONG_IDS
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.inspection import document_key
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import canonical, id_of
from dsync_kit.protocol import UPDATE_TYPE_DELETE, Update, WriteDataRequest

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)

_WRITERS = 16
"""dsync writes with 4 writers, and with up to 16."""


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
    """A written page reads back whole."""
    namespace, model = case.loaded(min_size=1, small=True)
    case.expect(namespace, model)


@rule(
    "write/several-pages",
    "OK means **durable**: the page is never sent again",
    needs=_BOTH,
    hint="a page replaces the namespace's earlier pages, or is held back until the next one comes",
    after=("write/read-back",),
)
def several_pages(case: Case) -> None:
    """Pages add up: after the last one, the documents of all are there."""
    data_type = case.data_type()
    documents = case.page(data_type, min_size=2, max_size=10, small=True)
    namespace = case.namespace()
    size = case.draw(st.integers(1, 3), "documents a page")
    model = Model(data_type)
    for start in range(0, len(documents), size):
        page = documents[start : start + size]
        case.write(namespace, page, data_type)
        model.write(page)
    case.expect(namespace, model)


@rule(
    "write/idempotent",
    "It overwrites by id (retries, restarted partitions and resumed runs send documents again)",
    needs=_BOTH,
    hint="documents are inserted without a check for their id: use an upsert",
    after=("write/read-back",),
)
def idempotent(case: Case) -> None:
    """Writing a page again changes nothing."""
    namespace, model = case.loaded(min_size=1, small=True)
    case.write(namespace, list(model.documents.values()), model.data_type)
    case.expect(namespace, model, "the listing after the same page was written twice")


@rule(
    "write/overwrites",
    "It overwrites by id",
    needs=_BOTH,
    hint="a document that exists is left as it is, or its old fields are merged into the new one",
    after=("write/read-back", "write/idempotent"),
)
def overwrites(case: Case) -> None:
    """A document with an existing id replaces the old one as a whole."""
    data_type = case.data_type()
    identifiers = case.identifiers(data_type)
    contents = case.contents(data_type, small=True)
    namespace, model = case.namespace(), Model(data_type)
    for number, version in enumerate(("first version", "second version")):
        drawn = case.draw(st.lists(contents, min_size=len(identifiers), max_size=len(identifiers)), version)
        page = [
            case.document(identifier, {**fields, "version": number}, data_type)
            for identifier, fields in zip(identifiers, drawn, strict=True)
        ]
        case.write(namespace, page, data_type)
        model.write(page)
    case.expect(namespace, model, "the listing after documents were written again with other contents")


@rule(
    "write/after-delete",
    "It overwrites by id",
    needs=(*_BOTH, Need.CHANGING, Need.DELETING),
    hint="the connector remembers deleted ids, and ignores a page that writes them again",
    after=("write/overwrites", "updates/delete"),
    examples=0.3,
)
def after_delete(case: Case) -> None:
    """A page can write deleted documents again."""
    namespace, model = case.loaded(min_size=1, small=True)
    documents = list(model.documents.values())
    gone = documents[: case.draw(st.integers(1, len(documents)), "deleted")]
    removals = [Update(id=id_of(document, model.data_type), type=UPDATE_TYPE_DELETE) for document in gone]
    case.update(namespace, removals, model.data_type)
    case.write(namespace, gone, model.data_type)
    case.expect(namespace, model, "the listing after deleted documents were written again")


@rule(
    "write/repeated-ids",
    "It overwrites by id",
    needs=_BOTH,
    hint="a batch with an id twice is refused by the store, or both documents are kept",
    after=(
        "write/overwrites",
        "write/read-back",
        "write/idempotent",
    ),
    examples=0.5,
)
def repeated_ids(case: Case) -> None:
    """If a page holds an id twice, one of the two documents remains."""
    data_type = case.data_type()
    identifier = case.identifiers(data_type, max_size=1)[0]
    versions = [case.document(identifier, {"n": number}, data_type) for number in (1, 2)]
    namespace = case.namespace()
    case.write(namespace, versions, data_type)
    found = list(by_id(case.read(namespace, data_type, expected=2), data_type).values())
    case.check(
        len(found) == 1, "a page with one id twice did not leave exactly one document", expected=1, seen=len(found)
    )
    same = canonical(found[0], data_type) in {canonical(version, data_type) for version in versions}
    case.check(same, "a page with one id twice left a different document", expected=versions, seen=found)


@rule(
    "write/isolates-namespaces",
    "Namespaces are opaque strings",
    needs=(*_BOTH, Need.TWO_NAMESPACES),
    hint="the namespace is not part of the key, or two names collide (prefix, case, separator)",
    after=("write/read-back",),
    examples=0.5,
)
def isolates_namespaces(case: Case) -> None:
    """The same ids in two namespaces are different documents, however alike the names are."""
    data_type = case.data_type()
    identifiers = case.identifiers(data_type, max_size=2)
    one = case.namespace()
    known = look_alikes.namespaces(one) if case.found.makes_namespaces else [(one, case.namespace())]
    pairs = case.draw(strategies.some(known), "namespaces")
    held = {}
    for namespace in dict.fromkeys([one, *(name for pair in pairs for name in pair)]):
        page = [case.document(value, {"in": namespace}, data_type) for value in identifiers]
        # A name that it refuses falls together with none.
        if case.write_if_named(namespace, page, data_type):
            held[namespace] = Model(data_type, page)
    if len(held) < 2:
        raise case.decline(f"it refuses namespaces like {pairs[0][1]!r}")
    for namespace, model in held.items():
        case.expect(namespace, model, f"the listing of {namespace!r}, with the same ids in other namespaces,")


@rule(
    "write/namespace-and-id",
    "Namespaces are opaque strings",
    needs=(*_BOTH, Need.TWO_NAMESPACES),
    hint="namespace and id are joined to one key without a separator that neither can contain",
    after=("write/isolates-namespaces", "write/similar-ids"),
    examples=0.3,
)
def namespace_and_id(case: Case) -> None:
    """Documents stay distinct even if namespace and id concatenate to the same string."""
    if not case.found.makes_namespaces:
        raise case.decline("it does not create namespaces")
    data_type = case.data_type()
    if not case.holding(data_type).allows_id("string", "x/y"):
        raise case.decline("it takes no texts as ids")
    separator = case.draw(st.sampled_from(["/", ".", ":", "_", "-", "|", "#", ""]), "separator")
    namespace = case.namespace()
    held = {}
    for name, identifier in ((namespace, f"x{separator}y"), (f"{namespace}{separator}x", "y")):
        page = [case.document(identifier, {"in": name}, data_type)]
        case.write_if_taken(name, page, data_type)
        held[name] = Model(data_type, page)
    for name, model in held.items():
        case.expect(name, model, f"the listing of {name!r}, beside a document that its name and id read like,")


@rule(
    "write/long-ids",
    "may refuse composite ids: with INVALID_ARGUMENT or NOT_FOUND, never by dropping",
    needs=_BOTH,
    hint="an id becomes a file name, or goes into a column with a maximum length, and is cut or fails there",
    after=("write/read-back", "write/similar-ids"),
    examples=0.3,
)
def long_ids(case: Case) -> None:
    """An id of hundreds of characters works like any other, or is refused with INVALID_ARGUMENT."""
    data_type = case.data_type()
    sizes = [size for size in LONG_IDS if case.holding(data_type).allows_id("string", "k" * size)]
    if not sizes:
        raise case.decline("it takes no long texts as ids")
    size = case.draw(st.sampled_from(sizes), "characters")
    documents = [case.document("k" * (size - 1) + end, {"n": end}, data_type) for end in "12"]
    namespace = case.namespace()
    case.write_if_taken(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), f"the listing of two ids of {size} characters")


@rule(
    "write/empty-page",
    "one page a call, possibly empty",
    needs=(Need.SINK,),
    hint="the connector passes an empty batch to the store, which refuses it",
    examples=0.3,
    after=(
        "write/read-back",
        "write/several-pages",
    ),
)
def empty_page(case: Case) -> None:
    """An empty page is accepted, and changes nothing."""
    if not case.declared.can_read or not case.declared.loads or not case.found.shows:
        data_type = case.data_type(case.declared.sink_types)
        case.api.write_data(WriteDataRequest(namespace=case.namespace(), type=data_type))
        case.checks += 1
        return
    namespace, model = case.loaded(small=True)
    case.write(namespace, [], model.data_type)
    case.expect(namespace, model, "the listing after an empty page")


@rule(
    "write/accepts",
    "one page a call, possibly empty, never split",
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
    "one page a call, possibly empty, never split",
    needs=_BOTH,
    hint="a page is cut at the size of the store's largest batch or statement",
    after=("write/read-back", "list/complete", "limits/many-documents"),
    examples=0.1,
)
def large_page(case: Case) -> None:
    """A page of 1,500 documents is written whole."""
    data_type = case.data_type()
    documents = case.numbered(1500, data_type)
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), "the listing after a page of 1,500 documents")


@rule(
    "write/id-kinds",
    "a number and a text are never one, and neither are a date and an integer",
    needs=_BOTH,
    hint="ids are turned into text, so ids of different types collide",
    after=("write/read-back",),
)
def id_kinds(case: Case) -> None:
    """Ids that look the same but have different types are different documents."""
    _apart(case, look_alikes.IDS_OF_OTHER_KINDS)


@rule(
    "write/similar-ids",
    "It overwrites by id",
    needs=_BOTH,
    hint="a document's key is not its whole id: a collation, a prefix index, a file name",
    after=("write/read-back", "write/id-kinds"),
)
def similar_ids(case: Case) -> None:
    """Ids of one type that differ only in case, spaces, accents or after many characters are different documents."""
    _apart(case, look_alikes.SIMILAR_IDS)


def _apart(case: Case, groups: look_alikes.Groups) -> None:
    data_type = case.data_type()
    drawn = case.look_alikes(groups, data_type)
    if not drawn:
        raise case.decline("it takes no ids of types that could be confused")
    # Numbers that a store may take for one stand for themselves once.
    values = {strategies.merge_key(value): value for group in drawn for value in group}
    documents = [case.document(value, {"n": n}, data_type) for n, value in enumerate(values.values())]
    namespace = case.namespace()
    case.write_if_taken(namespace, documents, data_type)
    case.expect(namespace, Model(data_type, documents), "the listing of ids that look alike")


@rule(
    "write/equal-numbers",
    "Whether numerically equal ids of different number types (int32 5, int64 5, double 5.0) are one document is the "
    "store's choice",
    needs=(*_BOTH, Need.BSON),
    hint="a write of one of the two fails, or destroys a third document",
    after=(
        "write/overwrites",
        "write/read-back",
    ),
    examples=0.3,
)
def equal_numbers(case: Case) -> None:
    """Numerically equal ids of different types are one document or several; either way the last write is there."""
    data_type = strategies.BSON
    if data_type not in case.declared.types:
        raise case.decline("this type is not both written and read")
    allows = case.holding(data_type).allows_id
    kinds = [kind for kind, five in identifiers.NUMBER_FIVE.items() if allows(kind, five)]
    if len(kinds) < 2:
        raise case.decline("it takes ids of one number type only")
    namespace = case.namespace()
    documents = [
        case.document(identifiers.NUMBER_FIVE[kind], {"n": number}, data_type) for number, kind in enumerate(kinds)
    ]
    for document in documents:
        case.write(namespace, [document], data_type)
    listed = case.read(namespace, data_type, expected=3)
    found = {canonical(document, data_type) for document in listed}
    written = [canonical(document, data_type) for document in documents]
    whole = found == set(written)
    last = [case.document(identifiers.NUMBER_FIVE[kind], {"n": len(kinds) - 1}, data_type) for kind in kinds]
    merged = len(found) == 1 and found <= {canonical(document, data_type) for document in last}
    case.check(
        whole or merged,
        "documents with numerically equal ids are neither all there, nor one with the last contents",
        expected=f"{', '.join(map(show_document, documents))}, or one of these ids with n = {len(kinds) - 1}",
        seen=", ".join(map(show_document, listed)) or "no document",
    )


@rule(
    "write/concurrent",
    "is safe when called at once from several writers",
    needs=_BOTH,
    hint="writers share state without a lock, or there are more writers than pooled connections",
    after=("write/read-back", "write/several-pages", "write/large-page", "list/complete"),
    examples=0.5,
)
def concurrent(case: Case) -> None:
    """Pages from as many parallel writers as dsync may start are all there afterwards."""
    data_type = case.data_type()
    documents = case.numbered(240, data_type)
    namespace = case.namespace()
    pages = [documents[start : start + 5] for start in range(0, len(documents), 5)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda page: case.write(namespace, page, data_type), pages))
    case.expect(namespace, Model(data_type, documents), f"the listing after {_WRITERS} writers wrote at once")


@rule(
    "write/concurrent-overwrites",
    "is safe when called at once from several writers",
    needs=_BOTH,
    hint="looking up the id and inserting are two steps: two writers both insert",
    after=("write/overwrites", "write/concurrent", "write/idempotent"),
    examples=0.5,
)
def concurrent_overwrites(case: Case) -> None:
    """If writers write the same ids at once, each id has one document, exactly as one of them wrote it."""
    data_type = case.data_type()
    namespace = case.namespace()
    versions = [case.numbered(20, data_type, writer=writer) for writer in range(6)]
    at_once = threading.Barrier(len(versions))

    def write(page: list[bytes]) -> None:
        at_once.wait()
        case.write(namespace, page, data_type)

    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(write, versions))
    found = by_id(case.read(namespace, data_type, expected=20), data_type)
    allowed: dict[bytes, set[bytes]] = {}
    for document in (document for version in versions for document in version):
        allowed.setdefault(document_key(document, data_type), set()).add(canonical(document, data_type))
    case.check(found.keys() == allowed.keys(), "ids are missing or unexpected", expected=len(allowed), seen=len(found))
    for key, document in found.items():
        if canonical(document, data_type) not in allowed[key]:
            raise Violation("a document is not one of those written", expected="one of six", seen=str(document))


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
    isolates_namespaces,
    namespace_and_id,
    long_ids,
    empty_page,
    large_page,
    id_kinds,
    similar_ids,
    equal_numbers,
    concurrent,
    concurrent_overwrites,
    leaves_others,
)
