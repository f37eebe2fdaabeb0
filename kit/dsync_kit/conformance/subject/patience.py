"""How long the kit waits for updates from a connector."""

__all__ = ["UpdatePatience"]

_MOST = 10.0
"""Seconds to wait for an update while it is unknown how long they take."""

_LEAST = 3.0
"""The least seconds, even if all updates came at once: a polled source takes a second or two."""

_SHORT = 1.5
"""The least seconds after an update has not come: its consequences should be found quickly."""

_ARRIVALS = 5
"""How many updates must have come until their time counts as known."""


class UpdatePatience:
    """How long to wait: less when it is known how long updates take, and less after one has not come.

    `lag` are seconds by which reads may lag behind writes. `silent`: a stream sent nothing although updates were
    written. `uncounted`: StreamLSN did not count what was written.
    """

    def __init__(self, lag: float = 0.0) -> None:
        self._lag = lag
        self._arrivals: list[float] = []
        self._waited_in_vain = False
        self.silent = False
        self.uncounted = False

    @property
    def seconds(self) -> float:
        """Seconds to wait for an update."""
        return self._lag + self._unlagged

    @property
    def _unlagged(self) -> float:
        slowest = max(self._arrivals, default=0.0)
        if self._waited_in_vain:
            return min(_MOST, max(_SHORT, 5 * slowest))
        if len(self._arrivals) < _ARRIVALS:
            return _MOST
        return min(_MOST, max(_LEAST, 20 * slowest))

    def arrived(self, seconds: float) -> None:
        """Note how long an awaited update took."""
        self._arrivals = sorted([*self._arrivals, seconds])[-_ARRIVALS:]

    def waited_in_vain(self) -> None:
        """Note that an awaited update did not come: the connector has failed."""
        self._waited_in_vain = True

    def sent_nothing(self) -> None:
        """Note that a stream sent nothing although updates were written: there will be no more waits for streams."""
        self.silent = True

    def miscounted(self) -> None:
        """Note that a count of updates did not reach the number of written ones."""
        self.uncounted = True
