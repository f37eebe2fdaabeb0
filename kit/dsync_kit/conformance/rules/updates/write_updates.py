"""WriteUpdates: upserts and deletes in their order, repeated and replayed without harm."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case, kind_name
from dsync_kit.conformance.case.refusals import expect_final
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import look_alikes, strategies
from dsync_kit.conformance.documents.strategies import id_value, make_document, update
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode_id, encode, id_field, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
    UpdateType,
    WriteUpdatesRequest,
)

__all__ = ["RULES"]

_BOTH = (Need.SINK, Need.READING)
_UPSERT = "INSERT and UPDATE are both a full-document upsert"
_KINDS = (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE)
_IN_ONE_CALL = list(itertools.product((False, True), itertools.product(_KINDS, repeat=2)))
"""Whether a document was there, and two updates of it in one call: every case that there is."""


def _apply(case: Case, namespace: str, model: Model, updates: Sequence[Update]) -> None:
    case.update(namespace, updates, model.data_type)
    model.apply(updates)


def _one(case: Case, *, present: bool) -> tuple[str, Model, Any]:
    """A namespace, its model, and an id: with a document of it, or without."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    held = values if present else values[1:]
    documents = [make_document(value, {"a": 1, "b": "old"}, data_type) for value in held]
    case.write(namespace, documents, data_type)
    model.write(documents)
    return namespace, model, values[0]


@rule("updates/insert-missing", _UPSERT, needs=_BOTH, hint="INSERT is not applied", after=("write/read-back",))
def insert_missing(case: Case) -> None:
    """INSERT of an id that is not there adds the document."""
    namespace, model, value = _one(case, present=False)
    document = make_document(value, {"a": 2}, model.data_type)
    _apply(case, namespace, model, [update(UPDATE_TYPE_INSERT, value, document, model.data_type)])
    case.expect(namespace, model, "what is listed after an INSERT")


@rule(
    "updates/insert-existing",
    _UPSERT,
    needs=_BOTH,
    hint="INSERT fails, or does nothing, where the id is there already",
    after=(
        "updates/insert-missing",
        "write/idempotent",
    ),
)
def insert_existing(case: Case) -> None:
    """INSERT of an id that is there replaces the document."""
    namespace, model, value = _one(case, present=True)
    document = make_document(value, {"a": 2}, model.data_type)
    _apply(case, namespace, model, [update(UPDATE_TYPE_INSERT, value, document, model.data_type)])
    case.expect(namespace, model, "what is listed after an INSERT of an id that was there")


@rule(
    "updates/update-missing",
    _UPSERT,
    needs=_BOTH,
    hint="UPDATE changes only what is there: use an upsert",
    after=("updates/insert-missing",),
)
def update_missing(case: Case) -> None:
    """UPDATE of an id that is not there adds the document."""
    namespace, model, value = _one(case, present=False)
    document = make_document(value, {"a": 2}, model.data_type)
    _apply(case, namespace, model, [update(UPDATE_TYPE_UPDATE, value, document, model.data_type)])
    case.expect(namespace, model, "what is listed after an UPDATE of an id that was not there")


@rule(
    "updates/replaces-whole",
    _UPSERT,
    needs=_BOTH,
    hint="the new fields are merged into the old document",
    after=("updates/update-missing", "updates/insert-existing"),
)
def replaces_whole(case: Case) -> None:
    """UPDATE replaces the document: fields that the new one lacks are gone."""
    namespace, model, value = _one(case, present=True)
    document = make_document(value, {"c": "new"}, model.data_type)
    _apply(case, namespace, model, [update(UPDATE_TYPE_UPDATE, value, document, model.data_type)])
    case.expect(namespace, model, "what is listed after an UPDATE")


@rule(
    "updates/delete",
    "DELETE carries no data, and deleting what is missing is OK",
    needs=_BOTH,
    hint="the id is not compared as a BSON value: `data` is the value alone, with its length and NUL for a text",
    after=(
        "write/read-back",
        "write/idempotent",
    ),
)
def delete(case: Case) -> None:
    """DELETE removes the document with its id, and no other."""
    namespace, model, value = _one(case, present=True)
    _apply(case, namespace, model, [update(UPDATE_TYPE_DELETE, value, b"", model.data_type)])
    case.expect(namespace, model, "what is listed after a DELETE")


@rule(
    "updates/delete-missing",
    "deleting what is missing is OK",
    needs=(Need.SINK,),
    hint="a delete that finds nothing is answered with an error",
    after=("updates/delete",),
)
def delete_missing(case: Case) -> None:
    """DELETE of an id that is not there is OK, and changes nothing."""
    if not case.declared.loads or not case.declared.can_read:
        data_type = case.data_type(case.declared.sink_types)
        value = case.draw(strategies.ids(data_type, case.found.id_kinds[data_type]), "id")
        case.update(case.namespace(), [update(UPDATE_TYPE_DELETE, value, b"", data_type)], data_type)
        case.checks += 1
        return
    namespace, model, value = _one(case, present=False)
    _apply(case, namespace, model, [update(UPDATE_TYPE_DELETE, value, b"", model.data_type)])
    case.expect(namespace, model, "what is listed after a DELETE of an id that was not there")


@rule(
    "updates/order-in-call",
    "the same id may stand several times in one call, and order decides",
    needs=_BOTH,
    hint="a call's updates are grouped by kind, keyed by id, or applied in parallel",
    after=("updates/insert-missing", "updates/insert-existing", "updates/update-missing", "updates/delete"),
    examples=2,
)
def order_in_call(case: Case) -> None:
    """Of several updates of one id in one call, the last one decides: of any kinds, whether it was there or not."""
    data_type = case.data_type()
    chosen = case.draw(strategies.some(_IN_ONE_CALL), "there before, then", show=_told)
    rest = case.draw(st.lists(st.sampled_from(_KINDS), max_size=2), "then", show=kind_name)
    documents = case.numbered(len(chosen), data_type)
    before = [document for document, (there, _) in zip(documents, chosen, strict=True) if there]
    namespace, model = case.namespace(), Model(data_type, before)
    if before:
        case.write(namespace, before, data_type)
    # Round by round, so that the updates of one id are not side by side.
    updates = [
        update(kinds[step], value, make_document(value, {"n": step + 1}, data_type), data_type)
        for step in range(2 + len(rest))
        for document, (_, pair) in zip(documents, chosen, strict=True)
        for kinds in [(*pair, *rest)]
        for value in [decode_id(id_of(document, data_type)[0])]
    ]
    _apply(case, namespace, model, updates)
    case.expect(namespace, model, "what is listed after several updates of one id in one call")


@rule(
    "updates/order-across-calls",
    "all updates of one id in order through one writer",
    needs=_BOTH,
    hint="a later call does not see what an earlier one did",
    after=("updates/insert-missing", "updates/insert-existing", "updates/update-missing", "updates/delete"),
)
def order_across_calls(case: Case) -> None:
    """Of several calls with updates of one id, the last one decides."""
    data_type = case.data_type()
    value = case.identifiers(data_type, max_size=1)[0]
    kinds = case.draw(st.lists(st.sampled_from(_KINDS), min_size=2, max_size=4), "kinds", show=kind_name)
    namespace, model = case.namespace(), Model(data_type)
    for number, kind in enumerate(kinds, 1):
        document = make_document(value, {"n": number}, data_type)
        _apply(case, namespace, model, [update(kind, value, document, data_type)])
    case.expect(namespace, model, f"what is listed after {_named(kinds)} of one id, a call each")


@rule(
    "updates/model",
    "the same id may stand several times in one call, and order decides; the whole call may be repeated",
    needs=_BOTH,
    hint="updates that meet on one id undo, skip or overtake each other: see the smallest history",
    after=(
        "updates/order-in-call",
        "updates/order-across-calls",
        "updates/replaces-whole",
        "updates/delete",
    ),
    examples=2,
)
def against_model(case: Case) -> None:
    """Any history of writes and updates leaves what a plain dictionary would hold."""
    data_type = case.data_type()
    values = case.identifiers(data_type, max_size=4)
    namespace, model = case.namespace(), Model(data_type)
    if case.draw(st.booleans(), "loaded before"):
        page = [make_document(value, {"n": 0}, data_type) for value in values[:2]]
        case.write(namespace, page, data_type)
        model.write(page)
    for number, updates in enumerate(case.draw(strategies.histories(data_type, values), "history"), 1):
        _apply(case, namespace, model, updates)
        case.expect(namespace, model, f"what is listed after call {number} of the history")


@rule(
    "updates/repeated-call",
    "the whole call may be repeated",
    needs=_BOTH,
    hint="applying a call a second time fails, or has another effect than the first time",
    after=("updates/model",),
)
def repeated_call(case: Case) -> None:
    """A call that is repeated leaves what it left the first time."""
    data_type = case.data_type()
    values = case.identifiers(data_type, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    for updates in case.draw(strategies.histories(data_type, values, max_calls=2), "history"):
        _apply(case, namespace, model, updates)
        _apply(case, namespace, model, updates)
    case.expect(namespace, model, "what is listed after each call was repeated")


@rule(
    "updates/replay",
    "older updates may be replayed over newer state after a resume (the replay then runs on to the newest)",
    needs=_BOTH,
    hint="updates that look old are refused, or a replayed DELETE blocks the INSERT after it",
    after=("updates/model", "updates/repeated-call"),
)
def replay(case: Case) -> None:
    """A history that is replayed from an earlier call on ends as it ended before."""
    data_type = case.data_type()
    values = case.identifiers(data_type, max_size=3)
    history = case.draw(strategies.histories(data_type, values), "history")
    start = case.draw(st.integers(0, len(history) - 1), "replayed from call")
    namespace, model = case.namespace(), Model(data_type)
    for updates in [*history, *history[start:]]:
        _apply(case, namespace, model, updates)
    case.expect(namespace, model, "what is listed after the replay")


@rule(
    "updates/leaves-others",
    _UPSERT,
    needs=(*_BOTH, Need.TWO_NAMESPACES),
    hint="an update is applied in every namespace, or a delete takes more than one document",
    after=("updates/model",),
    examples=0.5,
)
def leaves_others(case: Case) -> None:
    """Updates change neither other documents nor the same ids in another namespace."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=5)
    page = [make_document(value, {"n": 0}, data_type) for value in values]
    one, other = case.namespace(), case.namespace()
    models = {one: Model(data_type, page), other: Model(data_type, page)}
    for namespace in models:
        case.write(namespace, page, data_type)
    for updates in case.draw(strategies.histories(data_type, values[:1], max_calls=2), "history"):
        _apply(case, one, models[one], updates)
    for namespace, model in models.items():
        what = "the namespace of the updates" if namespace == one else "another namespace"
        case.expect(namespace, model, f"what is listed of {what}")


@rule(
    "updates/empty-call",
    "one namespace a call",
    needs=(Need.SINK,),
    hint="an empty batch is handed to the store, which refuses it",
    examples=0.2,
)
def empty_call(case: Case) -> None:
    """A call without updates is taken."""
    data_type = case.data_type(case.declared.sink_types)
    case.api.write_updates(WriteUpdatesRequest(namespace=case.namespace(), type=data_type))
    case.checks += 1


@rule(
    "updates/id-name",
    "`name` the field (`_id`, or empty for it; `id` with JSON)",
    needs=_BOTH,
    hint="the id's name is required, or taken for a part of the id",
    after=(
        "updates/delete",
        "updates/id-kinds",
        "updates/replaces-whole",
    ),
    examples=0.5,
)
def id_name(case: Case) -> None:
    """The id is found by its value, whether its name is given or left empty."""
    namespace, model, value = _one(case, present=True)
    parts = [BsonValue(data=part.data, type=part.type) for part in id_value(value, model.data_type)]
    if model.data_type == strategies.JSON:
        parts[0].name = id_field(model.data_type)
    kind = case.draw(st.sampled_from([UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE]), "kind", show=kind_name)
    data = b"" if kind == UPDATE_TYPE_DELETE else make_document(value, {"a": 2}, model.data_type)
    _apply(case, namespace, model, [Update(id=parts, type=kind, data=data)])
    case.expect(namespace, model, "what is listed after an update with an id without a name")


@rule(
    "updates/id-kinds",
    "An update's id is the document's id: for MONGO_BSON one part that equals `_id`, type included.",
    needs=_BOTH,
    hint="ids are compared as text, or by their bytes without their type",
    after=("updates/delete", "write/id-kinds", "write/similar-ids"),
)
def id_kinds(case: Case) -> None:
    """Of documents whose ids look alike, an update changes the one with its type."""
    data_type = case.data_type()
    drawn = case.draw(look_alikes.groups_of_ids(look_alikes.LOOK_ALIKE_IDS, case.found.id_kinds[data_type]), "ids")
    if not drawn:
        raise case.decline("it takes ids of one type only")
    # Numbers that a store may take for one stand for themselves once.
    values = {strategies.merge_key(value): value for group in drawn for value in group}
    page = [make_document(value, {"n": 0}, data_type) for value in values.values()]
    namespace, model = case.namespace(), Model(data_type, page)
    case.write_if_taken(namespace, page, data_type)
    chosen = [group[case.draw(st.integers(0, len(group) - 1), "updated")] for group in drawn]
    kind = case.draw(st.sampled_from([UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE]), "kind", show=kind_name)
    updated = [values[key] for key in dict.fromkeys(map(strategies.merge_key, chosen))]
    updates = [update(kind, value, make_document(value, {"n": 1}, data_type), data_type) for value in updated]
    _apply(case, namespace, model, updates)
    case.expect(namespace, model, "what is listed after an update of one of several ids that look alike")


@rule(
    "updates/many",
    "all updates of one id in order through one writer",
    needs=_BOTH,
    hint="a call is cut at the size of the store's largest batch, or its chunks are applied out of order",
    after=(
        "updates/order-in-call",
        "updates/model",
        "list/complete",
    ),
    examples=0.1,
)
def many(case: Case) -> None:
    """A call with 1,200 updates over 300 ids is applied whole, and in order."""
    data_type = case.data_type()
    rounds = [case.numbered(300, data_type, round=number) for number in range(4)]
    kinds = [UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE, UPDATE_TYPE_INSERT]
    namespace, model = case.namespace(), Model(data_type)
    updates = [
        Update(id=id_of(document, data_type), type=kind, data=b"" if kind == UPDATE_TYPE_DELETE else document)
        for documents, kind in zip(rounds, kinds, strict=True)
        for number, document in enumerate(documents)
        if kind != UPDATE_TYPE_INSERT or documents is rounds[0] or number % 3
    ]
    _apply(case, namespace, model, updates)
    case.expect(namespace, model, "what is listed after a call with more than a thousand updates")


@rule(
    "updates/concurrent",
    "4 (up to 16) writers at once",
    needs=_BOTH,
    hint="state is shared by writers without a lock",
    after=("updates/model", "write/concurrent"),
    examples=0.3,
)
def concurrent(case: Case) -> None:
    """Updates of different ids that eight writers send at once are all applied."""
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
                Update(id=id_of(pair[1], data_type), type=UPDATE_TYPE_DELETE),
            ]
        )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda updates: case.update(namespace, updates, data_type), calls))
    for updates in calls:
        model.apply(updates)
    case.expect(namespace, model, "what is listed after eight writers sent updates at once")


@rule(
    "updates/partial",
    "PARTIAL_UPDATE (data = changed fields, `partial_update_unset` = fields to remove) is applied, or refused with "
    "INVALID_ARGUMENT or UNIMPLEMENTED: never silently ignored, and never taken for a full document.",
    needs=_BOTH,
    hint="PARTIAL_UPDATE falls into the branch of UPDATE, or into none",
    after=(
        "write/read-back",
        "write/idempotent",
    ),
    examples=0.5,
)
def partial(case: Case) -> None:
    """PARTIAL_UPDATE changes the fields that it names and keeps the others; or it is refused."""
    data_type = case.data_type()
    value = case.identifiers(data_type, max_size=1)[0]
    namespace = case.namespace()
    present: dict[str, Any] = {"a": 1, "b": "old", "c": 3, "tags": ["x", "y"]}
    before = make_document(value, present, data_type)
    case.write(namespace, [before], data_type)
    unset = case.draw(st.sampled_from([[], ["b"]]), "unset")
    changed: list[dict[str, Any]] = [{"a": 2}, {"d": 4}, {"c": None}, {"tags": ["z"]}, {}]
    changes = case.draw(st.sampled_from(changed), "changed fields")
    kept = {name: field for name, field in present.items() if name not in unset}
    after = make_document(value, {**kept, **changes}, data_type)
    refusal = _send_partial(case, namespace, value, changes, unset, data_type)
    if refusal is not None:
        expect_final(case, refusal, "PARTIAL_UPDATE")
        case.notes.append(f"it refuses PARTIAL_UPDATE ({refusal.code.name})")
        case.expect(namespace, Model(data_type, [before]), "what is listed after a refused PARTIAL_UPDATE")
        return
    case.expect(namespace, Model(data_type, [after]), "what is listed after a PARTIAL_UPDATE that was taken")


def _send_partial(
    case: Case, namespace: str, value: Any, changes: dict[str, Any], unset: list[str], data_type: DataType
) -> ConnectorError | None:
    """Send one; the error where it is refused. The changed fields come with the id, or without it."""
    with_id = case.draw(st.booleans(), "data holds the id")
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
    "updates/composite-ids",
    "may refuse composite ids: with INVALID_ARGUMENT or NOT_FOUND, never by dropping",
    needs=_BOTH,
    hint="only the first part of a composite id is used",
    after=(
        "updates/delete",
        "errors/malformed-id-code",
        "errors/malformed-update",
    ),
    examples=0.3,
)
def composite_ids(case: Case) -> None:
    """A composite id is refused, or names one document by all of its parts."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=2)
    documents = [make_document(value, {"n": 0}, data_type) for value in values]
    namespace = case.namespace()
    case.write(namespace, documents, data_type)
    parts = [part for value in values for part in id_value(value, data_type)]
    removal = Update(id=parts, type=UPDATE_TYPE_DELETE)
    try:
        case.update(namespace, [removal], data_type)
    except ConnectorError as error:
        expect_final(case, error, "a composite id")
    # No document has both parts as its id: nothing may be gone.
    model = Model(data_type, documents)
    case.expect(namespace, model, "what is listed after a DELETE of a composite id")
    composite = make_document({"a": "x", "b": "y"}, {"n": 1}, data_type)
    parts = [*id_value("x", data_type), *id_value("y", data_type)]
    for part, name in zip(parts, "ab", strict=True):
        part.name = name
    try:
        case.update(namespace, [Update(id=parts, type=UPDATE_TYPE_INSERT, data=composite)], data_type)
    except ConnectorError:
        return  # its code is seen to by the rules on malformed ids: the two parts need not be the document's
    listed = case.read(namespace, data_type, expected=len(documents) + 1)
    case.check(
        len(listed) > len(documents),
        "a document with a composite id was taken, and is gone",
        expected="a refusal, or the document",
        seen=f"OK, and the {len(listed)} documents that were there before",
    )


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "there" if value else "not there"
    return kind_name(value)


def _named(kinds: Sequence[UpdateType]) -> str:
    return ", ".join(kind_name(kind) for kind in kinds)


RULES = (
    insert_missing,
    insert_existing,
    update_missing,
    replaces_whole,
    delete,
    delete_missing,
    order_in_call,
    order_across_calls,
    against_model,
    repeated_call,
    replay,
    leaves_others,
    empty_call,
    id_name,
    id_kinds,
    many,
    concurrent,
    partial,
    composite_ids,
)
