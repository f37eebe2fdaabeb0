"""Helpers of the rules on updates: send updates, and apply them to the model of the namespace."""

from collections.abc import Sequence
from typing import Any

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    Update,
)

__all__ = ["BOTH", "KINDS", "UPSERT", "apply", "one_document"]

BOTH = (Need.SINK, Need.APPLYING, Need.READING)
UPSERT = "INSERT and UPDATE are both full-document upserts"
KINDS = (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE)


def apply(case: Case, namespace: str, model: Model, updates: Sequence[Update]) -> None:
    """Call WriteUpdates as dsync does, and update the model of the namespace."""
    case.update(namespace, updates, model.data_type)
    model.apply(updates)


def one_document(case: Case, *, present: bool) -> tuple[str, Model, Any]:
    """A namespace, its model, and an id, with or without a document of that id."""
    data_type = case.data_type()
    values = case.identifiers(data_type, min_size=2, max_size=3)
    namespace, model = case.namespace(), Model(data_type)
    held = values if present else values[1:]
    documents = [case.document(value, {"a": 1, "b": "old"}, data_type) for value in held]
    case.write(namespace, documents, data_type)
    model.write(documents)
    return namespace, model, values[0]
