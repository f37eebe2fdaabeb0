"""Files that are written as a whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["is_replaceable", "write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: afterwards it has the data or is unchanged. Raises OSError."""
    if not is_replaceable(path):
        path.write_bytes(data)
        return
    # A link stays a link: the file that it points to is replaced.
    path = path.resolve()
    file, name = tempfile.mkstemp(dir=path.parent, prefix=".dsync-kit-")
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):  # the original error is about to be raised
            Path(name).unlink()
        raise


def is_replaceable(path: Path) -> bool:
    """Whether the path is a file or missing. Devices and pipes (`/dev/stdout`, `>(command)`) are written directly."""
    return path.is_file() or not path.exists()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
