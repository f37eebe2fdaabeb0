"""Plain, gzip and zstd: the blocks of our own files, and the streams of other tools' files."""

import gzip
import io
import zlib
from typing import BinaryIO, Literal, cast

from dsync_kit.errors import FailedPrecondition

__all__ = ["BROKEN", "SUFFIXES", "Compression", "check_available", "compress", "decompress", "plain_name", "reader"]

Compression = Literal["none", "gzip", "zstd"]
SUFFIXES: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}

_BY_SUFFIX: dict[str, Compression] = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading damaged gzip raises; damaged zstd is a `zstandard.ZstdError`, which `reader` translates to EOFError."""


def compress(data: bytes, compression: Compression) -> bytes:
    """`data` as one gzip member or one zstd frame, which may follow others: all tools read them as one file."""
    if compression == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=3).compress(data)
    return data


def decompress(data: bytes, compression: Compression) -> bytes:
    """What `compress` was given."""
    if compression == "gzip":
        return gzip.decompress(data)
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompress(data)
    return data


def plain_name(name: str) -> tuple[str, Compression]:
    """A file's name without the suffix of its compression, and the compression."""
    for suffix, compression in _BY_SUFFIX.items():
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], compression
    return name, "none"


def reader(file: BinaryIO, compression: Compression) -> BinaryIO:
    """The plain bytes of an open file, as a stream. Reading damaged data raises one of `BROKEN`."""
    if compression == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if compression == "zstd":
        return cast(BinaryIO, io.BufferedReader(_Zstd(file), 1 << 17))
    return file


class _Zstd(io.RawIOBase):
    """A stream of zstd frames, which raises EOFError if it is damaged or cut off."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._file = file
        self._error = zstandard.ZstdError
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._within = False
        self._plain = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._plain:
            data = self._file.read(1 << 16)
            if not data:
                if self._within:
                    raise EOFError("the compressed data is cut off")
                return 0
            self._plain = self._decompress(data)
        size = min(len(buffer), len(self._plain))
        buffer[:size], self._plain = self._plain[:size], self._plain[size:]
        return size

    def _decompress(self, data: bytes) -> bytes:
        plain = b""
        try:
            while data:
                plain += self._frame.decompress(data)
                self._within, data = not self._frame.eof, self._frame.unused_data
                if self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
        except self._error as error:
            raise EOFError(str(error)) from error
        return plain


def check_available(compression: Compression) -> None:
    """Raises FailedPrecondition if the package that a compression needs is not installed."""
    if compression == "zstd":
        try:
            import zstandard  # noqa: F401
        except ImportError as error:
            raise FailedPrecondition("zstd needs the package zstandard: pip install zstandard") from error
