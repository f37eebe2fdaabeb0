"""Finds out what GetInfo does not report: which namespaces, documents and ids a store accepts, and whether it streams.

It writes a few documents, and deletes them again.
"""

import math
from collections.abc import Mapping

from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.ids import try_ids
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.listing import lists_nothing
from dsync_kit.conformance.subject.finding_out.new_namespaces import try_new_namespaces
from dsync_kit.conformance.subject.finding_out.offered_namespaces import (
    note_existing_ids,
    try_offered_namespaces,
    write_declared,
)
from dsync_kit.conformance.subject.finding_out.optional_values import try_values
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.conformance.subject.finding_out.update_plans import first_plan, plans_updates
from dsync_kit.conformance.subject.found import Found
from dsync_kit.conformance.subject.holds.families import Schemas

__all__ = ["find_out"]


def find_out(access: Access, schemas: Mapping[str, Schemas]) -> Found:
    """Try what the connector accepts. Documents that are not deleted at once are remembered, to be removed later.

    `schemas` are the declared ones. Raises UsageError for one that no document fits, but nothing for faults of the
    connector: the rules will meet them again.
    """
    known = Known.at_first(access, schemas)
    for family in known.families:
        for data_type in access.declared.written_types:
            family.holding(data_type)  # a schema that no document fits is the user's mistake
    planned = first_plan(access)
    samples = Samples(access)
    if access.declared.written_types:
        known = _find_out_documents(access, samples, known)
    updates = plans_updates(access, known)
    shows = updates is not False or not lists_nothing(access, samples, known)
    return Found(
        known.makes_namespaces,
        dict(known.id_kinds),
        known.families,
        updates,
        copies_only=samples.copies_only,
        deletes=samples.deletes,
        vain_deletes=samples.vain,
        unknown=known.unknown,
        accepts=known.accepts,
        misread=samples.misread,
        refuses=known.refuses,
        first_plan=planned,
        refuses_ids=known.refuses_ids,
        shows=shows,
        notes=(*known.notes, *filter(None, [_lag_note(access.settling)])),
    )


def _find_out_documents(access: Access, samples: Samples, known: Known) -> Known:
    """Find out where documents can be written, and which documents."""
    known = try_new_namespaces(access, samples, known)
    if not known.makes_namespaces:
        known = note_existing_ids(access, known)
        known = try_offered_namespaces(access, samples, known)
    if known.takes_anything:
        known = try_ids(access, samples, known)
    if known.takes_anything and access.declared.is_sink:
        known = try_values(access, samples, known)
    if not samples.written:
        write_declared(access, samples, known)
    if not known.accepts and access.declared.is_sink:
        samples.try_updates(known.offered[0], access.declared.written_types[0])
    return known


def _lag_note(settling: Settling) -> str:
    """A note about reads that lag behind writes; empty if they do not."""
    if not settling.seconds:
        return ""
    about = math.ceil(2 * settling.seconds) / 2  # several processes find out nearly the same
    return f"its reads lag behind its writes: the kit waits for them, up to {about} s (--settle)"
