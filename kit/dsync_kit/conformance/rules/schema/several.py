"""Pages, updates and ids that do not fit a namespace's schema are refused as a whole, or take full effect."""

from bson import Int64, ObjectId
from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import MORE_THAN_A_BATCH, expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.choosing import choice, some
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.documents.misfits import Misfit, MisfitKind, rules_out
from dsync_kit.conformance.documents.strategies import id_value, make_document
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.schema.judging import (
    AFTER,
    NEEDS,
    SENTENCE,
    UnfitWrites,
    filling_of,
    misfits_of,
    own_both,
    reasons,
)
from dsync_kit.documents import decode, encode, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, UPDATE_TYPE_UPDATE, Update

__all__ = ["RULES"]


@rule(
    "schema/page",
    SENTENCE,
    needs=NEEDS,
    hint="the documents that failed are left out, or those before them are kept: check the whole page before you write",
    after=(*AFTER, "write/several-pages"),
    examples=0.6,
)
def page(case: Case) -> None:
    """A page with a document that does not fit is written whole if accepted, and changes nothing if refused."""
    data_type = case.data_type()
    filling = filling_of(case, data_type)
    known = [kind for kind in MisfitKind if rules_out(filling, [kind])]
    if not known:
        raise case.does_not_apply("its schema rules nothing out")
    writes = UnfitWrites(case, filling, "schema/page")
    refused: list[bytes] = []
    why: list[Misfit] = []
    for number, kind in enumerate(case.draw(some(known), "pages with")):
        wrong = misfits_of(case, filling, [kind], most=1)
        count = case.draw(choice(1, 2, 4, MORE_THAN_A_BATCH), "documents that fit")
        good = case.numbered(count, data_type, prefix=f"good{number}-")
        own_both(case, writes.namespace, wrong, data_type)
        place = case.draw(st.sampled_from(sorted({0, len(good) * 9 // 10, len(good)})), "place")
        documents = [*good[:place], wrong[0].document, *good[place:]]
        why += wrong
        try:
            case.write(writes.namespace, documents, data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a page with a document that does not fit ({wrong[0].reason})")
            refused += good
        else:
            writes.model.write(documents)
            writes.accepted[wrong[0].document] = wrong[0]
    # Where there are few ids, pages have some in common.
    refused = [document for document in refused if document_key(document, data_type) not in writes.model.documents]
    what = f"pages were written with documents that do not fit ({reasons(why)})"
    writes.check(what, alone=False, none_of=refused)


@rule(
    "schema/updates",
    SENTENCE,
    needs=(*NEEDS, Need.CHANGING),
    hint="an update that fails is skipped, or stripped of what does not fit",
    after=(*AFTER, "updates/update-missing"),
)
def updates(case: Case) -> None:
    """An update whose document does not fit has its full effect if accepted, and none if refused."""
    data_type = case.data_type()
    filling = filling_of(case, data_type)
    wrong = misfits_of(case, filling, tuple(MisfitKind), most=6)
    writes = UnfitWrites(case, filling, "schema/updates")
    own_both(case, writes.namespace, wrong, data_type)
    (good,) = case.numbered(1, data_type, prefix="good")
    alone = case.draw(st.booleans(), "alone in its call")
    before = [] if alone else [Update(id=id_of(good, data_type), type=UPDATE_TYPE_UPDATE, data=good)]
    for misfit in wrong:
        parts = id_value(misfit.identifier, data_type)
        call = [*before, Update(id=parts, type=UPDATE_TYPE_UPDATE, data=misfit.document)]
        try:
            case.update(writes.namespace, call, data_type)
        except ConnectorError as error:
            expect_final(case, error, f"an update that does not fit ({misfit.reason})")
        else:
            writes.model.apply(call)
            writes.accepted[misfit.document] = misfit
    what = f"updates were sent with documents that do not fit ({reasons(wrong)})"
    writes.check(what, alone=False, maybe=[good])


_BY_PARTS = (
    *(MisfitKind.MISSING_FIELD, MisfitKind.UNKNOWN_FIELD, MisfitKind.NULL, MisfitKind.OTHER_TYPE),
    *(MisfitKind.TEXT_TOO_LONG, MisfitKind.NUL, MisfitKind.TOO_MANY_DIGITS, MisfitKind.OUT_OF_RANGE),
)
"""The ways in which a change of one field can break a schema."""


@rule(
    "schema/partial-updates",
    SENTENCE,
    needs=(*NEEDS, Need.CHANGING),
    hint="unknown fields of a partial update are dropped, or removed fields become null",
    after=(*AFTER, "updates/partial"),
)
def partial_updates(case: Case) -> None:
    """A partial update that makes a document unfit has its full effect if accepted, and none if refused."""
    data_type = case.data_type()
    filling = filling_of(case, data_type, _BY_PARTS)
    wrong = misfits_of(case, filling, _BY_PARTS, most=6)
    writes = UnfitWrites(case, filling, "schema/partial-updates")
    there = [case.document(misfit.identifier, {"n": 1}, data_type) for misfit in wrong]
    case.write(writes.namespace, there, data_type)
    writes.model.write(there)
    for misfit, whole in zip(wrong, there, strict=True):
        fields = decode(misfit.document, data_type)
        changes = {misfit.field: fields[misfit.field]} if misfit.field in fields else {}
        unset = [] if changes else [misfit.field]
        update = Update(
            id=id_value(misfit.identifier, data_type),
            type=UPDATE_TYPE_PARTIAL_UPDATE,
            data=encode(changes, data_type),
            partial_update_unset=unset,
        )
        try:
            case.update(writes.namespace, [update], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a partial update after which a document does not fit ({misfit.reason})")
        else:
            after = {
                name: value for name, value in {**decode(whole, data_type), **changes}.items() if name not in unset
            }
            unfit = make_document(after.pop(filling.schema.id_field), after, data_type)
            writes.model.write([unfit])
            writes.accepted[unfit] = misfit
    what = f"partial updates were sent after which documents do not fit ({reasons(wrong)})"
    writes.check(what, alone=False)


@rule(
    "schema/other-ids",
    "An update's id is the document's id … A number and a text never name the same document",
    needs=(*NEEDS, Need.CHANGING),
    hint="ids are converted to the key's type, or compared without case, before they are looked up",
    after=(*AFTER, "updates/delete"),
    examples=0.5,
)
def other_ids(case: Case) -> None:
    """A DELETE of an id that only looks like a document's ('5' for 5, 'A' for 'a') leaves the document."""
    data_type = case.data_type()
    filling = filling_of(case, data_type)
    values = case.identifiers(data_type, max_size=4)
    alike = [other for value in values for other in _read_alike(value) if not filling.schema.allows_id(other)]
    alike += [other for value in values if (other := _in_other_case(filling, value)) is not None]
    if not alike:
        raise case.decline("no other id looks like one that the namespace holds")
    writes = UnfitWrites(case, filling, "schema/other-ids")
    documents = [case.document(value, {"n": 0}, data_type) for value in values]
    case.write(writes.namespace, documents, data_type)
    writes.model.write(documents)
    for value in alike:
        removal = Update(id=id_value(value, data_type), type=UPDATE_TYPE_DELETE)
        try:
            case.update(writes.namespace, [removal], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"the id {value!r}")
    what = f"only ids that look similar ({', '.join(map(repr, alike[:3]))}) were deleted"
    writes.check(what)


def _read_alike(value: object) -> list[object]:
    """Ids of other types that look like this one."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return [str(int(value))]
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return [Int64(min(int(value), 2**62))]
    return [str(value)] if isinstance(value, ObjectId) else []


@rule(
    "schema/unique",
    SENTENCE,
    needs=NEEDS,
    hint="an upsert matches a row by any unique index (ON DUPLICATE KEY UPDATE, REPLACE), or by a key without its case",
    after=AFTER,
    examples=0.5,
)
def unique(case: Case) -> None:
    """A document with a unique value of another one, or its id in other case, is refused, or kept beside it."""
    data_type = case.data_type()
    case.prefer(data_type, lambda holding: isinstance(holding, Filling) and bool(holding.unique_fields))
    filling = filling_of(case, data_type)
    key = filling.schema.id_field
    first, *others = case.numbered(2 + len(filling.unique_fields), data_type, prefix="unique")
    fields = decode(first, data_type)
    other_case = _in_other_case(filling, fields[key])
    shared = [name for name in filling.unique_fields if fields.get(name) is not None] + [key] * (other_case is not None)
    if not shared:
        raise case.does_not_apply("its schema has no field of which no two documents share a value")
    writes = UnfitWrites(case, filling, "schema/unique")
    case.write(writes.namespace, [first], data_type)
    writes.model.write([first])
    for other, name in zip(others, shared, strict=False):
        changed = {**decode(other, data_type), name: other_case if name == key else fields[name]}
        alike = make_document(changed.pop(key), changed, data_type)
        try:
            case.write(writes.namespace, [alike], data_type)
        except ConnectorError as error:
            expect_final(case, error, f"a document with the {name} of another one")
        else:
            writes.model.write([alike])
    said = " or ".join(f"the {name} of another one{' in other case' * (name == key)}" for name in shared)
    writes.check(f"a document with {said} was written")


def _in_other_case(filling: Filling, value: object) -> str | None:
    """The id with capitals for small letters, or the other way round; None if there is none, or if it fits, too."""
    if not isinstance(value, str):
        return None
    other = value.swapcase()
    return other if other != value and not filling.schema.allows_id(other) and other not in filling.taken else None


RULES = (
    page,
    updates,
    partial_updates,
    other_ids,
    unique,
)
