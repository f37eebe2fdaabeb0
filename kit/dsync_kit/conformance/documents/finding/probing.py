"""Finds a store's schema from its refusals: writes a few documents, varies them field by field, and reads them back.

Nothing here calls a connector: `attempt` writes one document and returns what became of it. The schema has only what
the store has been seen to keep within the number of calls.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dsync_kit.conformance.documents.finding.any_fields import anything, has_any_fields
from dsync_kit.conformance.documents.finding.attempts import Attempt, OutOfCallsError, Probe
from dsync_kit.conformance.documents.finding.from_refusals import from_nothing
from dsync_kit.conformance.documents.finding.inference import inferred
from dsync_kit.conformance.documents.finding.like_existing import like_existing
from dsync_kit.conformance.documents.finding.narrowing import narrowed
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.protocol import DataType

__all__ = ["MOST_CALLS", "SchemaFinding", "probed"]

MOST_CALLS = 90
"""The most documents written to find out what a store holds."""


@dataclass(frozen=True)
class SchemaFinding:
    """A schema, or None if no document was accepted; notes for the report; and how many documents were written.

    `suggested` is what existing documents suggest, if one like them was refused. `missing` says whether the namespace
    does not exist, `live` whether others write to it at the same time.
    """

    schema: DocumentSchema | None
    notes: tuple[str, ...]
    calls: int
    suggested: DocumentSchema | None = None
    missing: bool = False
    live: bool = False


def probed(
    attempt: Attempt,
    data_type: DataType,
    *,
    documents: Sequence[bytes] = (),
    namespace: str = "",
    taken: Taken = NOTHING,
    calls: int = MOST_CALLS,
) -> SchemaFinding:
    """What a store holds, found by writing at most `calls` documents.

    It begins with what the existing `documents` suggest. Without any, it tries ids of all kinds, and the fields that
    messages name or that come back unrequested; the parts of the namespace are not fields. It does not write to ids
    that are `taken`.
    """
    probe = Probe(attempt, data_type, calls, no_fields=frozenset(re.split(r"\W+", namespace)), taken=taken)
    notes: list[str] = []
    schema: DocumentSchema | None = None
    try:
        if (free := anything(probe)) is not None:
            return SchemaFinding(free, (), probe.number)
        schema = like_existing(probe, documents, notes) if documents else None
        schema = schema or from_nothing(probe)
        if schema is not None and has_any_fields(probe, schema):
            schema = replace(schema, additional=True)
        for narrower in narrowed(probe, schema) if schema is not None else ():
            schema = narrower
    except OutOfCallsError:
        notes.append(f"not everything was tried: the limit is {calls} documents")
    if schema is None:
        if not documents:
            notes.append(f"it accepted none of the tried documents: {probe.furthest[1] or 'they were not there'}")
            return SchemaFinding(None, tuple(notes), probe.number)
        refusal = probe.refusal_of_like or "they are acknowledged, but not listed as they were written"
        note = f"it does not keep documents like the existing ones: {refusal}"
        suggested = inferred(documents, data_type) if probe.refusal_of_like else None
        return SchemaFinding(None, (note,), probe.number, suggested)
    origin = f"found out by writing {probe.number} documents"
    if documents:
        origin = f"inferred from {len(documents)} existing documents, and {origin}"
    schema = replace(schema, origin=origin, altered=probe.altered_documents)
    return SchemaFinding(schema, tuple(notes), probe.number)
