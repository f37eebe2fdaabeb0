"""Documents are written, by WriteData or WriteUpdates, and read back."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents import choosing, strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.subject.data import REFUSING_CODES
from dsync_kit.conformance.subject.holds.found_schemas import FoundSchemas
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_UPDATE, DataType, Update

__all__ = ["in_its_fields", "placed", "round_trip"]


def round_trip(case: Case, data_type: DataType, fields: dict[str, Any], *, may_refuse: bool = False) -> None:
    """Write a document with these fields, by WriteData or WriteUpdates, and read it back."""
    if data_type not in case.declared.types:
        raise case.does_not_apply("this type is not both written and read")
    if not case.holding(data_type).free:
        raise case.does_not_apply("its schema fixes the fields")
    value = case.identifiers(data_type, max_size=1)[0]
    document = case.document(value, fields, data_type)
    namespace = case.namespace()
    try:
        if _by_updates(case):
            change = strategies.update(UPDATE_TYPE_UPDATE, value, document, data_type)
            case.update(namespace, [change], data_type)
        else:
            case.write(namespace, [document], data_type)
    except ConnectorError as error:
        if may_refuse and not error.retryable:  # other rules judge which code is best
            raise case.decline(f"it refuses this: {error}") from error
        raise
    case.expect(namespace, Model(data_type, [document]), "the listing of a document")


def _by_updates(case: Case) -> bool:
    return not case.found.copies_only and case.draw(st.booleans(), "by WriteUpdates")


def placed(case: Case, values: list[Any]) -> dict[str, Any]:
    """The values as fields, or also in an array and in a document."""
    fields = {f"v{number}": value for number, value in enumerate(values)}
    everywhere = case.draw(st.booleans(), "also in an array and in a document")
    return {**fields, "array": values, "document": fields} if everywhere else fields


def in_its_fields(case: Case, data_type: DataType, *types: str) -> bool:
    """Write values of these BSON types to fields that have one of them, a document for each value, and read them back.

    False if documents may have any fields: then the caller chooses them.
    """
    if data_type not in case.declared.types:
        raise case.does_not_apply("this type is not both written and read")
    for holding in case.each_holding(data_type, lambda holding: holding.free or bool(_places(holding, types))):
        if not isinstance(holding, Filling) or holding.free:
            return False
        if not (places := _places(holding, types)):
            raise case.does_not_apply(f"its schema has no field of the type {' or '.join(types)}")
        _in_fields(case, holding, places)
    return True


def _in_fields(case: Case, holding: Filling, places: list[tuple[str, str]]) -> None:
    """Write values of some fields, each given with its type, and read them back."""
    data_type = holding.data_type
    values: dict[str, list[Any]] = {}
    for name, kind in case.draw(choosing.many(places), "fields"):
        values.setdefault(name, []).extend(case.draw(holding.values_of(name, kind), f"values of {name}"))
    identifiers = case.numbered_ids(max(map(len, values.values())), data_type)
    documents = [
        holding.document(one, {name: several[number % len(several)] for name, several in values.items()})
        for number, one in enumerate(identifiers)
    ]
    namespace = case.namespace()
    accepted = _accepted(case, namespace, documents, data_type)
    case.expect(namespace, Model(data_type, accepted), f"the listing of values of {', '.join(map(repr, values))}")


def _accepted(case: Case, namespace: str, documents: Sequence[bytes], data_type: DataType) -> Sequence[bytes]:
    """Write the documents in one call; returns those that were accepted.

    If nobody has declared what the namespace holds, it may refuse some of them: then each is written alone.
    """
    by_updates = _by_updates(case)

    def write(some: Sequence[bytes]) -> None:
        if by_updates:
            changes = [Update(id=id_of(new, data_type), type=UPDATE_TYPE_UPDATE, data=new) for new in some]
            case.update(namespace, changes, data_type)
        else:
            case.write(namespace, some, data_type)

    def is_accepted(document: bytes) -> bool:
        try:
            write([document])
        except ConnectorError as error:
            if error.code not in REFUSING_CODES:
                raise
            return False
        return True

    try:
        write(documents)
    except ConnectorError as error:
        undeclared = isinstance(case.family.schema, FoundSchemas)
        accepted = list(filter(is_accepted, documents)) if undeclared and error.code in REFUSING_CODES else []
        if not accepted:
            raise
        return accepted
    return documents


def _places(holding: Holding, types: Sequence[str]) -> list[tuple[str, str]]:
    return holding.fields_of(*types) if isinstance(holding, Filling) else []
