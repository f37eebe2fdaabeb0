"""What the two ends should hold after the acknowledged writes, and what they list."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from dsync_kit.client import ConnectorApi
from dsync_kit.documents import canonical, id_of
from dsync_kit.errors import NotFound
from dsync_kit.flow.listing import pages
from dsync_kit.flow.retries import repeated
from dsync_kit.incoming import key_of
from dsync_kit.protocol import UPDATE_TYPE_DELETE, BsonValue, DataType, GeneratePlanRequest, Partition, Update

__all__ = ["Contents", "Key", "listed"]

Key = tuple[str, bytes]
"""A namespace, and an id as `key_of` gives it."""


class Contents:
    """The digest of each document, by key. Equal documents have equal digests.

    `as_written` returns a namespace's document without anything that an end has added to it.
    """

    def __init__(self, data_type: DataType, as_written: Callable[[str, bytes], bytes] = lambda _, data: data) -> None:
        self._data_type = data_type
        self._as_written = as_written
        self.digests: dict[Key, bytes] = {}
        self.deleted: set[Key] = set()

    def write(self, namespace: str, documents: Iterable[bytes]) -> None:
        """Add or replace documents."""
        for data in documents:
            key = self._key(namespace, id_of(data, self._data_type)[0])
            self.digests[key] = self._digest(namespace, data)

    def apply(self, namespace: str, updates: Iterable[Update]) -> None:
        """Apply inserts, updates and deletes, in order."""
        for update in updates:
            key = self._key(namespace, update.id[0])
            if update.type == UPDATE_TYPE_DELETE:
                self.digests.pop(key, None)
                self.deleted.add(key)
            else:
                self.digests[key] = self._digest(namespace, update.data)

    def differing(self, other: Mapping[Key, bytes]) -> list[Key]:
        """The sorted keys whose documents differ from those of `other`."""
        return sorted({key for key, _ in self.digests.items() ^ other.items()})

    def _key(self, namespace: str, part: BsonValue) -> Key:
        return namespace, key_of(part, self._data_type)

    def _digest(self, namespace: str, data: bytes) -> bytes:
        written = canonical(self._as_written(namespace, data), self._data_type)
        return hashlib.blake2b(written, digest_size=16).digest()


def listed(
    api: ConnectorApi,
    namespaces: Sequence[str],
    data_type: DataType,
    as_written: Callable[[str, bytes], bytes] = lambda _, data: data,
) -> Contents:
    """What an end lists in these namespaces. Without any, it lists all that it plans by default.

    Raises ConnectorError if it cannot be listed, even after retries.
    """
    found = Contents(data_type, as_written)
    # One at a time: that is always allowed.
    for asked in [[name] for name in namespaces] or [[]]:
        try:
            plan = api.generate_plan(GeneratePlanRequest(namespaces=asked, initial_sync=True))
        except NotFound:
            continue  # a namespace that was never written to may be unknown: it is empty
        for partition in plan.partitions:
            repeated(lambda partition=partition: _list(api, partition, data_type, found))  # type: ignore[misc]
    return found


def _list(api: ConnectorApi, partition: Partition, data_type: DataType, found: Contents) -> None:
    # If it is listed again from the start, its documents overwrite themselves.
    for page in pages(api, partition, data_type):
        found.write(partition.namespace, page.data)
