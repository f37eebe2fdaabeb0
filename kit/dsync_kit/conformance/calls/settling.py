"""Reads may lag behind acknowledged writes: the kit waits for the expected state, which must then stay."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from dsync_kit.conformance.results.outcome import Violation

__all__ = ["Counting", "Settling"]

T = TypeVar("T")

_LONGEST_LAG = 3.0
"""Seconds within which writes must become visible, if nobody has said how long that may take."""

_SAMPLES = 6
"""How many documents are watched if one comes late."""

_SAMPLES_AT_ONCE = 2
"""How many are watched if all come at once: the second listing of a namespace may come from a cache."""

_MARGIN = 1.75
"""How many times the longest observed lag is allowed, because it varies."""

_SHORTEST = 0.25
_HELD = 0.3
"""The least seconds for which an observed state must stay."""

_LOOKS = 3
"""How often it is checked during that time."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


class Settling:
    """How long writes may take to become visible: `seconds`, 0 if they are visible at once.

    This is given, or found out with the first documents; then it grows if something takes longer later.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds or 0.0
        self._given = seconds is not None
        self._samples = 0 if self._given else _SAMPLES
        self._written = 0.0
        self._polling = False

    def wrote(self) -> None:
        """Note that something has just been written."""
        self._written = time.monotonic()

    def wait(self) -> None:
        """Wait until all writes must be visible. Call it before reading something only once."""
        if self.seconds and not self._polling:
            time.sleep(max(0.0, self._written + self.seconds - time.monotonic()))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A context in which reads do not wait: what they cannot see yet must come in another way."""
        polling, self._polling = self._polling, True
        try:
            yield
        finally:
            self._polling = polling

    @property
    def watches(self) -> bool:
        """Whether more documents should be watched, to see whether there is a lag, and how long it may be."""
        return self._samples > 0

    def find_out(self, seen: Callable[[], bool]) -> bool:
        """Whether the last write is visible. While the lag is unknown, wait for it to find out."""
        if not self._samples:
            return seen()
        self._samples -= 1
        self._polling = True
        try:
            began = time.monotonic()
            for pause in itertools.chain([0.0], _pauses()):
                time.sleep(pause)
                lag = time.monotonic() - began
                if seen():
                    self._note(lag if pause else 0.0)
                    return True
                if lag > _LONGEST_LAG:
                    break  # dropped, or listed wrongly: the rules will report which
        finally:
            self._polling = False
        self._samples = 0
        return False

    def appears(self, look: Callable[[], T | None]) -> T | None:
        """What `look` finds of the last write, as soon as it is visible; None if it does not come within the lag."""
        self.find_out(lambda: look() is not None)
        with self.at_once():
            pauses = _pauses()
            while (found := look()) is None and time.monotonic() <= self._written + self.seconds:
                time.sleep(next(pauses))
            return found

    def _note(self, lag: float) -> None:
        """Note after how many seconds something became visible; 0 if at once."""
        if lag:
            if not self.seconds:
                self._samples = _SAMPLES - 1
            self.seconds = max(self.seconds, _SHORTEST, _MARGIN * lag)
        elif not self.seconds:
            self._samples -= _SAMPLES - _SAMPLES_AT_ONCE

    def settled(self, look: Callable[[], T]) -> T:
        """The result of `look`, which raises Violation unless it sees what is expected.

        If reads lag, it is called until it succeeds, and then again for a while. Raises Violation if it never
        succeeds, or does not keep succeeding.
        """
        if not self.seconds:
            return look()
        self._polling = True
        try:
            self._wait_for(look)
            settled_at = self._written + self.seconds
            early = time.monotonic() < settled_at
            try:
                return self._stays(look)
            except Violation:
                if not early:
                    raise
            # It may have seen the state before the last writes: an earlier example may have written the same.
            time.sleep(max(0.0, settled_at - time.monotonic()))
            self._wait_for(look)
            return self._stays(look)
        finally:
            self._polling = False

    def _wait_for(self, look: Callable[[], T]) -> None:
        """Wait until `look` succeeds: longer than the known lag, unless the user has set the lag."""
        began = time.monotonic()
        _await(look, self.seconds if self._given else max(self.seconds, _LONGEST_LAG))
        lag = time.monotonic() - max(began, self._written)
        if not self._given and lag > self.seconds:
            self._note(lag)

    def _stays(self, look: Callable[[], T]) -> T:
        for _ in range(_LOOKS):
            time.sleep(max(_HELD, self.seconds / 4) / _LOOKS)
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


class Counting:
    """How long counts lag behind the data: many stores take them from statistics.

    This is found out with the first count that is wrong at first. After a count that stays wrong, there are no more
    waits.
    """

    def __init__(self) -> None:
        self._in_vain = False

    def settled(self, look: Callable[[], None]) -> None:
        """Call `look`, which raises Violation if the count is wrong, until the count is right.

        Raises Violation if it never is.
        """
        try:
            _await(look, 0.0 if self._in_vain else _LONGEST_LAG)
        except Violation:
            self._in_vain = True
            raise


def _await(look: Callable[[], object], seconds: float) -> None:
    """Call `look` again and again until it raises no Violation; raises its last one after `seconds`."""
    end = time.monotonic() + seconds
    for pause in _pauses():
        try:
            look()
            return
        except Violation:
            if time.monotonic() > end:
                raise
        time.sleep(pause)


def _pauses() -> Iterator[float]:
    doubled = itertools.takewhile(
        lambda pause: pause < _LONGEST_PAUSE, (_FIRST_PAUSE * 2**power for power in itertools.count())
    )
    return itertools.chain(doubled, itertools.repeat(_LONGEST_PAUSE))
