"""The standard streams of a command: printing to them never fails, and what got lost is known."""

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import TextIO

__all__ = ["fail_on_loss", "is_unread", "lost", "open_streams", "write_document"]

_SUBSTITUTES = str.maketrans(
    {"─": "-", "━": "-", "✓": "+", "✗": "x", "·": "-", "○": "o", "→": "->", "…": "...", "“": '"', "”": '"'}
)
"""What the kit itself prints, for an encoding that lacks it."""

_ERRORS = "dsync_kit.readable"


class _Descriptor(io.FileIO):
    """The file of a standard stream, the null device for one that is closed.

    A write that fails counts as done, and its error is kept.
    """

    def __init__(self, file: int | str) -> None:
        super().__init__(file, "w", closefd=not isinstance(file, int))
        self.loss: OSError | None = None
        self.raises = False

    def write(self, data: "bytes | bytearray | memoryview") -> int | None:  # type: ignore[override]
        """Write, or note why not. Raises OSError only after `fail_on_loss()`."""
        if self.name == os.devnull:
            self.loss = OSError(errno.EBADF, "it is closed")
        try:
            return super().write(data)
        except OSError as error:
            self.loss = self.loss or error
            if self.raises:
                raise
            return memoryview(data).nbytes


_descriptors: dict[str, _Descriptor] = {}
"""By the stream's name in `sys`; empty until `open_streams()`."""


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
        if stream is getattr(sys, f"__{name}__") and name not in _descriptors:
            setattr(sys, name, _opened(name, stream))


def lost() -> OSError | None:
    """Why something that was printed to standard output has not arrived; None if all has, or its reader has left.

    Nothing is amiss where the reader ends early, as `head` does.
    """
    for name, descriptor in _descriptors.items():
        descriptor.raises = False
        getattr(sys, name).flush()
    loss = _descriptors["stdout"].loss if "stdout" in _descriptors else None
    return None if _is_broken_pipe(loss) else loss


def is_unread(name: str) -> bool:
    """Whether whoever read the stream `name`, stdout or stderr, has left."""
    return name in _descriptors and _is_broken_pipe(_descriptors[name].loss)


def fail_on_loss() -> None:
    """From here on printing to standard output raises OSError where it fails: for output that is data."""
    if "stdout" in _descriptors:
        _descriptors["stdout"].raises = True


def write_document(text: str) -> None:
    """Write a document to standard output, in UTF-8 whatever its encoding; `lost()` says whether it has arrived."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _opened(name: str, stream: io.TextIOWrapper | None) -> TextIO:
    """The stream that takes the place of Python's own, which is None where it was closed."""
    if stream is None:
        descriptor = _Descriptor(os.devnull)
        encoding, lines = "utf-8", False
    else:
        stream.flush()
        descriptor = _Descriptor(stream.fileno())
        # `write_through` is Python's own for PYTHONUNBUFFERED: a line at a time is soon enough.
        encoding, lines = stream.encoding, bool(stream.line_buffering or stream.write_through)
    _descriptors[name] = descriptor
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),  # type: ignore[type-var]
        encoding=encoding,
        errors=_ERRORS,
        line_buffering=lines,
    )


def _readable(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: the kit's own signs have substitutes, all others are shown as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SUBSTITUTES)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _is_broken_pipe(error: OSError | None) -> bool:
    return isinstance(error, BrokenPipeError)
