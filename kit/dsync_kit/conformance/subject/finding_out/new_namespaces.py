"""Finds out whether writing creates a namespace, and whether new ones have fixed fields."""

import shlex
from contextlib import suppress
from dataclasses import replace

from grpc import StatusCode

from dsync_kit.conformance.documents.identifiers import NUMBERED_KINDS, numbered_ids, sample_id
from dsync_kit.conformance.documents.strategies import ID_KINDS, make_document
from dsync_kit.conformance.subject.data import DECLINING_CODES, REFUSING_CODES
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.known import Known
from dsync_kit.conformance.subject.finding_out.samples import Samples
from dsync_kit.conformance.subject.finding_out.schemas import find_schema
from dsync_kit.conformance.subject.holds.families import EVERY_NAMESPACE
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType

__all__ = ["try_new_namespaces"]

_EXAMPLES = 3
_NAME_ONE = "name one with --namespace, or as `namespaces` in conformance.py"
_ANY_FIELDS: tuple[dict[str, object], ...] = ({"kit_a": "5", "kit_b": "text"}, {"kit_a": 5})
"""Fields that no table has: texts, since a store may hold nothing else, and a number."""


def try_new_namespaces(access: Access, samples: Samples, known: Known) -> Known:
    """Find out whether writing creates a namespace. If only offered ones have a schema, the connector is for these."""
    if known.schemas and EVERY_NAMESPACE not in known.schemas:
        return replace(known, makes_namespaces=False)
    refusal = ""
    kinds = [(data_type, kind) for data_type in access.declared.written_types for kind in ID_KINDS[data_type]]
    for _ in access.namespaces.styles():
        # The refusal may be about the id: a store may accept only one kind.
        for data_type, kind in kinds:
            name = access.namespaces.fresh()
            try:
                samples.write(name, data_type, _document(known, data_type, kind))
            except ConnectorError as error:
                if error.retryable or error.code is StatusCode.UNIMPLEMENTED:
                    return known  # the rules will meet this fault again
                if error.code not in DECLINING_CODES:
                    return _failing(access, known, error)
                refusal = refusal or str(error)
            else:
                _watch_again(samples, known, name, data_type, kind)
                return _try_fields(access, samples, known, data_type, kind)
    if known.offered:
        note = f"it does not create namespaces ({refusal}): the kit writes to the given ones"
    else:
        note = f"it accepts only namespaces that already exist ({refusal}): {_advice(access)}"
    return replace(known, makes_namespaces=False).noting(note)


def _failing(access: Access, known: Known, error: ConnectorError) -> Known:
    """Keep to the given namespaces if there are some, and note what else may be missing.

    A connector for tables that were made beforehand often forgets the table that nobody made.
    """
    fails = f"a write to a namespace that does not exist fails ({error})"
    if known.offered:
        kept = replace(known, makes_namespaces=False)
        return kept.noting(f"{fails}: the kit writes to the given ones; NOT_FOUND is expected")
    return known.noting(f"{fails}: if namespaces must be made beforehand, answer NOT_FOUND, and {_advice(access)}")


def _advice(access: Access) -> str:
    """How to give a namespace, with examples from the default plan."""
    names = access.namespaces.existing(access.driver)[:_EXAMPLES]
    options = " ".join(f"--namespace {shlex.quote(name)}" for name in names)
    return f"{_NAME_ONE}; its plan has {', '.join(names)}; try {options}" if names else _NAME_ONE


def _document(known: Known, data_type: DataType, kind: str) -> bytes:
    """A document with an id of this kind, or one that fits the schema if there is one."""
    if EVERY_NAMESPACE not in known.schemas:
        return make_document(sample_id(kind), {}, data_type)
    holding = known.holding(data_type)
    return holding.document(holding.sample_id(), {})


def _watch_again(samples: Samples, known: Known, name: str, data_type: DataType, kind: str) -> None:
    """Write another document to a namespace that was listed: this time, the listing may come from a cache."""
    if EVERY_NAMESPACE in known.schemas:
        holding = known.holding(data_type)
        document = holding.document(holding.counted_ids()(1), {})
    elif kind in NUMBERED_KINDS:
        document = make_document(numbered_ids(kind, "again", 1)(1), {}, data_type)
    else:
        return
    with suppress(ConnectorError):  # the rules will meet it again
        samples.write(name, data_type, document)


def _try_fields(access: Access, samples: Samples, known: Known, data_type: DataType, kind: str) -> Known:
    """Find out what new namespaces hold, if they refuse fields of any name."""
    if known.schemas or not access.declared.is_sink:
        return known
    refusal = ""
    for fields in _ANY_FIELDS:
        try:
            samples.write(access.namespaces.fresh(), data_type, make_document(sample_id(kind), fields, data_type))
        except ConnectorError as error:
            if error.code not in REFUSING_CODES:
                return known  # the rules will meet this fault again
            refusal = str(error)
        else:
            return known
    if known.offered:
        note = f"new namespaces refuse unknown fields ({refusal}): the kit writes to the given ones"
        return replace(known, makes_namespaces=False).noting(note)
    return find_schema(access, samples, known, access.namespaces.fresh(), every=True) or known
