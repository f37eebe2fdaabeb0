"""Finds out which kinds of ids a store supports: it may refuse some, but never drop documents."""

from dataclasses import replace

from dsync_kit.conformance.documents.strategies import ID_KINDS, NARROWER, make_document
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.conformance.subject.data import DECLINING_CODES
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol.names import type_name

__all__ = ["try_ids"]


def try_ids(access: Access, samples: Samples, known: Known) -> Known:
    """Write a document with an id of each kind of which not all ids are taken: a kind that is refused is not drawn."""
    taken = Taken.union(known.taken.values())
    for data_type in access.declared.written_types:
        kinds: list[str] = []
        refused: list[str] = []
        for kind in ID_KINDS[data_type]:
            if not NARROWER.get(kind, frozenset()).isdisjoint(kinds):
                continue
            if not (free := taken.free_ids(kind)):
                continue  # there is none to be drawn either
            try:
                for value in free:
                    namespace = known.namespace(access.namespaces)
                    samples.write(namespace, data_type, make_document(value, {}, data_type))
            except ConnectorError as error:
                if error.code in DECLINING_CODES:
                    refused.append(kind)
                    continue
                if error.retryable and not access.liveness.answers():
                    return known
            kinds.append(kind)
        if kinds:
            known = replace(known, id_kinds={**known.id_kinds, data_type: tuple(kinds)})
        if refused and kinds:
            note = f"{type_name(data_type)}: it refuses these kinds of ids: {', '.join(refused)}"
            known = replace(known, refuses_ids=True).noting(note)
    return known
