"""How long what a connector sends is waited for."""

__all__ = ["Patience"]

_MOST = 10.0
"""Seconds to wait for an update, until it is known how long they take."""

_LEAST = 3.0
"""The least, even if all came at once: a source that is polled takes a second or two."""

_SHORT = 1.5
"""The least after something has not come: what follows from it is to be found out soon."""

_ARRIVALS = 5
"""How many updates must have been waited for until that is known."""


class Patience:
    """What comes is quick, once it is known how long that takes. What did not come once is not waited for as long.

    `lag` are seconds by which reads may lag behind writes. `silent` says whether a stream sent nothing where updates
    were written, `uncounted` whether StreamLSN did not count what was written.
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
        """Note how long what was awaited took to come."""
        self._arrivals = sorted([*self._arrivals, seconds])[-_ARRIVALS:]

    def waited_in_vain(self) -> None:
        """Note that what was awaited did not come: the connector has failed."""
        self._waited_in_vain = True

    def sent_nothing(self) -> None:
        """Note that a stream sent nothing where updates were written: no other stream is waited for."""
        self.silent = True

    def miscounted(self) -> None:
        """Note that a count of updates did not come to what was written."""
        self.uncounted = True
