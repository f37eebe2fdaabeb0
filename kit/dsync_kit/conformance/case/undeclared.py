"""Whether a refused write held a document of which nobody has declared that the store holds it."""

import re
from collections.abc import Iterator
from typing import Any

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Call, Recorder
from dsync_kit.conformance.calls.written import Write, writes_in, written
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.subject.holds.finding import FoundSchemas
from dsync_kit.conformance.verdicts.diagnosis import difference
from dsync_kit.documents import decode, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_PARTIAL_UPDATE

__all__ = ["refuses_undeclared"]

_REFUSING = (StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.OUT_OF_RANGE)
_MOST = 50
"""How many documents of a call are tried alone."""

_LARGE = 2**31
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")


def refuses_undeclared(case: Case, error: ConnectorError) -> bool:
    """Whether a write may have been refused because the store holds less than was found out about it.

    A schema that was found out rests on a few documents: the store may still refuse others. It does if it also refuses
    one of the call's documents alone and in the plainest form, but no plain document.
    """
    call = next((call for call in reversed(case.recorder.calls) if call.error is error), None)
    if call is None or error.code not in _REFUSING or not case.declared.is_sink:
        return False
    driver = Driver(Recorder(case.subject.api, case.subject.settling))
    try:
        return any(_is_undeclared(case, driver, holding, write) for holding, write in _documents(case, call))
    except (ConnectorError, Inapplicable):
        return False  # it fails in another way, has too few ids, or was sent something malformed


def _documents(case: Case, call: Call) -> Iterator[tuple[Filling, Write]]:
    """The whole documents of a call to a namespace whose schema was found out."""
    found = [family for family in case.subject.families if isinstance(family.schema, FoundSchemas)]
    for write in list(writes_in(call.request))[:_MOST] if found else ():
        family = next((family for family in found if write.namespace in family.names), None)
        partial = write.update is not None and write.update.type == UPDATE_TYPE_PARTIAL_UPDATE
        if family is None or write.document is None or partial or write.data_type not in case.declared.written_types:
            continue
        holding = family.holding(write.data_type)
        if isinstance(holding, Filling) and holding.schema.fits(write.document):
            yield holding, write


def _is_undeclared(case: Case, driver: Driver, holding: Filling, write: Write) -> bool:
    """Whether the store refuses the document, or its unusual id, but no plain document.

    A plain id is no reason for a refusal (the document may be there already, or may have been deleted before), unless
    it is easily confused with another one of the example: a store may refuse an id that only differs in its case.
    """

    def holds(document: bytes) -> bool:
        case.own(write.namespace, write.data_type, [document])
        try:
            driver.write_data(write.namespace, [document], write.data_type)
        except ConnectorError as error:
            if error.code not in _REFUSING:
                raise
            return False
        return True

    fields = decode(write.document or b"", write.data_type)
    identifier = fields.pop(holding.schema.id_field)
    own = {name: value for name, value in fields.items() if name not in holding.schema.repeats}
    if holds(holding.encoded(identifier, own)):
        return False
    make = holding.counted_ids("refused")
    if not _is_unusual(identifier) and not _is_confusable(case, write) and holds(holding.encoded(make(0), own)):
        return False
    return holds(holding.document(make(1), {}))


def _is_unusual(identifier: Any) -> bool:
    if isinstance(identifier, str):
        return _PLAIN_ID.fullmatch(identifier) is None
    return not (isinstance(identifier, int) and 0 < identifier < _LARGE)


def _is_confusable(case: Case, write: Write) -> bool:
    """Whether the example writes an id, in the same namespace, that is easily confused with this one."""
    own = id_of(write.document or b"", write.data_type)
    others = (one for _, one in written(case.recorder.calls) if one.namespace == write.namespace and one.document)
    return any(difference(own, id_of(one.document or b"", one.data_type)) for one in others if one.key != write.key)
