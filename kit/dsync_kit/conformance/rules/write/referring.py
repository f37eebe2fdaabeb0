"""WriteData and WriteUpdates: an overwritten row is still the one that rows of other tables refer to."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.strategies import make_document, merge_key, update_to
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode, decode_id, id_field, id_of
from dsync_kit.protocol import UPDATE_TYPE_UPDATE, DataType

__all__ = ["RULES"]


class _Reference(NamedTuple):
    """A field of a namespace whose values are ids of another namespace."""

    namespace: str
    field: str
    referred: str


@rule(
    "write/referring-rows",
    "INSERT and UPDATE are both full-document upserts",
    needs=(Need.SINK, Need.READING, Need.SEVERAL_FORMS),
    hint="an upsert deletes the row and inserts it again (REPLACE INTO), so ON DELETE CASCADE removes the rows that "
    "refer to it: use an upsert that changes the row",
    after=("write/read-back", "write/overwrites"),
    examples=0.28,
)
def referring_rows(case: Case) -> None:
    """A row that is overwritten keeps the rows of other tables that refer to it."""
    data_type = case.data_type()
    known = _references(case, data_type)
    if not known:
        raise case.does_not_apply("no table has a field whose values are ids of another table")
    reference = case.draw(st.sampled_from(known), "reference", show=lambda found: " ".join(found))
    case.keep_to(reference.referred)
    first = case.numbered(1, data_type, prefix="referred")[0]
    identifier = decode_id(*id_of(first, data_type))
    second = case.document(identifier, {"n": 2}, data_type)
    case.write(reference.referred, [first], data_type)
    case.keep_to(reference.namespace)
    fields = decode(case.numbered(1, data_type, prefix="refers")[0], data_type)
    own = fields.pop(id_field(data_type))
    referring = make_document(own, {**fields, reference.field: identifier}, data_type)
    case.write_if_accepted(reference.namespace, [referring], data_type)
    if case.offers(Need.CHANGING) and case.draw(st.booleans(), "by WriteUpdates"):
        case.update(reference.referred, [update_to(UPDATE_TYPE_UPDATE, second, data_type)], data_type)
    else:
        case.write(reference.referred, [second], data_type)
    what = f"the listing of {reference.namespace} after a row of {reference.referred} to which {reference.field} refers"
    case.expect(reference.namespace, Model(data_type, [referring]), f"{what} was overwritten")


def _references(case: Case, data_type: DataType) -> list[_Reference]:
    """What documents that were there before the run show: all values of a field are ids of another namespace."""
    ids: dict[str, set[Any]] = {}
    values: dict[tuple[str, str], set[Any]] = {}
    for family in case.subject.families:
        holding = family.holding(data_type)
        if not isinstance(holding, Filling):
            continue
        case.keep_to(family.names[0])
        name = case.namespace()
        there = [decode(document, data_type) for document in case.foreign_in(name, data_type).values()]
        ids[name] = {merge_key(document[id_field(data_type)]) for document in there}
        for field in holding.schema.fields:
            known = [document[field] for document in there if document.get(field) is not None]
            if known and not isinstance(known[0], dict | list):
                values[name, field] = set(map(merge_key, known))
    return [
        _Reference(name, field, other)
        for (name, field), known in values.items()
        for other in ids
        if other != name and known <= ids[other]
    ]


RULES = (referring_rows,)
