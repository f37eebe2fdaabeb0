"""WriteUpdates: several updates, whose order decides; calls are repeated and replayed without harm."""

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.documents.strategies import update
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules.updates.applying import BOTH, KINDS, UPSERT, apply
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode_id, id_of
from dsync_kit.protocol import (
    UpdateType,
)
from dsync_kit.protocol.names import kind_name

__all__ = ["RULES"]

_IN_ONE_CALL = list(itertools.product((False, True), itertools.product(KINDS, repeat=2)))
"""Whether a document was there, and two updates of it in one call: all cases."""


@rule(
    "updates/order-in-call",
    "the same id may occur several times in one call, and order decides",
    needs=BOTH,
    hint="a call's updates are grouped by kind, keyed by id, or applied in parallel",
    after=("updates/insert-missing", "updates/insert-existing", "updates/update-missing", "updates/delete"),
    examples=2,
    about=FeatureKind.IN_ONE_CALL,
)
def order_in_call(case: Case) -> None:
    """If a call updates one id several times, the last update wins, whatever the kinds and the previous state."""
    data_type = case.data_type()
    known = [found for found in _IN_ONE_CALL if set(found[1]) <= set(case.update_kinds)]
    chosen = case.draw(choosing.some(known), "there before, then", show=_shown)
    rest = case.draw(st.lists(st.sampled_from(case.update_kinds), max_size=2), "then", show=kind_name)
    documents = case.numbered(len(chosen), data_type)
    before = [document for document, (there, _) in zip(documents, chosen, strict=True) if there]
    namespace, model = case.namespace(), Model(data_type, before)
    if before:
        case.write(namespace, before, data_type)
    # In rounds, so that the updates of one id are not adjacent.
    updates = [
        update(kinds[step], value, case.document(value, {"n": step + 1}, data_type), data_type)
        for step in range(2 + len(rest))
        for document, (_, pair) in zip(documents, chosen, strict=True)
        for kinds in [(*pair, *rest)]
        for value in [decode_id(id_of(document, data_type)[0])]
    ]
    apply(case, namespace, model, updates)
    case.expect(namespace, model, "the listing after several updates of one id in one call")


_SIDE_BY_SIDE = list(itertools.product((True, False), KINDS, (True, False), KINDS))
"""Whether a document was there, and its update; the same for the document updated next."""


@rule(
    "updates/side-by-side",
    "the same id may occur several times in one call, and order decides",
    needs=BOTH,
    hint="a DELETE and the INSERT after it are merged into one update, or an update that finds nothing ends the call",
    after=("updates/insert-missing", "updates/insert-existing", "updates/update-missing", "updates/delete"),
    examples=0.5,
    about=FeatureKind.IN_ONE_CALL,
)
def side_by_side(case: Case) -> None:
    """Adjacent updates of different ids in a call are all applied, whatever their kinds."""
    data_type = case.data_type()
    known = [found for found in _SIDE_BY_SIDE if {found[1], found[3]} <= set(case.update_kinds)]
    chosen = case.draw(choosing.some(known), "there before, and the update, of two ids", show=_shown)
    documents = case.numbered(2 * len(chosen), data_type)
    steps = [step for there, kind, next_there, next_kind in chosen for step in ((there, kind), (next_there, next_kind))]
    before = [document for document, (there, _) in zip(documents, steps, strict=True) if there]
    namespace, model = case.namespace(), Model(data_type, before)
    if before:
        case.write(namespace, before, data_type)
    updates = [
        update(kind, value, case.document(value, {"n": -1}, data_type), data_type)
        for document, (_, kind) in zip(documents, steps, strict=True)
        for value in [decode_id(id_of(document, data_type)[0])]
    ]
    apply(case, namespace, model, updates)
    case.expect(namespace, model, "the listing after updates of different ids in one call")


@rule(
    "updates/order-across-calls",
    "all updates of one id in order through one writer",
    needs=BOTH,
    hint="a later call does not see what an earlier one did",
    after=("updates/insert-missing", "updates/insert-existing", "updates/update-missing", "updates/delete"),
    about=FeatureKind.WRITTEN_AGAIN,
)
def order_across_calls(case: Case) -> None:
    """If several calls update one id, the last one wins."""
    data_type = case.data_type()
    value = case.identifiers(data_type, max_size=1)[0]
    kinds = case.draw(st.lists(st.sampled_from(case.update_kinds), min_size=2, max_size=4), "kinds", show=kind_name)
    namespace, model = case.namespace(), Model(data_type)
    for number, kind in enumerate(kinds, 1):
        document = case.document(value, {"n": number}, data_type)
        apply(case, namespace, model, [update(kind, value, document, data_type)])
    case.expect(namespace, model, f"the listing after {_named(kinds)} of one id, a call each")


@rule(
    "updates/model",
    "the same id may occur several times in one call, and order decides; the whole call may be repeated",
    needs=BOTH,
    hint="updates of the same id undo, skip or overtake each other: see the smallest history",
    after=(
        "updates/order-in-call",
        "updates/order-across-calls",
        "updates/replaces-whole",
        "updates/delete",
    ),
    examples=2,
)
def against_model(case: Case) -> None:
    """After any history of writes and updates, the sink holds what a plain dictionary would hold."""
    data_type = case.data_type()
    values = case.identifiers(data_type, max_size=4)
    namespace, model = case.namespace(), Model(data_type)
    if case.draw(st.booleans(), "loaded before"):
        page = [case.document(value, {"n": 0}, data_type) for value in values[:2]]
        case.write(namespace, page, data_type)
        model.write(page)
    for number, updates in enumerate(case.histories(values, data_type), 1):
        apply(case, namespace, model, updates)
        case.expect(namespace, model, f"the listing after call {number} of the history")


@rule(
    "updates/repeated-call",
    "the whole call may be repeated",
    needs=(Need.SINK, Need.APPLYING),
    hint="applying a call a second time fails, or has a different effect",
    after=("updates/model",),
    about=FeatureKind.WRITTEN_AGAIN,
)
def repeated_call(case: Case) -> None:
    """Repeating a call changes nothing."""
    data_type = case.written_type()
    values = case.identifiers(data_type, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    for updates in case.histories(values, data_type, max_calls=2):
        apply(case, namespace, model, updates)
        apply(case, namespace, model, updates)
    case.expect_if_read(namespace, model, "each call was repeated")


@rule(
    "updates/replay",
    "older updates may be replayed over newer state after a resume (the replay then continues to the newest)",
    needs=(Need.SINK, Need.APPLYING),
    hint="updates that look old are refused, or a replayed DELETE blocks the INSERT after it",
    after=("updates/model", "updates/repeated-call"),
    about=FeatureKind.WRITTEN_AGAIN,
)
def replay(case: Case) -> None:
    """Replaying a history from an earlier call ends in the same state."""
    data_type = case.written_type()
    values = case.identifiers(data_type, max_size=3)
    history = case.histories(values, data_type)
    start = case.draw(st.integers(0, len(history) - 1), "replayed from call")
    namespace, model = case.namespace(), Model(data_type)
    for updates in [*history, *history[start:]]:
        apply(case, namespace, model, updates)
    case.expect_if_read(namespace, model, "the replay")


@rule(
    "updates/leaves-others",
    UPSERT,
    needs=(*BOTH, Need.TWO_NAMESPACES),
    hint="an update is applied in every namespace, or a delete removes more than one document",
    after=("updates/model",),
    examples=0.5,
)
def leaves_others(case: Case) -> None:
    """Updates change neither other documents nor the same ids in another namespace."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=5)
    page = [case.document(value, {"n": 0}, data_type) for value in values]
    one, other = case.namespace(), case.namespace()
    models = {one: Model(data_type, page), other: Model(data_type, page)}
    for namespace in models:
        case.write(namespace, page, data_type)
    for updates in case.histories(values[:1], data_type, max_calls=2):
        apply(case, one, models[one], updates)
    for namespace, model in models.items():
        what = "the namespace of the updates" if namespace == one else "another namespace"
        case.expect(namespace, model, f"the listing of {what}")


@rule(
    "updates/empty-call",
    "one namespace per call",
    level=Level.SHOULD,  # dsync sends none
    needs=(Need.SINK, Need.APPLYING),
    hint="the connector passes an empty batch to the store, which refuses it",
    examples=0.28,
)
def empty_call(case: Case) -> None:
    """A call without updates is accepted."""
    data_type = case.data_type(case.declared.sink_types)
    case.driver.write_updates(case.namespace(), [], data_type)
    case.checks += 1


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "there" if value else "not there"
    return kind_name(value)


def _named(kinds: Sequence[UpdateType]) -> str:
    return ", ".join(kind_name(kind) for kind in kinds)


RULES = (
    order_in_call,
    side_by_side,
    order_across_calls,
    against_model,
    repeated_call,
    replay,
    leaves_others,
    empty_call,
)
