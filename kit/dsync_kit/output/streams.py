"""The standard streams of a command: printing never fails, and lost output is noticed."""

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

from dsync_kit.output.workflow_commands import AzureCommands, on_azure

__all__ = ["fail_on_loss", "is_unread", "lost", "open_streams", "write_document"]

_SUBSTITUTES = str.maketrans(
    {"─": "-", "━": "-", "✓": "+", "✗": "x", "·": "-", "○": "o", "→": "->", "…": "...", "“": '"', "”": '"'}
)
"""Substitutes for characters that the kit prints, for encodings without them."""

_ERRORS = "dsync_kit.readable"


class _Stream(io.TextIOWrapper):
    """A standard stream whose writes never fail: if output gets lost, the reason is kept.

    Only this outermost layer is Python code, where a signal's handler can raise at any point. If that happened between
    the buffer and the file, the buffer would not learn that its text was written, and would write it again.
    """

    def __init__(self, file: io.FileIO, *, was_closed: bool = False, **options: Any) -> None:
        super().__init__(io.BufferedWriter(file), **options)
        self._was_closed = was_closed
        self.loss: OSError | None = None
        self.raises = False
        self._azure = AzureCommands() if on_azure() else None  # on stdout and stderr, a connector may print commands

    def write(self, text: str) -> int:
        """Write, or keep the reason for the failure. Raises OSError only after `fail_on_loss()`."""
        self._check()
        try:
            super().write(text if self._azure is None else self._azure.broken_up(text))
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flush, like `write`."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes at once, whatever the encoding, like `write`."""
        self._check()
        self.flush()
        try:
            self.buffer.write(data)
            self.buffer.flush()
        except OSError as error:
            self._lose(error)

    def _check(self) -> None:
        if self._was_closed:
            self.loss = self.loss or OSError(errno.EBADF, "it is closed")
        if self.raises and self.loss is not None:
            raise self.loss

    def _lose(self, error: OSError) -> None:
        self.loss = self.loss or error
        # Empty the buffer: it keeps what it could not write, and would fail again each time.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        super().flush()
        if self.raises:
            raise error


_streams: dict[str, _Stream] = {}
"""The streams by their names in `sys`; empty until `open_streams()`."""


def open_streams() -> None:
    """Replace sys.stdin, sys.stdout and sys.stderr by streams that cannot fail, however the process was started.

    A closed stream becomes the null device; otherwise the next opened file would get its descriptor, and be printed to.
    Characters that the encoding lacks are substituted. A stream that was already replaced stays.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free descriptor, so this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error(_ERRORS, _readable)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - as long as the process
    for name in ("stdout", "stderr"):
        stream: io.TextIOWrapper | None = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and name not in _streams:
            setattr(sys, name, _opened(name, stream))


def lost() -> OSError | None:
    """Why output to stdout was lost; None if all of it arrived.

    A reader that ends early, as `head` does, is no loss.
    """
    for name, stream in _streams.items():
        stream.raises = False
        getattr(sys, name).flush()
    loss = _streams["stdout"].loss if "stdout" in _streams else None
    return None if _is_broken_pipe(loss) else loss


def is_unread(name: str) -> bool:
    """Whether the reader of the stream `name` (stdout or stderr) has gone."""
    return name in _streams and _is_broken_pipe(_streams[name].loss)


def fail_on_loss() -> None:
    """From now on, a failing write to stdout raises OSError: for output that is data."""
    if "stdout" in _streams:
        _streams["stdout"].raises = True


def write_document(text: str) -> None:
    """Write a document to stdout, always in UTF-8; `lost()` says whether it has arrived."""
    data = text.encode("utf-8", "backslashreplace")
    if isinstance(sys.stdout, _Stream):
        sys.stdout.write_bytes(data)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _opened(name: str, stream: io.TextIOWrapper | None) -> _Stream:
    """The replacement of Python's stream, which is None if it was closed."""
    if stream is None:
        opened = _Stream(io.FileIO(os.devnull, "w"), encoding="utf-8", errors=_ERRORS, was_closed=True)
    else:
        stream.flush()
        opened = _Stream(
            io.FileIO(stream.fileno(), "w", closefd=False),
            encoding=stream.encoding,
            errors=_ERRORS,
            # Python sets `write_through` for PYTHONUNBUFFERED; a line at a time is soon enough.
            line_buffering=bool(stream.line_buffering or stream.write_through),
        )
    _streams[name] = opened
    return opened


def _readable(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: substitutes the kit's own symbols, and escapes all other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SUBSTITUTES)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _is_broken_pipe(error: OSError | None) -> bool:
    return isinstance(error, BrokenPipeError)
