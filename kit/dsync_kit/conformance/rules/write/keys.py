"""WriteData: documents whose namespaces or ids differ, however little, stay distinct."""

import itertools

from hypothesis import strategies as st

from dsync_kit.conformance.calls.transcript import show_document
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, identifiers, look_alikes, strategies
from dsync_kit.conformance.documents.identifiers import LONG_IDS
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import canonical

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)


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
    pairs = case.draw(choosing.few(known), "namespaces")
    held = {}
    for namespace in dict.fromkeys([one, *(name for pair in pairs for name in pair)]):
        page = [case.document(value, {"in": namespace}, data_type) for value in identifiers]
        # A name that it refuses cannot collide with another.
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
    hint="namespace and id are joined into one key without a separator that neither can contain",
    after=("write/isolates-namespaces", "write/similar-ids"),
    examples=0.44,
)
def namespace_and_id(case: Case) -> None:
    """Documents stay distinct even if namespace and id concatenate to the same string."""
    if not case.found.makes_namespaces:
        raise case.does_not_apply("it does not create namespaces")
    data_type = case.data_type()
    if not case.holding(data_type).allows_id("string", "x/y"):
        raise case.does_not_apply("it accepts no texts as ids")
    separator = case.draw(st.sampled_from(["/", ".", ":", "_", "-", "|", "#", ""]), "separator")
    namespace = case.namespace()
    held = {}
    for name, identifier in ((namespace, f"x{separator}y"), (f"{namespace}{separator}x", "y")):
        page = [case.document(identifier, {"in": name}, data_type)]
        case.write_if_accepted(name, page, data_type)
        held[name] = Model(data_type, page)
    for name, model in held.items():
        case.expect(
            name, model, f"the listing of {name!r}, beside a document whose namespace and id look the same when joined,"
        )


@rule(
    "write/long-ids",
    "may refuse composite ids: with INVALID_ARGUMENT or NOT_FOUND, never by dropping data",
    needs=_BOTH,
    hint="an id becomes a file name, or a value of a column with a maximum length, and is cut or fails there",
    after=("write/read-back", "write/similar-ids"),
    examples=0.44,
)
def long_ids(case: Case) -> None:
    """An id of hundreds of characters works like any other, or is refused with INVALID_ARGUMENT."""
    data_type = case.data_type()
    allows = case.holding(data_type).allows_id
    ids = {size: ["k" * (size - 1) + end for end in "12"] for size in LONG_IDS}
    sizes = [size for size, values in ids.items() if all(allows("string", value) for value in values)]
    if not sizes:
        raise case.does_not_apply("it accepts no long texts as ids")
    drawn = case.draw(choosing.many(sizes), "characters")
    namespace = case.namespace()
    model = case.write_groups(namespace, [ids[size] for size in drawn], data_type)
    case.expect(namespace, model, "the listing of long ids")


@rule(
    "write/id-kinds",
    "A number and a text never name the same document, nor do a date and an integer.",
    needs=_BOTH,
    hint="ids are turned into text, so ids of different types collide",
    after=("write/read-back",),
    examples=0.7,
    about=FeatureKind.MIXED_IDS,
)
def id_kinds(case: Case) -> None:
    """Ids that look the same but have different types are different documents."""
    _apart(case, look_alikes.IDS_OF_OTHER_KINDS, of_parts=False)


@rule(
    "write/similar-ids",
    "It overwrites by id",
    needs=_BOTH,
    hint="a document's key is not its whole id: a collation, a prefix index, a file name, parts that are joined",
    after=("write/read-back", "write/id-kinds"),
    examples=0.7,
)
def similar_ids(case: Case) -> None:
    """Ids that differ only in case, spaces, accents, a late character or where a part ends are different documents."""
    _apart(case, look_alikes.SIMILAR_IDS, of_parts=True)


def _apart(case: Case, groups: look_alikes.Groups, *, of_parts: bool) -> None:
    data_type = case.data_type()
    drawn = case.look_alikes(groups, data_type, of_parts=of_parts)
    if not drawn:
        raise case.does_not_apply("it accepts no ids of types that could be confused")
    namespace = case.namespace()
    model = case.write_groups(namespace, drawn, data_type)
    case.expect(namespace, model, "the listing of ids that look alike")


@rule(
    "write/equal-numbers",
    "The store chooses whether numerically equal ids of different number types (int32 5, int64 5, double 5.0) name one "
    "document",
    needs=(*_BOTH, Need.BSON),
    hint="a write of one of the two fails, or destroys a third document",
    after=(
        "write/overwrites",
        "write/read-back",
    ),
    examples=0.44,
)
def equal_numbers(case: Case) -> None:
    """Numerically equal ids of different types name one document or several; either way the last write is there."""
    data_type = strategies.BSON
    if data_type not in case.declared.types:
        raise case.does_not_apply("this type is not both written and read")
    holding = case.holding(data_type)
    number = next(number for number in itertools.count(5) if number not in holding.taken)
    equal = {kind: value for kind, value in identifiers.equal_numbers(number).items() if holding.allows_id(kind, value)}
    if len(equal) < 2:
        raise case.does_not_apply("it accepts ids of one number type only")
    namespace = case.namespace()
    documents = [case.document(value, {"n": n}, data_type) for n, value in enumerate(equal.values())]
    for document in documents:
        case.write(namespace, [document], data_type)
    listed = case.read(namespace, data_type, expected=3)
    found = {canonical(document, data_type) for document in listed}
    written = [canonical(document, data_type) for document in documents]
    whole = found == set(written)
    last = [case.document(value, {"n": len(equal) - 1}, data_type) for value in equal.values()]
    merged = len(found) == 1 and found <= {canonical(document, data_type) for document in last}
    case.check(
        whole or merged,
        "numerically equal ids name neither several documents, nor one with the last contents",
        expected=f"{', '.join(map(show_document, documents))}, or one of these ids with n = {len(equal) - 1}",
        seen=", ".join(map(show_document, listed)) or "no document",
    )


RULES = (
    isolates_namespaces,
    namespace_and_id,
    long_ids,
    id_kinds,
    similar_ids,
    equal_numbers,
)
