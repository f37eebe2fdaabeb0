"""WriteUpdates: one update of one document."""

from grpc import StatusCode

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.strategies import update
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.rules.updates.applying import BOTH, UPSERT, apply, one_document
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
)

__all__ = ["RULES"]


@rule("updates/insert-missing", UPSERT, needs=BOTH, hint="INSERT is not applied", after=("write/read-back",))
def insert_missing(case: Case) -> None:
    """INSERT of a missing id adds the document."""
    namespace, model, value = one_document(case, present=False)
    document = case.document(value, {"a": 2}, model.data_type)
    apply(case, namespace, model, [update(UPDATE_TYPE_INSERT, value, document, model.data_type)])
    case.expect(namespace, model, "the listing after an INSERT")


@rule(
    "updates/insert-existing",
    UPSERT,
    needs=BOTH,
    hint="INSERT fails, or does nothing, if the id already exists",
    after=(
        "updates/insert-missing",
        "write/idempotent",
    ),
    about=FeatureKind.WRITTEN_AGAIN,
)
def insert_existing(case: Case) -> None:
    """INSERT of an existing id replaces the document."""
    namespace, model, value = one_document(case, present=True)
    document = case.document(value, {"a": 2}, model.data_type)
    apply(case, namespace, model, [update(UPDATE_TYPE_INSERT, value, document, model.data_type)])
    case.expect(namespace, model, "the listing after an INSERT of an existing id")


@rule(
    "updates/update-missing",
    UPSERT,
    needs=BOTH,
    hint="UPDATE changes only existing documents: use an upsert",
    after=("updates/insert-missing",),
)
def update_missing(case: Case) -> None:
    """UPDATE of a missing id adds the document."""
    namespace, model, value = one_document(case, present=False)
    document = case.document(value, {"a": 2}, model.data_type)
    apply(case, namespace, model, [update(UPDATE_TYPE_UPDATE, value, document, model.data_type)])
    case.expect(namespace, model, "the listing after an UPDATE of a missing id")


@rule(
    "updates/replaces-whole",
    UPSERT,
    needs=BOTH,
    hint="the new fields are merged into the old document",
    after=("updates/update-missing", "updates/insert-existing"),
    about=FeatureKind.WRITTEN_AGAIN,
)
def replaces_whole(case: Case) -> None:
    """UPDATE replaces the whole document: fields that the new one lacks are gone, and so are those of nested ones."""
    namespace, model, value = one_document(case, present=True)
    for fields in ({"c": "old", "inner": {"x": 1, "y": 2}}, {"c": "new", "inner": {"x": 3}}):
        document = case.document(value, fields, model.data_type)
        apply(case, namespace, model, [update(UPDATE_TYPE_UPDATE, value, document, model.data_type)])
    case.expect(namespace, model, "the listing after an UPDATE")


@rule(
    "updates/delete",
    "DELETE carries no data, and deleting a missing document is OK",
    needs=(*BOTH, Need.DELETING),
    hint="the id is not compared as a BSON value: `data` is the value alone, and a text has its length and a NUL",
    after=(
        "write/read-back",
        "write/idempotent",
    ),
    about=FeatureKind.DELETES,
)
def delete(case: Case) -> None:
    """DELETE removes the document with its id, and no other."""
    namespace, model, value = one_document(case, present=True)
    apply(case, namespace, model, [update(UPDATE_TYPE_DELETE, value, b"", model.data_type)])
    case.expect(namespace, model, "the listing after a DELETE")


@rule(
    "updates/delete-missing",
    "deleting a missing document is OK",
    needs=(Need.SINK, Need.APPLYING, Need.DELETING),
    hint="the connector answers a DELETE that finds nothing with an error",
    after=("updates/delete",),
    about=FeatureKind.DELETES,
)
def delete_missing(case: Case) -> None:
    """DELETE of a missing id is OK, and changes nothing."""
    case.decline_if_unknown()
    if not case.declared.loads or not case.declared.can_read:
        data_type = case.data_type(case.declared.sink_types)
        value = case.identifier(data_type)
        _delete(case, case.namespace(), [update(UPDATE_TYPE_DELETE, value, b"", data_type)], data_type)
        case.checks += 1
        return
    namespace, model, value = one_document(case, present=False)
    _delete(case, namespace, [update(UPDATE_TYPE_DELETE, value, b"", model.data_type)], model.data_type)
    case.expect(namespace, model, "the listing after a DELETE of a missing id")


def _delete(case: Case, namespace: str, updates: list[Update], data_type: DataType) -> None:
    """Send DELETEs. Raises Inapplicable if it has none: if nothing could be written before, nobody has tried yet."""
    try:
        case.update(namespace, updates, data_type)
    except ConnectorError as error:
        if error.code is not StatusCode.UNIMPLEMENTED:
            raise
        raise case.decline(f"it deletes nothing ({error})") from error


RULES = (insert_missing, insert_existing, update_missing, replaces_whole, delete, delete_missing)
