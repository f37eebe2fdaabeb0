"""An append-only file of records in a folder, shared by every process that opens the folder."""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from dsync_kit.errors import ConnectorError, FailedPrecondition, ResourceExhausted, Unavailable, UsageError

_MAGIC = b"dsync-reference-1\n"
_ID_SIZE = 32
_HEADER_SIZE = len(_MAGIC) + _ID_SIZE
_FRAME = struct.Struct("<II")  # the record's size and checksum


def journal_error(error: OSError) -> ConnectorError:
    """A fault of the disk as dsync must see it: temporary."""
    kind = ResourceExhausted if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"the folder cannot be used: {error.strerror}")


class Journal:
    """The records of one folder. Not thread-safe: its owner calls it under its own lock."""

    def __init__(self, folder: Path) -> None:
        """Open the folder's file, or create both. Raises UsageError if that fails."""
        path = folder / "journal"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"{path} cannot be opened: {error.strerror}; give a folder that can be written") from error
        self._open = True
        self._end = _HEADER_SIZE
        with self.lock():
            if os.fstat(self._file).st_size < _HEADER_SIZE:
                self._create(folder)
            header = os.pread(self._file, _HEADER_SIZE, 0)
        if not header.startswith(_MAGIC):
            raise UsageError(f"{path} is not a file of the reference connector: give an empty folder")
        self.id = header[len(_MAGIC) :].decode()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process, and every other journal of the folder, from appending."""
        self.check_open()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def check_open(self) -> None:
        """Raises FailedPrecondition once the journal is closed."""
        if not self._open:
            raise FailedPrecondition("the connector has been torn down: make a new one")

    def read_new(self) -> Iterator[bytes]:
        """The new records since the last call, whoever appended them; half a record is left for later."""
        self.check_open()
        size = os.fstat(self._file).st_size
        if size <= self._end:
            return
        data = os.pread(self._file, size - self._end, self._end)
        start = 0
        while start + _FRAME.size <= len(data):
            length, checksum = _FRAME.unpack_from(data, start)
            record = data[start + _FRAME.size : start + _FRAME.size + length]
            if len(record) < length or crc32(record) != checksum:
                return
            start += _FRAME.size + length
            self._end += _FRAME.size + length
            yield record

    def append(self, record: bytes) -> None:
        """Add a record, durable on return. Call it under `lock`, when `read_new` has nothing more."""
        frame = _FRAME.pack(len(record), crc32(record)) + record
        try:
            # What lies beyond the end is half a record of a process that was killed.
            os.ftruncate(self._file, self._end)
            self._write(frame, self._end)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(frame)

    def close(self) -> None:
        """Close the file. Calling it again does nothing."""
        if self._open:
            self._open = False
            os.close(self._file)

    def _create(self, folder: Path) -> None:
        self._write(_MAGIC + uuid4().hex.encode(), 0)
        os.fsync(self._file)
        # The file's name is in the folder, which has to be made durable by itself.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written
