"""WriteUpdates: ids of all kinds, many updates, parallel writers, and updates that a sink may refuse."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing, look_alikes, strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.documents.strategies import id_value, make_document, update
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.rules.updates.applying import BOTH, apply, one_document
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import encode, id_field, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
)
from dsync_kit.protocol.names import kind_name

__all__ = ["RULES"]

_WRITERS = 16
"""dsync writes with up to 16 writers, by default 4."""


@rule(
    "updates/id-name",
    "`name` the field (`_id`, with JSON `id`, or empty)",
    needs=BOTH,
    hint="the connector requires the id's name, or treats it as part of the id",
    after=(
        "updates/delete",
        "updates/id-kinds",
        "updates/replaces-whole",
    ),
    examples=0.5,
)
def id_name(case: Case) -> None:
    """The id is found by its value, whether its name is given or left empty."""
    namespace, model, value = one_document(case, present=True)
    parts = [BsonValue(data=part.data, type=part.type) for part in id_value(value, model.data_type)]
    if model.data_type == strategies.JSON:
        parts[0].name = id_field(model.data_type)
    kind = case.draw(st.sampled_from(case.update_kinds[1:]), "kind", show=kind_name)
    data = b"" if kind == UPDATE_TYPE_DELETE else case.document(value, {"a": 2}, model.data_type)
    apply(case, namespace, model, [Update(id=parts, type=kind, data=data)])
    case.expect(namespace, model, "the listing after an update whose id has no name")


@rule(
    "updates/id-kinds",
    "An update's id is the document's id: for MONGO_BSON a single part that equals `_id`, including its type.",
    needs=BOTH,
    hint="ids are compared as text, or by their bytes without their type",
    after=("updates/delete", "write/id-kinds", "write/similar-ids"),
    examples=0.4,
    about=FeatureKind.MIXED_IDS,
)
def id_kinds(case: Case) -> None:
    """Of documents whose ids look alike, an update changes only the one whose id has the same type."""
    data_type = case.data_type()
    drawn = case.look_alikes(look_alikes.LOOK_ALIKE_IDS, data_type)
    if not drawn:
        raise case.does_not_apply("it accepts ids of one type only")
    namespace = case.namespace()
    model = case.write_groups(namespace, drawn, data_type)
    # A store that confuses them mostly finds the first one; a pattern may match only in one place.
    places = case.draw(choosing.most((-1, 1, 0)), "updated")
    kinds = case.draw(choosing.most(case.update_kinds[1:]), "kinds", show=kind_name)
    values = {strategies.merge_key(value): value for group in drawn for value in group}
    for place in places:
        chosen = [group[place % len(group)] for group in drawn]
        updated = [values[key] for key in dict.fromkeys(map(strategies.merge_key, chosen))]
        there = [value for value in updated if key_of(id_value(value, data_type), data_type) in model.documents]
        for kind in kinds:
            updates = [update(kind, value, case.document(value, {"n": place}, data_type), data_type) for value in there]
            apply(case, namespace, model, updates)
            case.expect(namespace, model, f"the listing after {kind_name(kind)} of one of several ids that look alike")


@rule(
    "updates/many",
    "all updates of one id in order through one writer",
    needs=BOTH,
    hint="a call is cut at the size of the store's largest batch, or its chunks are applied out of order",
    after=(
        "updates/order-in-call",
        "updates/model",
        "list/complete",
    ),
    examples=0.1,
    fills=0.1,
)
def many(case: Case) -> None:
    """A call with 1,200 updates of 300 ids is applied completely and in order."""
    data_type = case.data_type()
    rounds = [case.numbered(300, data_type, round=number) for number in range(4)]
    kinds = [UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, case.update_kinds[-1], UPDATE_TYPE_INSERT]
    namespace, model = case.namespace(), Model(data_type)
    updates = [
        Update(id=id_of(document, data_type), type=kind, data=b"" if kind == UPDATE_TYPE_DELETE else document)
        for documents, kind in zip(rounds, kinds, strict=True)
        for number, document in enumerate(documents)
        if kind != UPDATE_TYPE_INSERT or documents is rounds[0] or number % 3
    ]
    apply(case, namespace, model, updates)
    case.expect(namespace, model, "the listing after a call with more than a thousand updates")


@rule(
    "updates/concurrent",
    "Up to 16 writers (by default 4) write at once.",
    needs=BOTH,
    hint="writers share state without a lock",
    after=("updates/model", "write/concurrent"),
    examples=0.44,
)
def concurrent(case: Case) -> None:
    """Updates of different ids are all applied, even if as many writers as dsync may start send them at once."""
    data_type = case.data_type()
    namespace, model = case.namespace(), Model(data_type)
    documents = case.numbered(80, data_type)
    case.write(namespace, documents, data_type)
    model.write(documents)
    calls: list[list[Update]] = []
    for start in range(0, 80, 2):
        pair = documents[start : start + 2]
        new = case.numbered(80, data_type, changed=True)[start]
        calls.append(
            [
                Update(id=id_of(pair[0], data_type), type=UPDATE_TYPE_UPDATE, data=new),
                *([Update(id=id_of(pair[1], data_type), type=UPDATE_TYPE_DELETE)] if case.deletes else []),
            ]
        )
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda updates: case.update(namespace, updates, data_type), calls))
    for updates in calls:
        model.apply(updates)
    case.expect(namespace, model, f"the listing after {_WRITERS} writers sent updates at once")


@rule(
    "updates/partial",
    "PARTIAL_UPDATE (data = changed fields, `partial_update_unset` = fields to remove) is applied, or refused with "
    "INVALID_ARGUMENT or UNIMPLEMENTED: never silently ignored, and never mistaken for a full document.",
    needs=BOTH,
    hint="PARTIAL_UPDATE is handled like UPDATE, or not at all",
    after=(
        "write/read-back",
        "write/idempotent",
    ),
    examples=0.5,
)
def partial(case: Case) -> None:
    """PARTIAL_UPDATE changes the fields that it names and keeps the others, or is refused."""
    data_type = case.data_type()
    value = case.identifiers(data_type, max_size=1)[0]
    namespace = case.namespace()
    holding = case.holding(data_type)
    present: dict[str, Any] = {"a": 1, "b": "old", "c": 3, "tags": ["x", "y"], "inner": {"x": 1, "y": 2}}
    changed: list[dict[str, Any]] = [{"a": 2}, {"d": 4}, {"c": None}, {"tags": ["z"]}, {"inner": {"x": 3}}, {}]
    optional, missing = ["b"], ["nowhere"]
    if isinstance(holding, Filling) and not holding.free:
        present = case.draw(holding.contents(small=True), "fields")
        changed = [case.draw(holding.changes(present), "other values")]
        optional = sorted(present.keys() - holding.schema.required)
        missing = sorted(holding.schema.fields.keys() - present.keys())
    present, changed = holding.fitting(present), list(map(holding.fitting, changed))
    before = case.document(value, present, data_type)
    unset = case.freedoms.unset(optional, missing)
    with_id = case.draw(st.booleans(), "data holds the id")
    # A slow connector gets only the plainest example, in which fields are removed, too.
    tried = [(changed[0], names[:1]) for names in (missing, optional) if names]
    tried += [(drawn, unset) for drawn in case.draw(choosing.many(changed), "changed fields")]
    for drawn, gone in tried:
        changes = {name: field for name, field in drawn.items() if name not in gone}
        kept = {name: field for name, field in present.items() if name not in gone}
        case.write(namespace, [before], data_type)
        after = case.document(value, {**kept, **changes}, data_type)
        refusal = _send_partial(case, namespace, value, changes, gone, data_type, with_id=with_id)
        if refusal is not None:
            expect_final(case, refusal, "PARTIAL_UPDATE")
            case.notes.append(f"it refuses PARTIAL_UPDATE ({refusal.code.name})")
            case.expect(namespace, Model(data_type, [before]), "the listing after a refused PARTIAL_UPDATE")
            continue
        case.expect(namespace, Model(data_type, [after]), "the listing after an accepted PARTIAL_UPDATE")


def _send_partial(
    case: Case,
    namespace: str,
    value: Any,
    changes: dict[str, Any],
    unset: list[str],
    data_type: DataType,
    *,
    with_id: bool,
) -> ConnectorError | None:
    """Send a partial update, and return the error if it is refused. The changed fields may include the id."""
    data = make_document(value, changes, data_type) if with_id else encode(changes, data_type)
    request = Update(
        id=id_value(value, data_type), type=UPDATE_TYPE_PARTIAL_UPDATE, data=data, partial_update_unset=unset
    )
    try:
        case.update(namespace, [request], data_type)
    except ConnectorError as error:
        return error
    return None


@rule(
    "updates/partial-in-call",
    "the same id may occur several times in one call, and order decides",
    needs=BOTH,
    hint="a PARTIAL_UPDATE is merged with what was stored before the call, or replaces the update before it",
    after=("updates/partial", "updates/order-in-call"),
    examples=0.6,
    about=FeatureKind.IN_ONE_CALL,
)
def partial_in_call(case: Case) -> None:
    """PARTIAL_UPDATEs of a document that the same call inserts or changes keep its other fields, or are refused."""
    data_type = case.data_type()
    holding = case.holding(data_type)
    value = case.identifiers(data_type, max_size=1)[0]
    namespace = case.namespace()
    fields: dict[str, Any] = {"a": 1, "b": "first", "c": True}
    older: dict[str, Any] = {"a": 0, "old": 0}
    steps: list[dict[str, Any]] = [{"a": 2}, {"b": "second"}, {"d": None}]
    optional, missing = ["c"], ["old"]
    if isinstance(holding, Filling) and not holding.free:
        fields = case.draw(holding.contents(small=True), "fields")
        older = case.draw(holding.contents(small=True), "older fields")
        steps = [case.draw(holding.changes(fields), "other values") for _ in range(2)]
        optional, missing = [], []
    fields, older, steps = holding.fitting(fields), holding.fitting(older), list(map(holding.fitting, steps))
    if case.draw(st.booleans(), "there before"):
        case.write(namespace, [case.document(value, older, data_type)], data_type)
    kind = case.draw(st.sampled_from([UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE]), "kind", show=kind_name)
    chosen = case.draw(st.lists(st.sampled_from(range(len(steps))), min_size=1, max_size=3, unique=True), "then")
    updates = [update(kind, value, case.document(value, fields, data_type), data_type)]
    if case.deletes and case.draw(st.booleans(), "deleted first"):
        updates.insert(0, update(UPDATE_TYPE_DELETE, value, b"", data_type))
    for changes in (steps[place] for place in chosen):
        fields = {**fields, **changes}
        updates.append(
            Update(id=id_value(value, data_type), type=UPDATE_TYPE_PARTIAL_UPDATE, data=encode(changes, data_type))
        )
    unset = case.freedoms.unset(optional, missing)
    updates[-1].partial_update_unset.extend(unset)
    fields = {name: field for name, field in fields.items() if name not in unset}
    try:
        case.update(namespace, updates, data_type)
    except ConnectorError as error:
        expect_final(case, error, "a PARTIAL_UPDATE after another update of its id")
        raise case.decline(f"it refuses PARTIAL_UPDATE ({error.code.name})") from error
    case.expect(namespace, Model(data_type, [case.document(value, fields, data_type)]), "the listing after the call")


@rule(
    "updates/composite-ids",
    "may refuse composite ids: with INVALID_ARGUMENT or NOT_FOUND, never by dropping data",
    needs=BOTH,
    hint="only the first part of a composite id is used",
    after=(
        "updates/delete",
        "errors/malformed-id-code",
        "errors/malformed-update",
    ),
    examples=0.44,
)
def composite_ids(case: Case) -> None:
    """A composite id is refused, or names one document by all of its parts."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=2)
    documents = [case.document(value, {"n": 0}, data_type) for value in values]
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    parts = [part for value in values for part in id_value(value, data_type)]
    removal = Update(id=parts, type=UPDATE_TYPE_DELETE)
    try:
        case.update(namespace, [removal], data_type)
    except ConnectorError as error:
        expect_final(case, error, "a composite id")
    # No document has both parts as its id, so nothing may be gone.
    model = Model(data_type, documents)
    case.expect(namespace, model, "the listing after a DELETE of a composite id")
    taken = case.holding(data_type).taken
    whole = {"a": taken.free_text("x"), "b": taken.free_text("y")}
    if whole in taken:
        return
    composite = case.document(whole, {"n": 1}, data_type)
    parts = [part for value in whole.values() for part in id_value(value, data_type)]
    for part, name in zip(parts, "ab", strict=True):
        part.name = name
    try:
        case.update(namespace, [Update(id=parts, type=UPDATE_TYPE_INSERT, data=composite)], data_type)
    except ConnectorError:
        return  # rules on malformed ids judge its code: the two parts need not be the document's
    listed = case.read(namespace, data_type, expected=len(documents) + 1)
    case.check(
        len(listed) > len(documents),
        "a document with a composite id was accepted, but is missing",
        expected="a refusal, or the document",
        seen=f"OK, and the {len(listed)} documents that were there before",
    )


RULES = (id_name, id_kinds, many, concurrent, partial, partial_in_call, composite_ids)
