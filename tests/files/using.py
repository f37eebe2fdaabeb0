"""What the tests of files do with them."""

from collections.abc import Iterable, Sequence
from typing import Any

from dsync_kit.documents import decode, encode, id_field, id_of
from dsync_kit.errors import Aborted
from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.reading.log_listing import Planned
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
)

NAMESPACE = "shop.orders"


def listed(
    files: DocumentFiles,
    namespace: str = NAMESPACE,
    data_type: DataType = DATA_TYPE_JSON_ID,
    plan: Iterable[Planned] | None = None,
) -> list[dict[str, Any]]:
    """The documents of all pages of a plan, or of a new one. An aborted partition is listed again, as by dsync."""
    found: list[dict[str, Any]] = []
    for planned in files.plan(namespace) if plan is None else plan:
        for attempt in range(4):
            try:
                found += _partition(files, namespace, planned, data_type)
                break
            except Aborted:
                assert attempt < 3, "a partition was aborted four times"
    return found


def _partition(files: DocumentFiles, namespace: str, planned: Planned, data_type: DataType) -> list[dict[str, Any]]:
    found, cursor = [], b""
    while True:
        documents, cursor = files.page(namespace, planned.cursor, cursor, data_type)
        found += [decode(document, data_type) for document in documents]
        if not cursor:
            return found


def write(files: DocumentFiles, *documents: dict[str, Any], data_type: DataType = DATA_TYPE_JSON_ID) -> None:
    """One page."""
    files.write(NAMESPACE, [encode(document, data_type) for document in documents], data_type)


def ids(values: Sequence[object], data_type: DataType = DATA_TYPE_JSON_ID) -> list[list[BsonValue]]:
    """The ids that have these values."""
    return [id_of(encode({id_field(data_type): value}, data_type), data_type) for value in values]


def delete(value: object, data_type: DataType = DATA_TYPE_JSON_ID) -> Update:
    """The delete of a document."""
    return Update(id=ids([value], data_type)[0], type=UPDATE_TYPE_DELETE)


def replace(document: dict[str, Any], data_type: DataType = DATA_TYPE_JSON_ID) -> Update:
    """A document that replaces whatever has its id."""
    data = encode(document, data_type)
    return Update(id=id_of(data, data_type), type=UPDATE_TYPE_UPDATE, data=data)


def patch(
    value: object, changes: dict[str, Any], unset: Sequence[str] = (), data_type: DataType = DATA_TYPE_JSON_ID
) -> Update:
    """A partial update."""
    return Update(
        id=ids([value], data_type)[0],
        type=UPDATE_TYPE_PARTIAL_UPDATE,
        data=encode(changes, data_type),
        partial_update_unset=unset,
    )
