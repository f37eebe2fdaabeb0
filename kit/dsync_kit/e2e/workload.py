"""Generated inserts, updates and deletes, drawn from a seed, and what the source must hold after them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Int64

from dsync_kit.documents import canonical, encode, encode_id, id_field, id_of
from dsync_kit.incoming import key_of
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    DataType,
    Update,
)

__all__ = ["Call", "Contents", "Key", "Workload"]

Key = tuple[str, bytes]
"""A namespace, and an id as `key_of` gives it."""

_MOST_UPDATES = 12
_LONGEST_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Call:
    """One WriteUpdates, and the `pause` after it in seconds."""

    namespace: str
    updates: tuple[Update, ...]
    pause: float


class Workload:
    """The workload of a seed: `initial` documents for each namespace, and then any number of calls.

    Ids are texts. Deleted ids are inserted again, and one call may change an id twice.
    """

    def __init__(self, seed: int, namespaces: Sequence[str], data_type: DataType, documents: int) -> None:
        self._rng = random.Random(f"workload {seed}")
        self._namespaces = namespaces
        self._data_type = data_type
        self._known: dict[str, list[str]] = {name: [] for name in namespaces}
        self._deleted: dict[str, list[str]] = {name: [] for name in namespaces}
        self._next = 0
        self.initial: dict[str, list[bytes]] = {name: [] for name in namespaces}
        for number in range(documents):
            name = namespaces[number % len(namespaces)]
            self.initial[name].append(self._document(self._new_id(name)))

    def calls(self, count: int) -> list[Call]:
        """The next `count` calls."""
        return [self._call() for _ in range(count)]

    def _call(self) -> Call:
        namespace = self._rng.choice(self._namespaces)
        updates = tuple(self._update(namespace) for _ in range(self._rng.randint(1, _MOST_UPDATES)))
        return Call(namespace, updates, self._rng.uniform(0, _LONGEST_PAUSE))

    def _update(self, namespace: str) -> Update:
        known, deleted = self._known[namespace], self._deleted[namespace]
        drawn = self._rng.random()
        if drawn < 0.2 and known:
            value = known.pop(self._rng.randrange(len(known)))
            deleted.append(value)
            return Update(id=[self._id(value)], type=UPDATE_TYPE_DELETE)
        if drawn < 0.6 and known:
            value = self._rng.choice(known)
            return Update(id=[self._id(value)], type=UPDATE_TYPE_UPDATE, data=self._document(value))
        if drawn < 0.75 and deleted:
            value = deleted.pop(self._rng.randrange(len(deleted)))
            known.append(value)
        else:
            value = self._new_id(namespace)
        return Update(id=[self._id(value)], type=UPDATE_TYPE_INSERT, data=self._document(value))

    def _new_id(self, namespace: str) -> str:
        value = f"{self._rng.getrandbits(32):08x}-{self._next}"
        self._next += 1
        self._known[namespace].append(value)
        return value

    def _id(self, value: str) -> Any:
        return encode_id(value, id_field(self._data_type))

    def _document(self, value: str) -> bytes:
        number = self._rng.randrange(-(2**50), 2**50)
        document: dict[str, Any] = {
            id_field(self._data_type): value,
            "number": Int64(number) if self._data_type == DATA_TYPE_MONGO_BSON else number,
            "text": "".join(self._rng.choices('abc äß€😀"\\\n', k=self._rng.randrange(60))),
            "flag": self._rng.random() < 0.5,
            "nested": {"list": [self._rng.randrange(100) for _ in range(self._rng.randrange(4))], "empty": None},
        }
        return encode(document, self._data_type)


class Contents:
    """What acknowledged writes lead to: documents, in the form in which equal ones have equal bytes."""

    def __init__(self, data_type: DataType) -> None:
        self._data_type = data_type
        self.documents: dict[Key, bytes] = {}
        self.ids: dict[Key, Any] = {}
        """Every id that was ever written, as its `BsonValue`."""

    def write(self, namespace: str, documents: Iterable[bytes]) -> None:
        """Add or replace documents."""
        for data in documents:
            key = self._key(namespace, id_of(data, self._data_type)[0])
            self.documents[key] = canonical(data, self._data_type)

    def apply(self, namespace: str, updates: Iterable[Update]) -> None:
        """Apply inserts, updates and deletes, in order."""
        for update in updates:
            key = self._key(namespace, update.id[0])
            if update.type == UPDATE_TYPE_DELETE:
                self.documents.pop(key, None)
            else:
                self.documents[key] = canonical(update.data, self._data_type)

    def _key(self, namespace: str, part: Any) -> Key:
        key = (namespace, key_of(part, self._data_type))
        self.ids[key] = part
        return key
