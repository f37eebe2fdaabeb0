"""Whether a refused write held a document that the store need not hold, because no schema was declared."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Call, Recorder
from dsync_kit.conformance.calls.written import Write, writes_in, written
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.conformance.subject.holds.finding import FoundSchemas
from dsync_kit.conformance.verdicts.diagnosis import difference
from dsync_kit.documents import decode, id_field, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_PARTIAL_UPDATE

__all__ = ["refuses_undeclared"]

_REFUSING = (StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.OUT_OF_RANGE)
_LARGE = 2**31
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")


def refuses_undeclared(case: Case, error: ConnectorError) -> bool:
    """Whether a write may have been refused because the store holds less than was found out about it.

    What was found out rests on a few documents: the store may still refuse others. It does if it also refuses one of
    the call's documents alone and in the plainest form, but no plain document.
    """
    call = next((call for call in reversed(case.recorder.calls) if call.error is error), None)
    if call is None or error.code not in _REFUSING or not case.declared.is_sink:
        return False
    if any(write.namespace in case.found.unknown for write in writes_in(call.request)):
        return True  # no document is known that it holds
    driver = Driver(Recorder(case.subject.api, case.subject.settling))
    try:
        found = _refused_alone(case, driver, list(_documents(case, call)))
        return found is not None and _is_undeclared(case, driver, *found)
    except (ConnectorError, Inapplicable):
        return False  # it fails in another way, has too few ids, or was sent something malformed


def _documents(case: Case, call: Call) -> Iterator[tuple[Holding, Write]]:
    """The whole documents of a call to a namespace without a declared schema."""
    for write in writes_in(call.request):
        family = _family(case, write.namespace)
        partial = write.update is not None and write.update.type == UPDATE_TYPE_PARTIAL_UPDATE
        if family is None or write.document is None or partial or write.data_type not in case.declared.written_types:
            continue
        holding = family.holding(write.data_type)
        if not isinstance(holding, Filling) or holding.schema.fits(write.document):
            yield holding, write


def _family(case: Case, namespace: str) -> Family | None:
    """What a namespace holds; None if its schema was declared."""
    families = case.subject.families
    named = next((family for family in families if namespace in family.names), None)
    family = named or (families[-1] if case.found.makes_namespaces else None)
    undeclared = family is not None and (family.schema is None or isinstance(family.schema, FoundSchemas))
    return family if undeclared else None


def _refused_alone(case: Case, driver: Driver, documents: list[tuple[Holding, Write]]) -> tuple[Holding, Write] | None:
    """One of a call's documents that the store refuses even alone; None if it is the call that it refuses."""
    while len(documents) > 1:
        half = len(documents) // 2
        refused = (part for part in (documents[:half], documents[half:]) if not _holds(case, driver, part))
        documents = next(refused, [])
    return documents[0] if documents else None


def _holds(case: Case, driver: Driver, documents: Sequence[tuple[Holding, Write]]) -> bool:
    """Whether the store accepts a page of these documents, as they were sent."""
    _, first = documents[0]
    page = [write.document for _, write in documents if write.document is not None]
    return _accepts(case, driver, first, page)


def _accepts(case: Case, driver: Driver, write: Write, page: Sequence[bytes]) -> bool:
    """Whether the store accepts a page. Raises ConnectorError unless it refuses it deliberately."""
    case.own(write.namespace, write.data_type, page)
    try:
        driver.write_data(write.namespace, page, write.data_type)
    except ConnectorError as error:
        if error.code not in _REFUSING:
            raise
        return False
    return True


def _is_undeclared(case: Case, driver: Driver, holding: Holding, write: Write) -> bool:
    """Whether the store refuses the document, or its unusual id, but no plain document.

    A plain id is no reason for a refusal (the document may be there already, or may have been deleted before), unless
    it is easily confused with another one of the example: a store may refuse an id that only differs in its case.
    """

    def holds(document: bytes) -> bool:
        return _accepts(case, driver, write, [document])

    fields = decode(write.document or b"", write.data_type)
    identifier = fields.pop(id_field(write.data_type))
    if holds(_plainest(holding, identifier, fields)):
        return False
    make = holding.counted_ids()
    if not _is_unusual(identifier) and not _is_confusable(case, write) and holds(_plainest(holding, make(0), fields)):
        return False
    return holds(holding.plainest(make(1)) if isinstance(holding, Filling) else holding.document(make(1), {}))


def _plainest(holding: Holding, identifier: Any, fields: Mapping[str, Any]) -> bytes:
    """A document with this id and these fields, its id first, and spelled as usual."""
    if isinstance(holding, Filling):
        own = {name: value for name, value in fields.items() if name not in holding.schema.repeats}
        return holding.encoded(identifier, own)
    return make_document(identifier, dict(fields), holding.data_type)


def _is_unusual(identifier: Any) -> bool:
    if isinstance(identifier, str):
        return _PLAIN_ID.fullmatch(identifier) is None
    return not (isinstance(identifier, int) and 0 < identifier < _LARGE)


def _is_confusable(case: Case, write: Write) -> bool:
    """Whether the example writes an id, in the same namespace, that is easily confused with this one."""
    own = id_of(write.document or b"", write.data_type)
    others = (one for _, one in written(case.recorder.calls) if one.namespace == write.namespace and one.document)
    return any(difference(own, id_of(one.document or b"", one.data_type)) for one in others if one.key != write.key)
