"""Finds out what the offered namespaces hold, if writing creates no others."""

from contextlib import suppress
from dataclasses import replace

from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.conformance.subject.finding_out.schemas import find_schema
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE
from dsync_kit.errors import ConnectorError

__all__ = ["note_existing_ids", "try_offered_namespaces", "write_declared"]


def note_existing_ids(access: Access, known: Known) -> Known:
    """Note the ids that documents of the offered namespaces have, before anything is written there."""
    declared = access.declared
    if not declared.can_read:
        return known
    taken: dict[str, Taken] = {}
    for name in known.offered:
        for data_type in declared.source_types if declared.is_source else declared.types:
            with suppress(ConnectorError, Violation):  # the rules will meet it again
                listed = access.data.read(name, data_type, driver=access.driver)
                # An id may look different in each type.
                taken[name] = taken.get(name, NOTHING) | Taken.of(listed, data_type)
    return replace(known, taken=taken)


def try_offered_namespaces(access: Access, samples: Samples, known: Known) -> Known:
    """Find out what offered namespaces hold if nobody has declared it."""
    if not access.declared.is_sink or EVERY_NAMESPACE in known.schemas:
        return known
    for name in known.offered:
        if name in known.schemas:
            continue
        found = find_schema(access, samples, known, name)
        if found is None:
            return known
        known = found
    return known


def write_declared(access: Access, samples: Samples, known: Known) -> None:
    """Write a document to a namespace with a declared schema, to find out if it is listed and can be deleted."""
    family = next((family for family in known.families if family.names), None)
    if family is None:
        return
    name, data_type = family.names[0], access.declared.written_types[0]
    holding = family.holding(data_type)
    with suppress(ConnectorError, Violation, Inapplicable):
        samples.write(name, data_type, holding.document(holding.sample_id(), {}))
