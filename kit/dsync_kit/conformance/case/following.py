"""A sink that follows a stream, and knows what it received, what it holds, and whether that is the expected state."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.stream_reader import StreamReader
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.copies import CopyDiffers, Held, differing, same_state
from dsync_kit.conformance.verdicts.inspection import inspect
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.errors import ConnectorError, InvalidArgument
from dsync_kit.incoming import bare_document
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_PARTIAL_UPDATE,
    DataType,
    StreamUpdatesResponse,
    Update,
)

__all__ = ["Follower", "Sent"]

_LONGEST = 6
"""A stream may send unhelpful messages for this many times the subject's patience."""

_SLOWEST_SECONDS = 90.0
"""An example does not wait longer for a stream that makes progress."""

_REOPENING_SECONDS = 3.0
_REOPENING_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Sent:
    """A received cursor, and the number of updates in the messages up to it; `idle` if its own message had none."""

    cursor: bytes
    updates: int
    idle: bool


class Follower:
    """Reads a stream, and applies its updates.

    `holding` is what the sink holds at first; `updates` are the received updates with their namespaces, `sent` the
    cursors. An update that dsync could not pass on is a Violation of the rule on such updates.
    """

    def __init__(
        self,
        case: Case,
        cursor: bytes,
        namespaces: Sequence[str],
        data_type: DataType,
        *,
        holding: Mapping[str, Held] | None = None,
        driver: Driver | None = None,
        ahead: int = 0,
    ) -> None:
        self.data_type = data_type
        self.updates: list[tuple[str, Update]] = []
        self.sent: list[Sent] = []
        self._before = dict(holding or {})
        self._held = {name: dict(documents) for name, documents in self._before.items()}
        self._case = case
        self._driver = driver or case.driver
        self._request = (cursor, list(namespaces), data_type, ahead)
        self._reopens_until: float | None = None
        self._first = case.subject.remembered.first_stream()
        self.reader = self._open()

    def message(self, seconds: float) -> StreamUpdatesResponse | None:
        """The next message, checked and applied; None after `seconds` without one, or at the end of the stream."""
        message = self.raw(seconds)
        if message is None:
            return None
        # Other namespaces are not the kit's: their documents may not be expressible in this type.
        inspect(message, self.data_type, documents=bool(self._request[1]) or message.namespace in self._before)
        for update in message.updates:
            self.updates.append((message.namespace, update))
            self._apply(self._held, message.namespace, update)
        if message.next_cursor:
            self.sent.append(Sent(message.next_cursor, len(self.updates), idle=not message.updates))
            self._case.subject.remembered.heartbeats |= not message.updates
        return message

    def raw(self, seconds: float) -> StreamUpdatesResponse | None:
        """The next message, unchecked; None after `seconds` without one, or at the end of the stream."""
        while (message := self.reader.next(max(seconds, 0.0))) is None and self._refused_for_another():
            self.reader = self._open()
        return message

    def coming(self) -> Iterator[StreamUpdatesResponse]:
        """The messages, unchecked, until no update has come within the subject's patience, or for too long."""
        began = last = time.monotonic()
        while (message := self.raw(self._end(began, last) - time.monotonic())) is not None:
            if message.updates:
                last = time.monotonic()
            yield message

    def comes(self) -> bool:
        """Whether another update comes within the subject's patience."""
        end, before = time.monotonic() + self._case.subject.patience.seconds, len(self.updates)
        while len(self.updates) == before and self.message(end - time.monotonic()) is not None:
            continue
        return len(self.updates) > before

    def until(
        self, reached: Callable[[], bool], missing: Callable[[], Violation], left: Callable[[], int] = lambda: 0
    ) -> None:
        """Read until `reached`. If the subject's patience runs out first, raise the result of `missing`.

        `left` says how much is still to come. Raises Inapplicable if there is progress, but it would take too long.
        """
        subject = self._case.subject
        began = last = advanced = time.monotonic()
        least = left()
        self._case.checks += 1
        while not reached():
            if left() < least:
                least, advanced = left(), time.monotonic()
            if advanced > began + _SLOWEST_SECONDS:
                raise self._case.decline(
                    f"its stream is slow: {len(self.updates):,} updates in {advanced - began:.0f} s"
                )
            end = self._end(advanced, last)
            message = self.message(end - time.monotonic())
            if message is None or time.monotonic() > end:
                self._fail(missing)
            if message.updates:
                last = time.monotonic()
        subject.patience.arrived(time.monotonic() - began)

    def _end(self, advanced: float, last: float) -> float:
        """When a stream has made no progress for too long: one that only sends heartbeats, or repeats itself."""
        patience = self._case.subject.patience.seconds
        return min(last + patience, advanced + _LONGEST * patience)

    def converge(
        self,
        wanted: Mapping[str, Held],
        *,
        what: str = "the stream",
        owner: str = "",
        owned: Callable[[], str] = str,
    ) -> None:
        """Read until the sink holds what is `wanted` of each namespace. Raises Violation if it never does.

        Its owner is `owner`, else the rule about what changed in a document, else the result of `owned`, which is
        called last.
        """
        wrong = {(name, key) for name, documents in wanted.items() for key in self._differing(name, documents)}
        position = len(self.updates)

        def reached() -> bool:
            nonlocal position
            for name, update in self.updates[position:]:
                if name in wanted:
                    key = key_of(update.id, self.data_type)
                    right = same_state(self._held[name].get(key), wanted[name].get(key), self.data_type)
                    (wrong.discard if right else wrong.add)((name, key))
            position = len(self.updates)
            return not wrong

        def missing() -> Violation:
            name, _ = min(wrong)
            listed = self._listed(name)
            calls = self._case.recorder.calls
            differs = CopyDiffers(self.data_type, wanted, self._held, wrong, len(self.updates), calls)
            return differs.violation(what, listed, owner=owner, owned=owned)

        self.until(reached, missing, lambda: len(wrong))

    def cursors(self) -> list[Sent]:
        """The received cursors in their order: of several messages with one cursor, it must be good for the first."""
        first: dict[bytes, Sent] = {}
        for sent in self.sent:
            first.setdefault(sent.cursor, sent)
        return list(first.values())

    def behind(self, wanted: Mapping[str, Held]) -> bool:
        """Whether the sink does not yet hold what is wanted of each namespace."""
        return any(self._differing(name, documents) for name, documents in wanted.items())

    def held_after(self, updates: int) -> dict[str, Held]:
        """What the sink held after so many updates."""
        state = {name: dict(documents) for name, documents in self._before.items()}
        for name, update in self.updates[:updates]:
            self._apply(state, name, update)
        return state

    def cancel(self) -> None:
        """Hang up."""
        self.reader.cancel()

    def _open(self) -> StreamReader[StreamUpdatesResponse]:
        cursor, namespaces, data_type, ahead = self._request
        reader = self._driver.stream_updates(cursor, namespaces, data_type, ahead=ahead)
        self._case.enter(reader)
        return reader

    def _refused_for_another(self) -> bool:
        """Whether the stream failed at once, maybe because a cancelled stream still occupies the only slot.

        dsync only ever opens one stream; the kit opens many in a row. Much may have been written before the refusal is
        seen, so the time counts from then on.
        """
        if self.reader.error is None or self.updates or self._first:
            return False
        if self._reopens_until is None:
            self._reopens_until = time.monotonic() + _REOPENING_SECONDS
        time.sleep(_REOPENING_PAUSE)
        return time.monotonic() < self._reopens_until

    def _apply(self, state: dict[str, Held], namespace: str, update: Update) -> None:
        documents = state.setdefault(namespace, {})
        key = key_of(update.id, self.data_type)
        if update.type == UPDATE_TYPE_DELETE:
            documents.pop(key, None)
        elif update.type == UPDATE_TYPE_PARTIAL_UPDATE:
            documents[key] = self._merged(documents.get(key), update)
        else:
            documents[key] = self._case.as_written(update.data, self.data_type, namespace)

    def _merged(self, current: bytes | None, update: Update) -> bytes:
        try:
            document = current if current is not None else bare_document(update.id[0], self.data_type)
            return apply_partial_update(document, update.data, update.partial_update_unset, self.data_type)
        except InvalidArgument as error:
            raise self._case.decline(
                f"it streams partial updates that the kit cannot apply: {error.message}"
            ) from error

    def _differing(self, name: str, documents: Held) -> set[bytes]:
        return differing(self._held.get(name, {}), documents, self.data_type)

    def _listed(self, namespace: str) -> Held | None:
        """What the source now lists of a namespace; None if it can't be listed."""
        if not self._case.declared.can_read:
            return None
        try:
            return by_id(self._case.read(namespace, self.data_type), self.data_type)
        except ConnectorError:
            return None

    def _fail(self, missing: Callable[[], Violation]) -> NoReturn:
        if not self.reader.ended:
            self._case.subject.patience.waited_in_vain()
        found = missing()
        if self.reader.error is not None:
            raise Violation(
                "StreamUpdates failed, and dsync does not reopen it",
                expected=found.expected,
                seen=str(self.reader.error),
                owner=Owner.STREAM_OPENS,
            )
        if self.reader.ended:
            raise Violation(
                "the stream ended by itself although the source is live",
                expected=found.expected,
                seen=f"its end after {len(self.updates)} updates; {found.seen}",
                owner=Owner.STREAM_STAYS_OPEN,
            )
        raise found
