"""Keeps what a connector logs during an example, for the example that fails."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["captured_log", "printed"]

_KEPT_LINES = 60
_capturing: "list[_Lines]" = []


class _Lines(logging.Handler):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.take(self.format(record))
        except Exception:
            self.handleError(record)

    def take(self, text: str) -> None:
        """Keep the lines of a text."""
        # Tracebacks underline parts of the line above, which means nothing beside long lines.
        self.lines.extend(line for line in self._redact(text).splitlines() if line.strip(" ^~"))


def printed(line: str) -> None:
    """Treat a printed line as a logged one."""
    for lines in _capturing:
        lines.take(line)


@contextmanager
def captured_log(redact: Callable[[str], str]) -> Iterator[deque[str]]:
    """The last lines that this process logs or prints while the context is open, without secrets."""
    handler = _Lines(redact)
    root = logging.getLogger()
    root.addHandler(handler)
    _capturing.append(handler)
    try:
        yield handler.lines
    finally:
        _capturing.remove(handler)
        root.removeHandler(handler)
