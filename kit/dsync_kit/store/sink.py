"""`Sink`: a page or a call's updates are checked as a whole before anything is written."""

import threading
from abc import abstractmethod
from collections.abc import Collection, Mapping

from dsync_kit.incoming import check_data_type, check_documents, check_update
from dsync_kit.protocol import (
    Capabilities,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.settings import ConnectorSettings
from dsync_kit.store.connector import StoreConnector
from dsync_kit.store.updating import Outcome
from dsync_kit.store.values import Document, Key

__all__ = ["Sink"]


class Sink(StoreConnector):
    """A store that dsync writes to."""

    def __init__(self, settings: ConnectorSettings) -> None:
        super().__init__(settings)
        self._modifying = threading.Lock()

    # --- What the author writes ---

    @abstractmethod
    def write(self, namespace: str, documents: Mapping[Key, Document | None]) -> None:
        """Upsert the documents by their keys, and delete the keys whose document is None, whether they exist or not.

        Write everything or nothing. Return when it is durable. The documents are in the order in which they were sent:
        for a store in which several keys are one id, such as 5 and 5.0, the last one counts.
        """

    def modify(self, namespace: str, keys: Collection[Key], outcome: Outcome) -> None:
        """Apply partial updates: find the documents, and write what `outcome` makes of them.

        Nobody may change the documents in between. The default only excludes other partial updates in this process.
        Override it with a transaction of the store to exclude other processes and other writes, too.
        """
        with self._modifying:
            self.write(namespace, outcome(self.find(namespace, keys)))

    # --- What dsync calls ---

    def capabilities(self) -> Capabilities:
        found = super().capabilities()
        found.sink.supported_data_types.extend(self.data_types)
        return found

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        self.check_namespace(request.namespace)
        check_data_type(request.type, self.data_types)
        documents: dict[Key, Document | None] = {}
        for data, part in zip(request.data, check_documents(request.data, request.type), strict=True):
            key = Key.of(part, request.type)
            documents.pop(key, None)  # the last one counts, also in the order: see `write`
            documents[key] = Document(data, request.type)
        if documents:
            self.write(request.namespace, documents)
            self._bell.ring()
        return WriteDataResponse()

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        self.check_namespace(request.namespace)
        check_data_type(request.type, self.data_types)
        updates = [(Key.of(check_update(update, request.type), request.type), update) for update in request.updates]
        outcome = Outcome(updates, request.type)
        if needed := outcome.needed:
            self.modify(request.namespace, needed, outcome)
        elif updates:
            self.write(request.namespace, outcome({}))
        self._bell.ring()
        return WriteUpdatesResponse()
