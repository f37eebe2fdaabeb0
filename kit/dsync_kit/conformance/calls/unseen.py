"""Which writes a listing may not show yet: once it shows them, nobody need wait any longer."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import Message

from dsync_kit.conformance.calls.writes import Write, writes_in
from dsync_kit.conformance.documents.keys import key_in, same
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, DataType

__all__ = ["Unseen"]

_ANYTHING = b""
"""Stands for any document, or none: it is not known what is there under an id."""

_MOST = 500
"""After so many unseen writes, listing them all again and again would take longer than the lag."""

_PLACES = 100
"""Of so many namespaces it is kept what they hold: examples seldom go back to an earlier one."""

_LOOKS = 2
"""How many listings in a row must show a write: the next one may come from a replica that lags more."""

_Place = tuple[str, DataType]


@dataclass(slots=True)
class _Change:
    """What was under an id since all was visible there, one after another; the last was written at `time`."""

    states: list[bytes | None]
    time: float

    def is_clear(self, data_type: DataType) -> bool:
        """Whether a listing with the last state cannot be one with an earlier state."""
        *earlier, last = self.states
        if _ANYTHING in self.states:
            return False
        return not any(_same(state, last, data_type) for state in earlier)

    def shown_by(self, listed: bytes | None, data_type: DataType) -> bool:
        """Whether the last state is that in a listing. A store may convert what was written."""
        *earlier, last = self.states
        if earlier == [None] or last is None:
            return (listed is None) is (last is None)
        return _same(listed, last, data_type)


class Unseen:
    """The writes since a listing showed everything.

    `read` lists a namespace as it is shown now; it may raise ConnectorError and Violation. The `offered` namespaces may
    hold documents that the kit has not written. It is safe to use from several threads.
    """

    def __init__(
        self, read: Callable[[str, DataType], Iterable[bytes]] | None = None, offered: Collection[str] = ()
    ) -> None:
        self._read = read
        self._offered = frozenset(offered)
        self._lock = threading.Lock()
        self._known: dict[_Place, dict[bytes, bytes]] = {}
        self._forgotten: set[_Place] = set()
        self._changes: dict[_Place, dict[bytes, _Change]] = {}
        self._under_way = 0
        self._writes = 0
        self._unclear_at = -float("inf")
        self._removes = False

    def noted(self, namespace: str, data_type: DataType, documents: Mapping[bytes, bytes]) -> None:
        """Note what a listing shows of an offered namespace, by key."""
        place = namespace, data_type
        with self._lock:
            before = self._known.get(place, documents)
            self._removes = self._removes and documents.keys() <= before.keys() | self._changes.get(place, {}).keys()
            self._known[place] = dict(documents)

    def unclear(self, time: float) -> None:
        """Note that listings prove nothing about what was written until this time (`time.monotonic`)."""
        with self._lock:
            self._unclear_at = max(self._unclear_at, time)

    def begins(self) -> None:
        """Note that a write will be sent."""
        with self._lock:
            if self._under_way:
                self._unclear_at = time.monotonic()  # nobody knows which one is the last
            self._under_way += 1

    def ended(self, request: Message, *, done: bool) -> None:
        """Note that a write has ended. If it is not `done`, it may have changed something, or will."""
        with self._lock:
            self._under_way -= 1
            self._writes += 1
            now = time.monotonic()
            if self._under_way:
                self._unclear_at = now
            for write in writes_in(request):
                if (key := write.key) is None:
                    self._unclear_at = now
                else:
                    self._change(write, key, _ANYTHING if not done else _state(write), now)

    def _change(self, write: Write, key: bytes, state: bytes | None, now: float) -> None:
        place = write.namespace, write.data_type
        changes = self._changes.setdefault(place, {})
        if (change := changes.get(key)) is None:
            change = changes[key] = _Change([self._before(place, key)], now)
        change.time = now
        if state == _ANYTHING or not _same(change.states[-1], state, write.data_type):
            change.states.append(state)

    def _forget(self) -> None:
        """Forget what the earliest namespaces hold."""
        made = [place for place in self._known if place[0] not in self._offered]
        for place in made[: max(0, len(made) - _PLACES)]:
            del self._known[place]
            self._forgotten.add(place)

    def _before(self, place: _Place, key: bytes) -> bytes | None:
        """What was under an id when everything was visible."""
        return _ANYTHING if self._is_unknown(place) else self._known.get(place, {}).get(key)

    def _is_unknown(self, place: _Place) -> bool:
        """Whether it is not known what a namespace held before the kit wrote to it, or since."""
        return place in self._forgotten or (place[0] in self._offered and place not in self._known)

    def removed(self, namespace: str, data_type: DataType, seconds: float) -> Collection[bytes] | None:
        """The ids, by key, that were removed within so many seconds, so that they may still be listed.

        None if other writes are unseen as well, or if it is not certain that removed documents vanish from listings.
        """
        with self._lock:
            self._expire(seconds)
            changes = [change for own in self._changes.values() for change in own.values()]
            # What was refused need not have been removed.
            if not self._removes or len(changes) > _MOST or any(change.states[-1] for change in changes):
                return None
            return set(self._changes.get((namespace, data_type), {}))

    def all_seen(self, seconds: float) -> bool:
        """Whether all writes that are not older than so many seconds are visible, as a listing shows now."""
        with self._lock:
            self._expire(seconds)
            unclear = self._under_way or time.monotonic() <= self._unclear_at + seconds
            pending = {place: dict(changes) for place, changes in self._changes.items() if changes}
            version = self._writes
        if not pending and not unclear:
            return True
        if unclear or sum(map(len, pending.values())) > _MOST:
            return False
        if not all(one.is_clear(kind) for (_, kind), own in pending.items() for one in own.values()):
            return False
        for _ in range(_LOOKS):
            listed = {place: self._listed(place) for place in pending}
            if not all(self._shows(listed[place], changes, place[1]) for place, changes in pending.items()):
                return False
        with self._lock:
            if self._writes != version:
                return False
            shown = [change.states for changes in pending.values() for change in changes.values()]
            self._removes = self._removes or any(states[-1] is None and len(states) > 1 for states in shown)
            self._known |= {place: found for place, found in listed.items() if found is not None}
            self._forgotten -= listed.keys()
            self._changes.clear()
            self._forget()
        return True

    @staticmethod
    def _shows(listed: Mapping[bytes, bytes] | None, changes: Mapping[bytes, _Change], data_type: DataType) -> bool:
        return listed is not None and all(
            change.shown_by(listed.get(key), data_type) for key, change in changes.items()
        )

    def _listed(self, place: _Place) -> dict[bytes, bytes] | None:
        """What is listed in a namespace, by key; None if it cannot be listed."""
        if self._read is None:
            return None
        try:
            documents = self._read(*place)
        except (ConnectorError, Violation):
            return None  # the rules will meet it again
        return {key: document for document in documents if (key := key_in(document, place[1])) is not None}

    def _expire(self, seconds: float) -> None:
        """Take writes that are older than so many seconds for visible."""
        latest = time.monotonic() - seconds
        for place, changes in list(self._changes.items()):
            known = None if self._is_unknown(place) else self._known.setdefault(place, {})
            for key in [key for key, change in changes.items() if change.time < latest]:
                last = changes.pop(key).states[-1]
                if known is None:
                    continue
                if last is None:
                    known.pop(key, None)
                else:
                    known[key] = last
            if not changes:
                del self._changes[place]
        self._forget()


def _state(write: Write) -> bytes | None:
    """What is there under an id after a write."""
    if write.update is None or write.update.type not in (UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE):
        return write.document or _ANYTHING
    return None if write.update.type == UPDATE_TYPE_DELETE else _ANYTHING


def _same(one: bytes | None, other: bytes | None, data_type: DataType) -> bool:
    if one is None or other is None:
        return one is other
    with suppress(InvalidArgument):
        return same(one, other, data_type)
    return False
