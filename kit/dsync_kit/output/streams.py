"""The standard streams of a command: printing to them never fails, and what got lost is known."""

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["fail_on_loss", "is_unread", "lost", "open_streams", "write_document"]

_SUBSTITUTES = str.maketrans(
    {"─": "-", "━": "-", "✓": "+", "✗": "x", "·": "-", "○": "o", "→": "->", "…": "...", "“": '"', "”": '"'}
)
"""What the kit itself prints, for an encoding that lacks it."""

_ERRORS = "dsync_kit.readable"


class _Stream(io.TextIOWrapper):
    """A standard stream that never fails to write: what it loses is gone, and the reason is kept.

    Only this outermost layer is Python code, where the handler of a signal can raise at any point. Between the buffer
    and the file it would hide from the buffer that its text has been written, which would then be written again.
    """

    def __init__(self, file: io.FileIO, *, was_closed: bool = False, **options: Any) -> None:
        super().__init__(io.BufferedWriter(file), **options)
        self._was_closed = was_closed
        self.loss: OSError | None = None
        self.raises = False

    def write(self, text: str) -> int:
        """Write, or keep the reason why not. Raises OSError only after `fail_on_loss()`."""
        self._check()
        try:
            super().write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def write_bytes(self, data: bytes) -> None:
        """Likewise, at once and whatever the encoding."""
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
        # The buffer keeps what it could not write, and would fail again each time: it is emptied there.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        super().flush()
        if self.raises:
            raise error


_streams: dict[str, _Stream] = {}
"""By the name in `sys`; empty until `open_streams()`."""


def open_streams() -> None:
    """Replace sys.stdin, sys.stdout and sys.stderr by streams that cannot fail, whatever the caller has made of them.

    A closed one leads to the null device: otherwise the next file that is opened would take its place, and be printed
    to. Characters that the encoding lacks are replaced. A stream that somebody has replaced already stays.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, so this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error(_ERRORS, _readable)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - as long as the process
    for name in ("stdout", "stderr"):
        stream: io.TextIOWrapper | None = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and name not in _streams:
            setattr(sys, name, _opened(name, stream))


def lost() -> OSError | None:
    """Why something that was printed to standard output has not arrived; None if all has, or its reader has left.

    Nothing is amiss where the reader ends early, as `head` does.
    """
    for name, stream in _streams.items():
        stream.raises = False
        getattr(sys, name).flush()
    loss = _streams["stdout"].loss if "stdout" in _streams else None
    return None if _is_broken_pipe(loss) else loss


def is_unread(name: str) -> bool:
    """Whether whoever read the stream `name`, stdout or stderr, has left."""
    return name in _streams and _is_broken_pipe(_streams[name].loss)


def fail_on_loss() -> None:
    """From here on printing to standard output raises OSError where it fails: for output that is data."""
    if "stdout" in _streams:
        _streams["stdout"].raises = True


def write_document(text: str) -> None:
    """Write a document to standard output, in UTF-8 whatever its encoding; `lost()` says whether it has arrived."""
    data = text.encode("utf-8", "backslashreplace")
    if isinstance(sys.stdout, _Stream):
        sys.stdout.write_bytes(data)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _opened(name: str, stream: io.TextIOWrapper | None) -> _Stream:
    """The stream that takes the place of Python's own, which is None where it was closed."""
    if stream is None:
        opened = _Stream(io.FileIO(os.devnull, "w"), encoding="utf-8", errors=_ERRORS, was_closed=True)
    else:
        stream.flush()
        opened = _Stream(
            io.FileIO(stream.fileno(), "w", closefd=False),
            encoding=stream.encoding,
            errors=_ERRORS,
            # `write_through` is Python's own for PYTHONUNBUFFERED: a line at a time is soon enough.
            line_buffering=bool(stream.line_buffering or stream.write_through),
        )
    _streams[name] = opened
    return opened


def _readable(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: the kit's own signs have substitutes, all others are shown as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SUBSTITUTES)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _is_broken_pipe(error: OSError | None) -> bool:
    return isinstance(error, BrokenPipeError)
