"""Writes single documents, sees what becomes of them, and deletes them again."""

from collections.abc import Sequence
from contextlib import suppress

from grpc import StatusCode

from dsync_kit.conformance.documents.keys import key_in
from dsync_kit.conformance.documents.strategies import removals, update_to
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.finding_out.probed_namespace import Namespace
from dsync_kit.documents import id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import UPDATE_TYPE_UPDATE, DataType

__all__ = ["Samples"]


class Samples:
    """The documents that were written so far. Those that could not be deleted are remembered for the report.

    - `copies_only`: whether the sink applies no updates at all; `deletes`: whether it applies deletes
    - `vain`: how the first DELETE was refused, if as something that would pass, however often it was repeated
    - `written`: whether there were any
    - `unseen`: whether the first one was not listed
    """

    def __init__(self, access: Access) -> None:
        self._declared = access.declared
        self._data = access.data
        self._offered = access.namespaces.offered
        self._driver = access.driver
        self._remembered = access.remembered
        self._settling = access.settling
        self._liveness = access.liveness
        self._removed = False
        self._refused_in_vain = False
        self._misread: dict[DataType, bool] = {}
        self.copies_only = False
        self.deletes = True
        self.vain = ""
        self.written = False
        self.unseen = False

    def write(self, namespace: str, data_type: DataType, document: bytes) -> None:
        """Write a document, and delete it again. Raises ConnectorError if that is refused or not answered."""
        self._data.load(namespace, [document], data_type, driver=self._driver)
        readable = self._is_readable(data_type)
        if readable and (not self.written or self._settling.watches):
            seen = self._settling.appears(lambda: self._is_listed(namespace, data_type, document) or None)
            self.unseen = self.unseen or not (self.written or seen)
        self.written = True
        if readable and data_type not in self._misread and namespace not in self._offered:
            self._misread[data_type] = self._is_misread(namespace, data_type)
        self._remove(namespace, data_type, [document])

    def try_updates(self, namespace: str, data_type: DataType) -> None:
        """Find out whether a sink that has accepted no document applies updates at all, by a call without any."""
        if not self._declared.can_change:
            return
        try:
            self._data.change(namespace, [], data_type, driver=self._driver)
        except ConnectorError as error:
            self.copies_only = error.code is StatusCode.UNIMPLEMENTED
            self.deletes = not self.copies_only

    def probed(self, name: str, data_type: DataType) -> Namespace:
        """A namespace to find out what it holds, by writing further documents."""

        def remove(documents: Sequence[bytes]) -> None:
            with suppress(ConnectorError):
                self._remove(name, data_type, documents)

        self.written = True
        return Namespace(
            name,
            write=lambda document: self._load(name, data_type, document),
            read=(lambda: self._read(name, data_type)) if self._is_readable(data_type) else None,
            remove=remove,
            answers=self._liveness.answers,
            settling=self._settling,
        )

    def _load(self, namespace: str, data_type: DataType, document: bytes) -> None:
        """Write a document. After one that was refused as if that would pass, however often it was sent, only once."""
        driver = self._driver.once() if self._refused_in_vain else self._driver
        try:
            self._data.load(namespace, [document], data_type, driver=driver)
        except ConnectorError as error:
            self._refused_in_vain = self._refused_in_vain or error.retryable
            raise

    @property
    def misread(self) -> tuple[DataType, ...]:
        """Types in which it lists something other than their documents, while another type works."""
        wrong = tuple(kind for kind, misread in self._misread.items() if misread)
        return wrong if len(wrong) < len(self._misread) else ()

    def _is_readable(self, data_type: DataType) -> bool:
        return self._declared.can_read and data_type in self._declared.types

    def _read(self, namespace: str, data_type: DataType) -> list[bytes]:
        return self._data.read(namespace, data_type, driver=self._driver)

    def _is_misread(self, namespace: str, data_type: DataType) -> bool:
        """Whether documents in a namespace of the kit are listed as something other than documents of the type."""
        try:
            listed = self._read(namespace, data_type)
        except (ConnectorError, Violation):
            return False  # the rules will meet it again
        return bool(listed) and all(key_in(document, data_type) is None for document in listed)

    def _is_listed(self, namespace: str, data_type: DataType, document: bytes) -> bool:
        try:
            return any(
                id_of(found, data_type) == id_of(document, data_type) for found in self._read(namespace, data_type)
            )
        except (ConnectorError, Violation):
            return True  # the rules will meet it again; there is nothing to wait for

    def _remove(self, namespace: str, data_type: DataType, documents: Sequence[bytes]) -> None:
        """Delete documents, if the connector deletes. Raises ConnectorError if it does not answer."""
        if not documents or not self._declared.can_change or self.copies_only or not self.deletes:
            return
        try:
            driver = self._remembered.removing(self._driver)
            self._data.change(namespace, removals(documents, data_type), data_type, driver=driver)
            self._removed = True
        except ConnectorError as error:
            if error.retryable and (self._removed or not self._liveness.answers()):
                self._remembered.removals_fail = True
                raise
            if error.retryable:
                self.deletes, self.vain = False, str(error)
            self._remembered.remain(namespace, str(error))
            if error.code is StatusCode.UNIMPLEMENTED:
                self._deletes_nothing(namespace, data_type, documents[0])

    def _deletes_nothing(self, namespace: str, data_type: DataType, document: bytes) -> None:
        """Find out whether a sink that does not apply DELETE applies other updates."""
        self.deletes = False
        overwrite = update_to(UPDATE_TYPE_UPDATE, document, data_type)
        try:
            self._data.change(namespace, [overwrite], data_type, driver=self._driver)
        except ConnectorError as error:
            self.copies_only = error.code is StatusCode.UNIMPLEMENTED
