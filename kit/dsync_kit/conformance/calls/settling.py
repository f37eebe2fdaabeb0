"""Reads may lag behind acknowledged writes: the kit waits for the expected state, which must then stay."""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from google.protobuf.message import Message

from dsync_kit.conformance.calls.lag import Lag
from dsync_kit.conformance.calls.polling import LONGEST_LAG, awaited, pauses, rest
from dsync_kit.conformance.calls.unseen import Unseen
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.protocol import DataType

__all__ = ["Settling"]

T = TypeVar("T")

_HELD = 0.3
"""The least seconds for which an observed state must stay."""

_LOOKS = 3
"""How often it is checked during that time, if that is possible."""

_LONGEST_PAUSE = 0.25
"""The most seconds between two of these checks."""


class Settling:
    """Waits until reads show what was written, if they lag: by at most `seconds`, 0 if they do not.

    `seconds` are given, or found out. `unseen` are the writes that reads may not show yet.
    """

    def __init__(self, seconds: float | None = None, unseen: Unseen | None = None) -> None:
        self._lag = Lag(seconds)
        self.unseen = unseen or Unseen()
        self._written = -math.inf
        self._polling = False
        self._back_in_time = False
        self._waiting = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long writes may take to become visible."""
        return self._lag.seconds

    @property
    def watches(self) -> bool:
        """Whether more documents should be watched, to see whether there is a lag, and how long it may be."""
        return self._lag.watches

    def writes(self) -> None:
        """Note that something will be written."""
        if self.seconds or self.watches:
            self.unseen.begins()

    def wrote(self, request: Message, *, done: bool) -> None:
        """Note that a write has ended. If it is not `done`, it may have changed something, or will."""
        self._written = time.monotonic()
        if self.seconds or self.watches:
            self.unseen.ended(request, done=done)

    def noted(self, namespace: str, data_type: DataType, documents: Mapping[bytes, bytes]) -> None:
        """Note what a listing shows of an offered namespace, by key."""
        if self.seconds or self.watches:
            self.unseen.noted(namespace, data_type, documents)

    def removed(self, namespace: str, data_type: DataType) -> Collection[bytes] | None:
        """The ids, by key, that were removed and may still be listed; None if other writes may be unseen as well."""
        return self.unseen.removed(namespace, data_type, self.seconds) if self.seconds else ()

    def moved(self) -> None:
        """Note that another instance has replaced the first one: it may not show yet what that one has shown."""
        if self.seconds:
            self.unseen.unclear(self._written)

    def wait(self, *, elsewhere: bool = False) -> None:
        """Wait until all writes must be visible, or are. Call it before reading something only once.

        What is visible in the first instance need not be visible `elsewhere`.
        """
        if not self.seconds or self._polling:
            return
        with self._waiting:
            for pause in pauses(self.seconds):
                began = time.monotonic()
                if not elsewhere and self._all_seen():
                    return
                looked = time.monotonic()
                left = self._written + self.seconds - looked
                if left <= 0.0:
                    return
                time.sleep(min(left, rest(pause, looked - began)))

    def _all_seen(self) -> bool:
        """Whether all writes are visible, and will stay so."""
        return not self._back_in_time and self.unseen.all_seen(self.seconds)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A context in which reads do not wait: what they cannot see yet must come in another way."""
        polling, self._polling = self._polling, True
        try:
            yield
        finally:
            self._polling = polling

    def appears(self, look: Callable[[], T | None]) -> T | None:
        """What `look` finds of the last write, as soon as it is visible; None if it does not come within the lag.

        While the lag is unknown, it is found out in this way.
        """
        watches, began = self.watches, time.monotonic()
        latest = began + LONGEST_LAG if watches else self._written + self.seconds
        lag = 0.0
        with self.at_once():
            for pause in pauses(self.seconds):
                if (found := look()) is not None or began + lag >= latest:
                    break
                time.sleep(rest(pause, time.monotonic() - began - lag))
                lag = time.monotonic() - began
            if watches:
                # What never comes was dropped, or is listed wrongly: the rules will report which.
                self._lag.watched(lag if found is not None else None)
                self._back_in_time |= found is not None and self.seconds > 0 and look() is None
            if self.seconds and found is not None:
                self._all_seen()
        return found

    def settled(self, look: Callable[[], T]) -> T:
        """The result of `look`, which raises Violation unless it sees what is expected.

        If reads lag, it is called until it succeeds, and then again for a while. Raises Violation if it never
        succeeds, or does not keep succeeding.
        """
        if not self.seconds:
            return look()
        with self.at_once():
            came_late = self._comes_late(look)
            settled_at = self._written + self.seconds
            early = time.monotonic() < settled_at
            held = _HELD
            if early and not came_late and not self._all_seen():
                # It may be the state before the last writes: they may have been refused, or change nothing.
                held = max(held, self._written + (self._lag.longest or self.seconds) - time.monotonic())
            try:
                found = self._stays(look, held)
                self._all_seen()  # a listing can only show later that something is gone if it has shown it before
                return found
            except Violation:
                if not early:
                    raise
            self._back_in_time |= came_late
            time.sleep(max(0.0, settled_at - time.monotonic()))
            self._comes_late(look)
            return self._stays(look, _HELD)

    def _comes_late(self, look: Callable[[], T]) -> bool:
        """Wait until `look` succeeds: longer than the known lag, unless the user has set the lag.

        Returns whether it did not succeed at once.
        """
        began = time.monotonic()
        failed = awaited(look, self.seconds if self._lag.given else max(self.seconds, LONGEST_LAG))
        if failed is not None:
            self._lag.lasted(failed - max(began, self._written))
        return failed is not None

    def _stays(self, look: Callable[[], T], seconds: float) -> T:
        looks, end = max(_LOOKS, math.ceil(seconds / _LONGEST_PAUSE)), time.monotonic() + seconds
        for number in range(looks):
            if number and time.monotonic() >= end:
                break  # each look takes long
            time.sleep(seconds / looks)
            try:
                found = look()
            except Violation as gone:
                raise Violation(
                    f"what was already seen did not last: {gone.message}",
                    expected=gone.expected,
                    seen=gone.seen,
                    owner=gone.owner,
                    rests_on=gone.rests_on,
                    hint="a read goes back in time: it comes from another replica, or a late write undoes a newer one",
                ) from gone
        return found
