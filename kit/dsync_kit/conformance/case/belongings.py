"""Tracks which documents an example wrote, and which were there before; removes the example's at the end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.documents.keys import key_in, key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.remembered import Remembered
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, BsonValue, DataType, Update

__all__ = ["Belongings", "remove"]


class Belongings:
    """The ids of an example's documents. `written` are the namespaces with acknowledged writes."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self._owned: dict[tuple[str, DataType], dict[bytes, list[BsonValue] | bytes]] = {}
        self._acknowledged: set[tuple[str, bytes]] = set()
        self.written: set[str] = set()

    def own(self, namespace: str, data_type: DataType, ids: Iterable[list[BsonValue]]) -> None:
        """Register ids as the example's, before anything is written under them."""
        owned = self._owned.setdefault((namespace, data_type), {})
        for parts in ids:
            with suppress(ValueError, InvalidArgument):  # an intentionally malformed id: nothing is stored under it
                owned[key_of(parts, data_type)] = parts

    def own_documents(self, namespace: str, data_type: DataType, documents: Iterable[bytes]) -> None:
        """Register the ids of documents in the same way."""
        owned = self._owned.setdefault((namespace, data_type), {})
        for document in documents:
            if (key := key_in(document, data_type)) is not None:
                owned[key] = document

    def acknowledged(self, namespace: str, data_type: DataType, ids: Iterable[list[BsonValue]]) -> None:
        """Note that a write of these ids was answered with OK, so it replaced any earlier documents."""
        self.written.add(namespace)
        for parts in ids if self.foreign(namespace) else ():
            with suppress(ValueError, InvalidArgument):
                self._acknowledged.add((namespace, key_of(parts, data_type)))

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
        """The listed documents whose ids are the example's."""
        owned = self._owned.get((namespace, data_type), {})
        return [document for document in listed if key_in(document, data_type) in owned]

    def removals(self) -> Iterator[tuple[str, DataType, list[Update]]]:
        """The updates that delete the example's documents: one call for each namespace and type."""
        for (namespace, data_type), owned in self._owned.items():
            if owned:
                ids = (id_of(found, data_type) if isinstance(found, bytes) else found for found in owned.values())
                removals = [Update(id=parts, type=UPDATE_TYPE_DELETE) for parts in ids]
                yield namespace, data_type, removals


def remove(subject: Subject, belongings: Belongings) -> None:
    """Delete an example's documents. The subject remembers the namespaces in which some remain."""
    removing = Recorder(subject.api, subject.settling)
    for namespace, data_type, removals in belongings.removals():
        try:
            subject.data.change(namespace, removals, data_type, driver=Driver(removing))
        except ConnectorError as error:
            written = namespace in belongings.written
            if written and _some_remain(subject, belongings, namespace, removals, data_type, error):
                subject.remembered.remain(namespace, str(error))
            if error.retryable:
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
