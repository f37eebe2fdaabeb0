"""Generated inserts, updates and deletes, drawn from a seed."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dsync_kit.documents import encode_id, id_field
from dsync_kit.e2e.documents import Documents
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, DataType, Update

__all__ = ["Amounts", "Call", "Workload"]

_LONGEST_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is written: `documents` before the flow starts, then `calls` of at most `largest` updates each.

    With a `rate` (updates a second), the calls are spread evenly; with a `duration` (seconds) as well, there are as
    many as that takes, whatever `calls` says.
    """

    documents: int = 1000
    calls: int = 200
    largest: int = 12
    rate: float | None = None
    duration: float | None = None

    @property
    def most_ids(self) -> int:
        """How many ids the workload needs at most."""
        if self.rate is not None and self.duration is not None:
            return self.documents + round(self.rate * self.duration) + self.largest
        return self.documents + self.calls * self.largest

    @property
    def copies_only(self) -> bool:
        """Whether nothing changes while the flow runs."""
        return self.calls == 0 and self.duration is None

    @property
    def writes_nothing(self) -> bool:
        """Whether the source is copied as it is."""
        return self.documents == 0 and self.copies_only


@dataclass(frozen=True, slots=True)
class Call:
    """One WriteUpdates, and the `pause` after it in seconds."""

    namespace: str
    updates: tuple[Update, ...]
    pause: float


class Workload:
    """The workload of a seed: `initial` documents for each namespace, and then calls that change them.

    Deleted ids are inserted again, and one call may change an id twice.
    """

    def __init__(self, seed: int, documents: Mapping[str, Documents], data_type: DataType, amounts: Amounts) -> None:
        self._rng = random.Random(f"workload {seed}")
        self._documents = documents
        self._namespaces = list(documents)
        self._data_type = data_type
        self._amounts = amounts
        self._known: dict[str, list[Any]] = {name: [] for name in documents}
        self._deleted: dict[str, list[Any]] = {name: [] for name in documents}
        self._next = 0
        self.initial: dict[str, list[bytes]] = {name: [] for name in documents}
        for number in range(amounts.documents):
            name = self._namespaces[number % len(self._namespaces)]
            self.initial[name].append(self._document(name, self._new_id(name)))

    def calls(self) -> Iterator[Call]:
        """The calls, in order."""
        amounts, updates, calls = self._amounts, 0, 0
        while (
            updates < amounts.rate * amounts.duration
            if amounts.rate is not None and amounts.duration is not None
            else calls < amounts.calls
        ):
            call = self._call()
            updates, calls = updates + len(call.updates), calls + 1
            yield call

    def _call(self) -> Call:
        namespace = self._rng.choice(self._namespaces)
        # There are as many calls of 1 to 10 updates as of 10 to 100.
        size = round(math.exp(self._rng.uniform(0, math.log(self._amounts.largest))))
        updates = tuple(self._update(namespace) for _ in range(size))
        rate = self._amounts.rate
        return Call(namespace, updates, self._rng.uniform(0, _LONGEST_PAUSE) if rate is None else len(updates) / rate)

    def _update(self, namespace: str) -> Update:
        known, deleted = self._known[namespace], self._deleted[namespace]
        drawn = self._rng.random()
        if drawn < 0.2 and known:
            value = self._take(known)
            deleted.append(value)
            return Update(id=[self._id(value)], type=UPDATE_TYPE_DELETE)
        if drawn < 0.6 and known:
            value = self._rng.choice(known)
            return Update(id=[self._id(value)], type=UPDATE_TYPE_UPDATE, data=self._document(namespace, value))
        if drawn < 0.75 and deleted:
            value = self._take(deleted)
            known.append(value)
        else:
            value = self._new_id(namespace)
        return Update(id=[self._id(value)], type=UPDATE_TYPE_INSERT, data=self._document(namespace, value))

    def _take(self, values: list[Any]) -> Any:
        place = self._rng.randrange(len(values))
        values[place], values[-1] = values[-1], values[place]
        return values.pop()

    def _new_id(self, namespace: str) -> Any:
        value = self._documents[namespace].identifier(self._next, self._rng)
        self._next += 1
        self._known[namespace].append(value)
        return value

    def _id(self, value: Any) -> Any:
        return encode_id(value, id_field(self._data_type))

    def _document(self, namespace: str, value: Any) -> bytes:
        return self._documents[namespace].document(value, self._rng)
