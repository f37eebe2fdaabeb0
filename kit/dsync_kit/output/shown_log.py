"""Shows on stderr what connectors log while a command runs them, without secrets."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsync_kit.output.json_line import json_line

__all__ = ["shown_log"]


class _Handler(logging.Handler):
    def __init__(self, write: Callable[[str], object], redact: Callable[[str], str], *, as_json: bool) -> None:
        super().__init__()
        self._write = write
        self._redact = redact
        self._json = as_json
        self.setFormatter(logging.Formatter("%(message)s" if as_json else "%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # As a whole: a traceback quotes the exception's text, secrets included.
            text = self._redact(self.format(record))
            if self._json:
                values = {"level": record.levelname.lower(), "logger": record.name, "message": text}
                text = json_line("log", values)
            self._write(text)
        except Exception:
            self.handleError(record)


@contextmanager
def shown_log(
    write: Callable[[str], object], redact: Callable[[str], str], *, level: int = logging.WARNING, as_json: bool = False
) -> Iterator[None]:
    """While the context is open, write each record of at least this level, as text or as a line of JSON."""
    handler = _Handler(write, redact, as_json=as_json)
    handler.setLevel(level)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(min(level, before))
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
