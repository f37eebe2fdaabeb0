"""Reads may lag behind acknowledged writes: what is expected is waited for, and must then hold for good."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from dsync_kit.conformance.results.outcome import Violation

__all__ = ["Counting", "Settling"]

T = TypeVar("T")

_LONGEST_LAG = 3.0
"""Seconds in which what was written must be seen, where nobody has said how long that may take."""

_MARGIN = 5
"""How many times the lag that was seen once is allowed for: another time it is longer."""

_SHORTEST = 0.25
_HELD = 0.3
"""Seconds for which what was seen must stay, at least."""

_LOOKS = 3
"""How often it is looked at in that time."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


class Settling:
    """How long what was written may take to be seen: `seconds`, 0 where it is seen at once.

    That is given, or found out at the first document that is looked for.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds or 0.0
        self._known = seconds is not None
        self._written = 0.0
        self._polling = False

    def wrote(self) -> None:
        """Note that something was written just now."""
        self._written = time.monotonic()

    def wait(self) -> None:
        """Wait until all that was written must be seen, before what is read once only."""
        if self.seconds and not self._polling:
            time.sleep(max(0.0, self._written + self.seconds - time.monotonic()))

    def find_out(self, seen: Callable[[], bool]) -> bool:
        """Whether what was just written is seen; the first time it is waited for, so that its lag becomes known."""
        if self._known:
            return seen()
        self._known = True
        if seen():
            return True
        began = time.monotonic()
        for pause in _pauses():
            time.sleep(pause)
            lag = time.monotonic() - began
            if seen():
                self.seconds = max(_SHORTEST, _MARGIN * lag)
                return True
            if lag > _LONGEST_LAG:
                break  # dropped, or listed wrongly: the rules say which
        return False

    def settled(self, look: Callable[[], T]) -> T:
        """What `look` gives, which raises Violation as long as what it sees is not as it should be.

        Where reads lag, it is called until then, and again for a while. Raises Violation where it never is as it
        should be, and where it does not stay so.
        """
        if not self.seconds:
            return look()
        self._polling = True
        try:
            _await(look, self.seconds)
            settled_at = self._written + self.seconds
            early = time.monotonic() < settled_at
            try:
                return self._stays(look)
            except Violation:
                if not early:
                    raise
            # What was seen may be from before the last writes: an example before this one wrote the same.
            time.sleep(max(0.0, settled_at - time.monotonic()))
            _await(look, self.seconds)
            return self._stays(look)
        finally:
            self._polling = False

    def _stays(self, look: Callable[[], T]) -> T:
        for _ in range(_LOOKS):
            time.sleep(max(_HELD, self.seconds / 4) / _LOOKS)
            try:
                found = look()
            except Violation as gone:
                raise Violation(
                    f"what was seen already does not stay: {gone.message}",
                    expected=gone.expected,
                    seen=gone.seen,
                    owner=gone.owner,
                    rests_on=gone.rests_on,
                    hint="a read goes back in time: it comes from another replica, or a late write undoes a newer one",
                ) from gone
        return found


class Counting:
    """How long counts lag behind what they count: many stores take them from statistics.

    That is found out at the first count that is not right at once. What did not become right once is not waited for
    again.
    """

    def __init__(self) -> None:
        self._in_vain = False

    def settled(self, look: Callable[[], None]) -> None:
        """Call `look`, which raises Violation as long as the count that it asks for is not right, until it is.

        Raises Violation where it never is.
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
