"""What a connector logs while an example runs, kept for the example that fails."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["captured_log"]

_KEPT_LINES = 60


class _Lines(logging.Handler):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines = self._redact(self.format(record)).splitlines()
            # Tracebacks underline what is in the line above; beside long lines that says nothing.
            self.lines.extend(line for line in lines if line.strip(" ^~"))
        except Exception:
            self.handleError(record)


@contextmanager
def captured_log(redact: Callable[[str], str]) -> Iterator[deque[str]]:
    """The last lines that this process logs while the context is open, without secrets."""
    handler = _Lines(redact)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
