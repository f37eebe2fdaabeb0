"""Whether a store keeps documents with any fields."""

from typing import Any

from bson import Decimal128, Int64

from dsync_kit.conformance.documents.finding.attempts import Probe
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.schema.value_schema import ValueSchema
from dsync_kit.documents import id_field
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

__all__ = ["anything", "has_any_fields"]

_TEXTS: dict[str, Any] = {"kit_a": "5", "kit_b": "text"}
"""Fields with names that no table has."""

_PLAIN: dict[str, Any] = {"kit_a": 5, "kit_b": "text"}
_RICH: dict[DataType, dict[str, Any]] = {
    DATA_TYPE_MONGO_BSON: {**_PLAIN, "kit_c": [1.5, None, {"d": Int64(5)}], "kit_d": Decimal128("1.5")},
    DATA_TYPE_JSON_ID: {**_PLAIN, "kit_c": [1.5, None, {"d": True}]},
}
_COMMON_KINDS = {DATA_TYPE_MONGO_BSON: ("name", "object-id", "int64"), DATA_TYPE_JSON_ID: ("name", "serial")}


def anything(probe: Probe) -> DocumentSchema | None:
    """A schema that allows anything, if the store keeps documents with any fields."""
    for kind in _COMMON_KINDS[probe.data_type]:
        answer = probe.tried(document := {id_field(probe.data_type): probe.sample_id(kind), **_RICH[probe.data_type]})
        # Such a store may still refuse some values, or change them: what counts is that fields may have any names.
        if answer.refusal:
            free = any(
                probe.kept({id_field(probe.data_type): probe.sample_id(kind), **fields}) for fields in (_PLAIN, _TEXTS)
            )
        else:
            free = not answer.readable or (answer.back is not None and answer.back.keys() == document.keys())
        if free:
            return DocumentSchema(probe.data_type, ValueSchema(), origin="it accepts documents with any fields")
    return None


def has_any_fields(probe: Probe, schema: DocumentSchema) -> bool:
    """Whether a store of which only the form of its ids is known keeps documents with any fields."""
    if schema.fields or schema.repeats or schema.computed:
        return False
    return any(probe.kept(schema.document(probe.free_id(schema), fields)) for fields in (_PLAIN, _TEXTS))
