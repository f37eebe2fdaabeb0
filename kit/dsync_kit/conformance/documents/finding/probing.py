"""Finds out a store's schema from what it refuses: a few documents are written, varied field by field, and read back.

Nothing here calls a connector: `attempt` writes one document and says what became of it. What is found out is what the
store has shown to keep; what it was not asked, within the calls that there are, is not in the schema.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dsync_kit.conformance.documents.finding.attempts import Attempt, OutOfCallsError, Probe
from dsync_kit.conformance.documents.finding.first_document import anything, from_nothing, like_existing
from dsync_kit.conformance.documents.finding.inference import inferred
from dsync_kit.conformance.documents.finding.narrowing import narrowed
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.conformance.documents.strategies import ID_KINDS
from dsync_kit.protocol import DataType

__all__ = ["MOST_CALLS", "Finding", "probed"]

MOST_CALLS = 40
"""Documents that are written, at most, to find out what a store holds."""


@dataclass(frozen=True)
class Finding:
    """A schema, or None where no document was taken; what is worth a note in the report; and how many were written.

    `suggested` is what existing documents suggest, where one like them was refused.
    """

    schema: DocumentSchema | None
    notes: tuple[str, ...]
    calls: int
    suggested: DocumentSchema | None = None


def probed(
    attempt: Attempt,
    data_type: DataType,
    *,
    documents: Sequence[bytes] = (),
    namespace: str = "",
    kinds: Sequence[str] = (),
    taken: Callable[[Any], bool] = lambda _: False,
    calls: int = MOST_CALLS,
) -> Finding:
    """What a store holds, by what it takes of at most `calls` documents.

    It begins with what the existing `documents` suggest. Without any, ids of the `kinds` are tried, and the fields that
    messages name, or that come back unasked; the parts of the namespace are no fields. Ids that are `taken` are not
    written to.
    """
    probe = Probe(attempt, data_type, calls, no_fields=frozenset(re.split(r"\W+", namespace)), taken=taken)
    notes: list[str] = []
    schema: DocumentSchema | None = None
    try:
        if (free := anything(probe, kinds)) is not None:
            return Finding(free, (), probe.number)
        schema = like_existing(probe, documents, notes) if documents else None
        schema = schema or from_nothing(probe, kinds or tuple(ID_KINDS[data_type]))
        for narrower in narrowed(probe, schema) if schema is not None else ():
            schema = narrower
    except OutOfCallsError:
        notes.append(f"not everything was tried: the limit is {calls} documents")
    if schema is None:
        if not documents:
            notes.append(f"it accepted none of the tried documents: {probe.refusal or 'they were not there'}")
            return Finding(None, tuple(notes), probe.number)
        refusal = probe.refusal_of_like or "they are acknowledged, and not listed as they were written"
        note = f"it does not keep documents like those that are there: {refusal}"
        suggested = inferred(documents, data_type) if probe.refusal_of_like else None
        return Finding(None, (note,), probe.number, suggested)
    origin = f"found out by writing {probe.number} documents"
    if documents:
        origin = f"inferred from {len(documents)} documents that are there, and {origin}"
    return Finding(replace(schema, origin=origin), tuple(notes), probe.number)
