"""Tracks which documents an example wrote, and which were there before; removes the example's at the end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from google.protobuf.message import Message

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.calls.writes import Write, writes_in
from dsync_kit.conformance.documents.keys import document_key, key_in, key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.remembered import Remembered
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.documents import id_field, id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, UPDATE_TYPE_DELETE, BsonValue, DataType, Update

__all__ = ["Belongings", "remove"]

_AT_ONCE = 500


class Belongings:
    """The ids of an example's documents, kept as its requests are sent. `written` are the namespaces with acknowledged
    writes. `types` are the data types in which documents can be written, and so deleted."""

    def __init__(self, remembered: Remembered, types: Sequence[DataType]) -> None:
        self._remembered = remembered
        self._types = types
        self._owned: dict[tuple[str, DataType], dict[bytes, list[BsonValue] | bytes]] = {}
        self._acknowledged: set[tuple[str, bytes]] = set()
        self.written: set[str] = set()

    def sends(self, request: Message) -> None:
        """Own what a request writes, before it is sent: even of a refused one, a part may have been written."""
        self._remembered.listings.wrote(request)
        for write in writes_in(request):
            if write.data_type not in self._types:
                self._own_undeclared(write)
                continue
            if write.document is not None:
                self.own(write.namespace, write.data_type, [write.document])
            if write.update is not None and _is_single(write.update) and (key := write.key) is not None:
                self._owned_in(write.namespace, write.data_type)[key] = list(write.update.id)

    def _own_undeclared(self, write: Write) -> None:
        """Own what is written in a type that the connector does not declare, and so should refuse.

        If it accepts that, nobody knows which id it reads.
        """
        ids = [list(write.update.id)] if write.update is not None and _is_single(write.update) else []
        for data_type in (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID):
            with suppress(InvalidArgument):
                ids.append(id_of(write.document or b"", data_type))
        for data_type in self._types:
            owned, name = self._owned_in(write.namespace, data_type), id_field(data_type)
            for parts in ids:
                with suppress(InvalidArgument):
                    key = key_of(parts, data_type)
                    owned[key] = [BsonValue(data=part.data, type=part.type, name=name) for part in parts]

    def acknowledges(self, request: Message) -> None:
        """Note that a write was answered with OK, so it replaced any earlier documents with its ids."""
        self._remembered.listings.wrote(request)
        for write in writes_in(request):
            self.written.add(write.namespace)
            if not self.foreign(write.namespace):
                break  # there was nothing that it could have replaced
            if (key := write.key) is not None:
                self._acknowledged.add((write.namespace, key))

    def own(self, namespace: str, data_type: DataType, documents: Iterable[bytes]) -> None:
        """Own the documents with these ids."""
        for document in documents:
            if (key := key_in(document, data_type)) is not None:
                self._owned_in(namespace, data_type)[key] = document

    def release(self, namespace: str, data_type: DataType, documents: Iterable[bytes]) -> None:
        """No longer own documents: they stay when the example ends."""
        owned = self._owned_in(namespace, data_type)
        for document in documents:
            owned.pop(document_key(document, data_type), None)

    def _owned_in(self, namespace: str, data_type: DataType) -> dict[bytes, list[BsonValue] | bytes]:
        return self._owned.setdefault((namespace, data_type), {})

    def foreign(self, namespace: str) -> dict[bytes, bytes]:
        """The documents, by key, that were in an offered namespace before the example."""
        return self._remembered.foreign.get(namespace, {})

    def among(
        self, listed: list[bytes], namespace: str, data_type: DataType, as_written: Callable[[bytes], bytes]
    ) -> list[bytes]:
        """The listed documents, each passed through `as_written`, without foreign ones that were not replaced.

        A document whose id the example has sent, but not successfully, is foreign while it is unchanged.
        """
        listed = [as_written(document) for document in listed]
        before = self.foreign(namespace)
        if not before:
            return listed
        owned = self._owned.get((namespace, data_type), {})

        def is_foreign(document: bytes) -> bool:
            key = key_in(document, data_type)
            if key not in before or (namespace, key) in self._acknowledged:
                return False
            return key not in owned or as_written(before[key]) == document

        return [document for document in listed if not is_foreign(document)]

    def owned(self, namespace: str, data_type: DataType, listed: Iterable[bytes]) -> list[bytes]:
        """The listed documents that are the example's."""
        own = self._own(namespace, data_type)
        return [document for document in listed if key_in(document, data_type) in own]

    def removals(self) -> Iterator[tuple[str, DataType, list[Update]]]:
        """The updates that delete the example's documents, a namespace and a type in each call.

        Some stores delete row by row, so a call has only some hundreds. Rows that were written later may refer to
        earlier ones, and are deleted first.
        """
        for namespace, data_type in reversed(list(self._owned)):
            own = self._own(namespace, data_type).values()
            ids = (id_of(found, data_type) if isinstance(found, bytes) else found for found in own)
            removals = [Update(id=parts, type=UPDATE_TYPE_DELETE) for parts in ids]
            for start in range(0, len(removals), _AT_ONCE):
                yield namespace, data_type, removals[start : start + _AT_ONCE]

    def _own(self, namespace: str, data_type: DataType) -> dict[bytes, list[BsonValue] | bytes]:
        """The ids of the example's documents. One that was there before is not the example's if no write of its id was
        acknowledged."""
        owned, before = self._owned.get((namespace, data_type), {}), self.foreign(namespace)
        if not before:
            return owned
        return {
            key: found for key, found in owned.items() if key not in before or (namespace, key) in self._acknowledged
        }


def _is_single(update: Update) -> bool:
    """Whether its id has one part. Most stores refuse composite ids, and no rule writes a document with one."""
    return len(update.id) == 1


def remove(subject: Subject, belongings: Belongings) -> None:
    """Delete an example's documents. The subject remembers the namespaces in which some remain."""
    removing = Recorder(subject.api, subject.settling)
    for namespace, data_type, removals in belongings.removals():
        subject.remembered.listings.wrote_to(namespace)
        try:
            subject.data.change(namespace, removals, data_type, driver=subject.remembered.removing(Driver(removing)))
            subject.remembered.removals_fail = False
        except ConnectorError as error:
            written = namespace in belongings.written
            if written and _some_remain(subject, belongings, namespace, removals, data_type, error):
                subject.remembered.remain(namespace, str(error))
            if error.retryable:
                subject.remembered.removals_fail = True
                subject.liveness.heed(removing)


def _some_remain(
    subject: Subject,
    belongings: Belongings,
    namespace: str,
    removals: Sequence[Update],
    data_type: DataType,
    refusal: ConnectorError,
) -> bool:
    """Whether documents that a refused call should have removed remain.

    The whole call may be refused for a single id that the store can't hold, so each document is removed alone.
    """
    if refusal.retryable or not subject.declared.can_read:
        return True
    for removal in removals if len(removals) > 1 else ():
        with suppress(ConnectorError):
            subject.data.change(namespace, [removal], data_type, driver=subject.driver)
    try:
        listed = subject.data.read(namespace, data_type, driver=subject.driver)
    except (ConnectorError, Violation):
        return True
    return bool(belongings.owned(namespace, data_type, listed))
