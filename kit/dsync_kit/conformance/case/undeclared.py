"""Whether a refused call held a document or an id that the store need not hold, because no schema was declared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grpc import StatusCode

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Call, Recorder
from dsync_kit.conformance.calls.writes import Write, writes_in
from dsync_kit.conformance.calls.written import written
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.documents.keys import key_in
from dsync_kit.conformance.documents.strategies import make_document
from dsync_kit.conformance.results.outcome import Inapplicable, Violation
from dsync_kit.conformance.subject.data import REFUSING_CODES
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.conformance.subject.holds.found_schemas import FoundSchemas
from dsync_kit.documents import decode, decode_id, id_field
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, GetByIdsRequest, Update

__all__ = ["refuses_undeclared"]

_FULL_CODES = REFUSING_CODES | {StatusCode.RESOURCE_EXHAUSTED}
"""The codes with which a store may refuse a document because it is full."""

_PLAIN = (1, 7919)
"""The numbers of plain documents: another document may have a value of one, where none may be there twice."""

_THERE = 3
"""So many documents that are there are written again, or so many namespaces are written to."""


def refuses_undeclared(case: Case, error: ConnectorError) -> bool:
    """Whether a call may have been refused because the store holds less than was found out about it.

    What was found out rests on a few documents: the store may still refuse others, or further ones once it is full. It
    does if it also refuses one of the call's documents alone and in the plainest form, but no plain document; or no
    document that is there already.
    """
    call = next((call for call in reversed(case.recorder.calls) if call.error is error), None)
    if call is None or error.code not in _FULL_CODES or not case.declared.is_sink:
        return False
    if any(write.namespace in case.found.unknown for write in _writes(call)):
        return error.code in REFUSING_CODES  # no document is known that it holds
    try:
        return _Again(case, error.code).refuses(call)
    except (ConnectorError, Inapplicable, Violation):
        return False  # it fails in another way, has too few ids, or was sent something malformed


class _Again:
    """Writes a refused call's documents again, one by one and changed. `code` is that of the refusal."""

    def __init__(self, case: Case, code: StatusCode) -> None:
        self._case = case
        self._full = code is StatusCode.RESOURCE_EXHAUSTED
        """Whether only a full store may refuse the documents: with this code, dsync sends them again."""
        self._driver = Driver(Recorder(case.subject.api, case.subject.settling), repeats=not self._full)
        self._known: dict[bytes | None, bytes] = {}
        """The documents that must be in the namespace, by key."""

    def refuses(self, call: Call) -> bool:
        """Whether the store refuses one of the call's documents, and is right to do so."""
        self._known = self._acknowledged(call)
        found = self._refused_alone(list(self._documents(call)))
        if found is None:
            return False  # it is the call that it refuses
        holding, write = found
        fields = decode(write.document or b"", write.data_type)
        identifier = fields.pop(id_field(write.data_type))
        if self._accepts(write, _plainest(holding, identifier, fields)):
            return False
        make = holding.counted_ids()
        plain = (self._plain(holding, make(number), number) for number in _PLAIN)
        if not any(self._accepts(write, document) for document in plain):
            return self._is_full(holding, write)
        if self._full:
            return False
        # With an id that was accepted before, it may be refused because of what is there, or was deleted.
        if write.key not in self._accepted_before():
            return True
        elsewhere = self._accepts(write, _plainest(holding, make(0), fields))
        return not elsewhere or self._accepts_other_fields(holding, write, identifier, fields)

    def _documents(self, call: Call) -> Iterator[tuple[Holding, Write]]:
        """The whole documents of a call to a namespace without a declared schema.

        An id that is deleted or looked up counts as a document with it: the store may hold none with such an id.
        """
        for write in _writes(call):
            family = self._family(write.namespace)
            if family is None or write.data_type not in self._case.declared.written_types:
                continue
            holding = family.holding(write.data_type)
            document = write.document
            if write.update is not None and write.update.type == UPDATE_TYPE_DELETE and len(write.update.id) == 1:
                document = self._plain(holding, decode_id(write.update.id[0]), 1)
            if document is None or _is_partial(write):
                continue
            if not isinstance(holding, Filling) or holding.schema.fits(document):
                yield holding, Write(write.namespace, write.data_type, document)

    def _family(self, namespace: str) -> Family | None:
        """What a namespace holds; None if its schema was declared."""
        families = self._case.subject.families
        named = next((family for family in families if namespace in family.names), None)
        family = named or (families[-1] if self._case.found.makes_namespaces else None)
        undeclared = family is not None and (family.schema is None or isinstance(family.schema, FoundSchemas))
        return family if undeclared else None

    def _refused_alone(self, documents: list[tuple[Holding, Write]]) -> tuple[Holding, Write] | None:
        """One of a call's documents that the store refuses even alone; None if it is the call that it refuses."""
        while len(documents) > 1:
            half = len(documents) // 2
            refused = (part for part in (documents[:half], documents[half:]) if not self._holds(part))
            documents = next(refused, [])
        return documents[0] if documents else None

    def _holds(self, documents: Sequence[tuple[Holding, Write]]) -> bool:
        """Whether the store accepts a page of these documents, as they were sent."""
        _, first = documents[0]
        return self._accepts(first, *(write.document for _, write in documents if write.document is not None))

    def _accepts(self, write: Write, *page: bytes) -> bool:
        """Whether the store accepts a page. Raises ConnectorError unless it refuses it deliberately."""
        self._case.own(write.namespace, write.data_type, page)
        try:
            self._driver.write_data(write.namespace, page, write.data_type)
        except ConnectorError as error:
            if error.code not in _FULL_CODES:
                raise
            self._full = self._full or error.code is StatusCode.RESOURCE_EXHAUSTED
            return False
        self._known |= {key_in(document, write.data_type): document for document in page}
        return True

    def _plain(self, holding: Holding, identifier: Any, number: int) -> bytes:
        """A plain document with this id."""
        return (
            holding.plainest(identifier, number) if isinstance(holding, Filling) else holding.document(identifier, {})
        )

    def _is_full(self, holding: Holding, write: Write) -> bool:
        """Whether there is no room for a further document in the namespace, or for a further namespace.

        A full store still accepts documents that are there, and plain ones in the namespaces that it has.
        """
        if there := self._there(holding, write):
            return any(self._accepts(write, document) for document in there)
        plain = self._plain(holding, holding.counted_ids()(1), 1)
        earlier = self._case.subject.namespaces.before(write.namespace)[:_THERE]
        return any(self._accepts(write._replace(namespace=name), plain) for name in earlier)

    def _there(self, holding: Holding, write: Write) -> list[bytes]:
        """Some documents of the kit that are in the namespace."""
        sent = list(self._known.values())
        if not sent and self._case.declared.can_read:
            listed = self._case.subject.data.read(write.namespace, write.data_type, driver=self._driver)
            sent = [
                one for one in listed if decode(one, write.data_type)[id_field(write.data_type)] not in holding.taken
            ]
        return sent[-_THERE:]

    def _acknowledged(self, refused: Call) -> dict[bytes | None, bytes]:
        """What the example has written to the namespace of a refused call, by key, as far as it was not deleted."""
        namespaces = {write.namespace for write in _writes(refused)}
        found: dict[bytes | None, bytes] = {}
        for call, write in written(self._case.recorder.calls):
            if call.error is None and write.namespace in namespaces:
                found.pop(write.key, None)
                if write.document is not None and not _is_partial(write):
                    found[write.key] = write.document
        return found

    def _accepts_other_fields(self, holding: Holding, write: Write, identifier: Any, fields: Mapping[str, Any]) -> bool:
        """Whether the store accepts other fields with this id: it refuses some beside it, or in place of earlier ones.

        It may be there already: then the fields of one change, as they would with an overwrite.
        """
        if not isinstance(holding, Filling):
            return False
        there = self._known.get(write.key)
        if there is None:
            return self._accepts(write, self._plain(holding, identifier, 1))
        before = decode(there, write.data_type)
        plain = (decode(self._plain(holding, identifier, number), write.data_type) for number in _PLAIN)
        changes = (
            (name, value) for one in (fields, *plain) for name, value in one.items() if name in holding.schema.fields
        )
        changed = ({**before, name: value} for name, value in changes if before.get(name) != value)
        return any(self._accepts(write, holding.with_fields(one.pop(holding.schema.id_field), one)) for one in changed)

    def _accepted_before(self) -> set[bytes | None]:
        """The keys of all documents that the example has written, in whatever namespace."""
        return {one.key for call, one in written(self._case.recorder.calls) if one.document and call.error is None}


def _writes(call: Call) -> Iterator[Write]:
    """What a call writes; the ids of a GetByIds as if it deleted them."""
    if isinstance(call.request, GetByIdsRequest):
        for asked in call.request.ids:
            update = Update(id=asked.id, type=UPDATE_TYPE_DELETE)
            yield Write(call.request.namespace, call.request.type, None, update)
    yield from writes_in(call.request)


def _is_partial(write: Write) -> bool:
    return write.update is not None and write.update.type == UPDATE_TYPE_PARTIAL_UPDATE


def _plainest(holding: Holding, identifier: Any, fields: Mapping[str, Any]) -> bytes:
    """A document with this id and these fields, its id first, and spelled as usual."""
    if isinstance(holding, Filling):
        own = {name: value for name, value in fields.items() if name not in holding.schema.repeats}
        return holding.with_fields(identifier, own)
    return make_document(identifier, dict(fields), holding.data_type)
