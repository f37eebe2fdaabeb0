"""Finds out what single namespaces hold."""

from collections.abc import Sequence
from dataclasses import replace

from dsync_kit.conformance.documents.finding.probing import SchemaFinding
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.probed_namespace import find
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE
from dsync_kit.conformance.subject.holds.found_schemas import FoundSchemas
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType

__all__ = ["find_schema"]

_DECLARE = "declare what it holds with --documents"
_ANOTHER = "name one to which nobody else writes"
_CREATE = "create it beforehand, or correct its name"


def find_schema(access: Access, samples: Samples, known: Known, name: str, *, every: bool = False) -> Known | None:
    """Find out what a namespace holds; with `every`, all new ones hold the same.

    None if the connector fails, so that it can be asked no more.
    """
    names, shown = (EVERY_NAMESPACE, "a new namespace") if every else (name, name)
    types = access.declared.written_types
    found: dict[DataType, DocumentSchema] = {}
    notes: list[str] = []
    for data_type in types:
        try:
            finding = find(samples.probed(name, data_type), data_type)
        except (ConnectorError, Violation):
            return None  # the rules will meet it again
        if finding.schema is None:
            return _unknown(known, finding, names, shown, types)
        if finding.schema.free:
            return known
        found[data_type] = finding.schema
        notes += [f"{shown}: {note}" for note in finding.notes]
    schemas = {**known.schemas, names: FoundSchemas(found)}
    return replace(known, schemas=schemas).noting(*notes)


def _unknown(known: Known, finding: SchemaFinding, names: str, shown: str, types: Sequence[DataType]) -> Known:
    """No document is known that these namespaces accept. Their own documents may suggest a schema all the same."""
    advice = _CREATE if finding.missing else _ANOTHER if finding.live else _DECLARE
    schemas = dict(known.schemas)
    if finding.suggested is not None:
        schemas[names] = FoundSchemas(dict.fromkeys(types, finding.suggested))
    unknown = {**known.unknown, names: f"{finding.notes[-1]}; {advice}"}
    noted = known.noting(*(f"{shown}: {note}; {advice}" for note in finding.notes))
    return replace(noted, schemas=schemas, unknown=unknown)
