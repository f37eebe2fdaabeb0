"""How long reads lag behind writes."""

__all__ = ["Lag"]

_SAMPLES = 6
"""How many documents are watched if one comes late."""

_SAMPLES_AT_ONCE = 2
"""How many are watched if all come at once: the second listing of a namespace may come from a cache."""

_MARGIN = 1.75
"""How many times the longest observed lag is allowed, because it varies."""

_SHORTEST = 0.25


class Lag:
    """How long writes may take to become visible: `seconds`, 0 if they are visible at once.

    This is `given`, or found out with the first documents; then it grows if something takes longer later. `longest` is
    the longest that was observed, in seconds.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds or 0.0
        self.given = seconds is not None
        self.longest = 0.0
        self._samples = 0 if self.given else _SAMPLES

    @property
    def watches(self) -> bool:
        """Whether more documents should be watched, to see whether there is a lag, and how long it may be."""
        return self._samples > 0

    def watched(self, seconds: float | None) -> None:
        """Note after how many seconds a document became visible, 0 if at once; None if it never did."""
        if seconds is None:
            self._samples = 0
            return
        first = not self.seconds
        self._samples -= 1
        if seconds:
            self._grow(seconds)
            self._samples = _SAMPLES - 1 if first else self._samples
        elif first:
            self._samples -= _SAMPLES - _SAMPLES_AT_ONCE

    def lasted(self, seconds: float) -> None:
        """Note after how many seconds something became visible."""
        self.longest = max(self.longest, seconds)
        if seconds > self.seconds and not self.given:
            self._grow(seconds)

    def _grow(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        self.seconds = max(self.seconds, _SHORTEST, _MARGIN * seconds)
