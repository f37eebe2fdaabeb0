"""`StoreConnector`: what sources and sinks over a store have in common."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from dsync_kit.connector import Connector
from dsync_kit.conversion import convert
from dsync_kit.errors import InvalidArgument, Unimplemented
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    Capabilities,
    DataType,
    GetInfoRequest,
    GetInfoResponse,
    GetNamespaceMetadataRequest,
    GetNamespaceMetadataResponse,
)
from dsync_kit.settings import ConnectorSettings
from dsync_kit.store.following import Bell
from dsync_kit.store.values import Document, Key

__all__ = ["StoreConnector"]


class StoreConnector(Connector, ABC):
    """The base of `Source` and `Sink`. Its methods are called from several threads at once.

    `db_type` names the kind of store. `data_types` lists the data types that it supports, the preferred one first.
    """

    db_type: ClassVar[str]
    data_types: ClassVar[Sequence[DataType]] = (DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID)

    def __init__(self, settings: ConnectorSettings) -> None:
        """Call it first, then connect. Raise UsageError if nothing can be reached with these settings."""
        self._settings = settings
        self._bell = Bell()
        self._closing = threading.Lock()

    # --- What the author writes ---

    @abstractmethod
    def close(self) -> None:
        """Disconnect. Called once."""

    @abstractmethod
    def data_id(self) -> str:
        """An id of the data: it stays the same, also after a restart, and differs for other data."""

    @abstractmethod
    def count(self, namespace: str) -> int:
        """The exact number of documents in a namespace; 0 if there is no such namespace."""

    def find(self, namespace: str, keys: Collection[Key]) -> Mapping[Key, Document]:
        """The documents with these ids, without the missing ones.

        GetByIds and partial updates need this method; without it they are refused.
        """
        raise Unimplemented(f"{type(self).__name__} cannot find documents by their ids")

    def check_namespace(self, namespace: str) -> None:
        """Raise InvalidArgument for a name that no namespace of this store can have."""
        if not namespace:
            raise InvalidArgument("the namespace is empty: expected a name like 'db.collection'")

    def converted(self, document: Document, data_type: DataType) -> bytes:
        """The encoded document in this type. Raises InvalidArgument if the conversion would lose something."""
        return convert(document.data, document.data_type, data_type)

    def capabilities(self) -> Capabilities:
        """The capabilities that GetInfo reports. Sources and sinks add theirs."""
        return Capabilities()

    # --- What dsync calls ---

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return GetInfoResponse(id=self._data_id, db_type=self.db_type, capabilities=self.capabilities())

    def get_namespace_metadata(self, request: GetNamespaceMetadataRequest) -> GetNamespaceMetadataResponse:
        self.check_namespace(request.namespace)
        return GetNamespaceMetadataResponse(count=self.count(request.namespace))

    def redact(self, text: str) -> str:
        return self._settings.redact(text)

    def teardown(self) -> None:
        with self._closing:
            if not self._bell.closed:
                self._bell.close()
                self.close()

    @cached_property
    def _data_id(self) -> str:
        return self.data_id()

    @property
    def _finds(self) -> bool:
        return type(self).find is not StoreConnector.find
