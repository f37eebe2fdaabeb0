"""A store in memory, with as little code as `dsync_kit.store` allows, for the SDK's tests."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar

from dsync_kit.documents import encode, encode_id, id_field
from dsync_kit.errors import ConnectorError, FailedPrecondition, Unavailable
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    DataType,
    Update,
    UpdateType,
)
from dsync_kit.store import (
    Change,
    Document,
    Key,
    Listed,
    Place,
    Range,
    Sink,
    SourceSettings,
    StreamingSource,
    even_ranges,
)

__all__ = ["BSON", "JSON", "NAMESPACE", "Memory", "document", "key", "stored", "update"]

BSON, JSON = DATA_TYPE_MONGO_BSON, DATA_TYPE_JSON_ID
NAMESPACE = "db.collection"


class Memory(StreamingSource, Sink):
    """Documents with the numbers of their insertion, and a list of changes."""

    db_type = "memory"
    data_types: ClassVar[Sequence[DataType]] = (BSON, JSON)

    def __init__(self, settings: SourceSettings | None = None, name: str = "data") -> None:
        super().__init__(settings or SourceSettings(uri="memory://", page_size=2, partitions=2))
        self.name = name
        self.documents: dict[str, dict[Key, tuple[int, Document]]] = {}
        self.log: list[Change] = []
        self.serial = 0
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def translate_error(self, error: Exception) -> ConnectorError | None:
        return Unavailable("the memory is gone") if isinstance(error, MemoryError) else None

    def data_id(self) -> str:
        return self.name

    def count(self, namespace: str) -> int:
        return len(self.documents.get(namespace, {}))

    def find(self, namespace: str, keys: Collection[Key]) -> Mapping[Key, Document]:
        known = self.documents.get(namespace, {})
        return {one: known[one][1] for one in keys if one in known}

    def namespaces(self) -> Collection[str]:
        return sorted(name for name, documents in self.documents.items() if documents)

    def split(self, namespace: str, parts: int) -> Sequence[Range]:
        return even_ranges(0, self.serial, parts)

    def read(self, namespace: str, rest: Range, limit: int) -> Iterator[Listed]:
        for serial, known in sorted(self.documents.get(namespace, {}).values()):
            if int(rest.start) < serial <= int(rest.end):
                yield Listed(serial, known)

    def write(self, namespace: str, documents: Mapping[Key, Document | None]) -> None:
        known = self.documents.setdefault(namespace, {})
        for one, new in documents.items():
            old = known.pop(one, None)
            if new is not None:
                self.serial += 1
                known[one] = (old[0] if old else self.serial, new)
            if new or old:
                kind = UPDATE_TYPE_INSERT if new else UPDATE_TYPE_DELETE
                self.log.append(Change(len(self.log) + 1, namespace, kind, new or (old and old[1])))

    def last_change(self) -> Place:
        return len(self.log)

    def changes(self, after: Place, limit: int, wait: float) -> Iterable[Change]:
        if int(after) > len(self.log):
            raise FailedPrecondition("beyond the log")
        return islice(self.log, int(after), int(after) + limit)


def document(value: object, data_type: DataType = BSON, **fields: object) -> bytes:
    """A document with this id, encoded."""
    return encode({id_field(data_type): value, **fields}, data_type)


def stored(value: object, data_type: DataType = BSON, **fields: object) -> Document:
    """A document with this id, as a store holds it."""
    return Document(document(value, data_type, **fields), data_type)


def key(value: object, data_type: DataType = BSON) -> Key:
    """The key of an id."""
    return Key.of(encode_id(value, id_field(data_type)), data_type)


def update(
    kind: UpdateType, value: object, data: bytes = b"", data_type: DataType = BSON, unset: Sequence[str] = ()
) -> Update:
    """An update of the document with this id."""
    return Update(id=[encode_id(value, id_field(data_type))], type=kind, data=data, partial_update_unset=unset)
