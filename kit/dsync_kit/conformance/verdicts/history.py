"""The states of each document that a read may see while writes are in flight."""

import itertools
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dsync_kit.conformance.calls.transcript import show_document, show_state
from dsync_kit.conformance.documents.keys import same
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.differences import Change, change_of
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import DataType

__all__ = ["Clock", "History", "State"]


class Clock:
    """Counts moments, for all threads."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def now(self) -> int:
        """A moment after all earlier ones."""
        return next(self._count)


@dataclass(slots=True)
class State:
    """A state that one document was given. `ended` is None until the call is answered.

    `sure` means that the call was acknowledged; a refused call may have been applied in part.
    """

    document: bytes | None
    began: int
    ended: int | None = None
    sure: bool = False


class History:
    """The states of the documents of one namespace, by their keys; each key is written by one writer at a time.

    `before` are documents that belong to somebody else.
    """

    def __init__(self, data_type: DataType, clock: Clock, before: Mapping[bytes, bytes]) -> None:
        self.before = before
        self.data_type = data_type
        self._clock = clock
        self._writes: dict[bytes, list[State]] = {}
        self._lock = threading.Lock()

    def begin(self, changes: Iterable[tuple[bytes, bytes | None]]) -> list[State]:
        """Note the start of a call that gives these documents these states; None is a delete."""
        now = self._clock.now()
        writes = []
        with self._lock:
            for key, document in changes:
                write = State(document, now)
                self._writes.setdefault(key, [State(self.before.get(key), 0, 0, sure=True)]).append(write)
                writes.append(write)
        return writes

    def end(self, writes: Iterable[State], *, sure: bool = True) -> None:
        """Note that the call was answered: with OK, or else with a refusal."""
        now = self._clock.now()
        for write in writes:
            write.ended, write.sure = now, sure

    def written(self) -> list[bytes]:
        """The keys of all documents that were ever written."""
        with self._lock:
            return list(self._writes)

    def _all(self) -> list[tuple[bytes, list[State]]]:
        with self._lock:
            return list(self._writes.items())

    def possible(self, key: bytes, since: int, until: int) -> list[bytes | None]:
        """The states that a read may see that began at `since`, and ended at `until`."""
        writes = self._writes.get(key, ())
        if writes and (last := writes[-1]).sure and last.ended is not None and last.ended <= since:
            return [last.document]
        writes, first = list(writes), 0
        for number, write in enumerate(writes):
            if write.sure and write.ended is not None and write.ended <= since:
                first = number
        return [write.document for write in writes[first:] if write.began <= until] or [self.before.get(key)]

    def model(self) -> Model:
        """What the namespace holds while nothing is in flight, according to the acknowledged calls."""
        now = self._clock.now()
        model = Model(self.data_type)
        for key, writes in self._all():
            last = writes[-1]
            state = last.document if last.sure else self.possible(key, now, now)[0]
            if state is not None:
                model.documents[key] = state
        return model

    @property
    def unsure(self) -> bool:
        """Whether a call was refused, and nobody knows what it applied."""
        return not all(writes[-1].sure for _, writes in self._all())

    def settle(self, listed: Mapping[bytes, bytes]) -> None:
        """Take the listing, while nothing is in flight, as what refused calls left behind.

        It has no documents that belong to somebody else and are unchanged: these are as if nobody had written to them.
        """
        now = self._clock.now()
        for key in self.written():
            states = self.possible(key, now, now)
            if len(states) < 2:
                continue
            if key not in listed and states[0] is not None and states[0] == self.before.get(key):
                with self._lock:
                    del self._writes[key]
            else:
                self.end(self.begin([(key, listed.get(key))]))

    def check_listing(
        self,
        listed: Mapping[bytes, bytes],
        since: int,
        until: int,
        what: str,
        *,
        among: Collection[bytes] | None = None,
    ) -> None:
        """Raise Violation if a listing lacks what it must have, or has what it cannot have.

        A document written meanwhile may be listed in any of its states, or not at all. `among` are the keys that
        must be listed; by default all. Documents of somebody else are not in `listed`, even if they were written to
        after `until`.
        """
        for key in self.written() if among is None else among:
            if not self._written_by(key, until):
                continue
            states = self.possible(key, since, until)
            if len(states) == 1 and states[0] is not None and key not in listed:
                raise Violation(
                    f"{what} lacks a document that was there before it began, and was not touched",
                    expected=show_document(states[0]),
                    seen=f"{len(listed)} other documents",
                    rests_on=Evidence.LISTING,
                )
        for key, document in listed.items():
            self.check(key, document, since, until, what)

    def _written_by(self, key: bytes, until: int) -> bool:
        """Whether a call that writes to the document had begun at that moment."""
        return any(write.began <= until for write in self._writes.get(key, ())[1:])

    def check(self, key: bytes, document: bytes | None, since: int, until: int, what: str) -> None:
        """Raise Violation if a read returned a document in an impossible state; None is a missing document."""
        states = self.possible(key, since, until)
        if any(self._same(document, state) for state in states):
            return
        given = [state for state in states if state is not None]
        known = document is not None and any(
            self._same(document, state) for state in self.possible(key, 0, self._clock.now())
        )
        change = (
            change_of(given[0], document, self.data_type) if len(states) == len(given) == 1 and not known else Change()
        )
        raise Violation(
            f"{what} returns a document in a state that it {'no longer has' if known else 'never had'}"
            if document is not None
            else f"{what} lacks a document that is there",
            expected=" or ".join(dict.fromkeys(show_state(state) for state in states)),
            seen=show_state(document),
            owner=change.owner,
            rests_on=Evidence.LISTING,
        )

    def _same(self, one: bytes | None, other: bytes | None) -> bool:
        if one is None or other is None:
            return one is other
        try:
            return same(one, other, self.data_type)
        except InvalidArgument as error:
            raise Violation(
                f"a document is malformed: {error.message}", seen=show_document(one), owner=Owner.LIST_TYPE
            ) from error
