"""Rows of JSON files, read a piece at a time: an object in each line, one array of objects, or objects in a row."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from dsync_kit.errors import FailedPrecondition
from dsync_kit.files.foreign.rows import BadRow, Row
from dsync_kit.protocol import DATA_TYPE_JSON_ID

__all__ = ["json_lines", "json_objects", "pass_line"]

_PIECE = 1 << 18
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
# What may end a value, or open one in it. A string is passed over whole.
_SCALAR_END = re.compile(rb"[,\]\r\n]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]|(")', re.DOTALL)


def json_lines(file: BinaryIO, largest: int, *, offset: int = 0, stop: int | None = None) -> Iterator[Row | BadRow]:
    """A row from each line that is not empty. A line of more than `largest` bytes is a bad row, and not kept.

    Only lines that begin at `offset` or after it, and before `stop`, are read; they are counted from there.
    """
    if offset:
        file.seek(offset)
    first, number = offset == 0, 0
    while stop is None or offset < stop:
        line = file.readline(largest + 2)
        if not line:
            return
        number += 1
        offset += len(line)
        if len(line) > largest + 1:
            while line and not line.endswith(b"\n"):
                line = file.readline(_PIECE)
                offset += len(line)
            yield BadRow(number, f"it has more than the {largest} bytes of --max-document-bytes")
            continue
        text = line.strip(_SPACE)
        if number == 1 and first:
            text = text.removeprefix(_BOM).strip(_SPACE)
        if text:
            yield Row(number, text, DATA_TYPE_JSON_ID)


def pass_line(file: BinaryIO, wanted: int) -> int:
    """The offset of the first line that begins at a wanted offset or after it, to which the file is moved."""
    if not wanted:
        return 0
    offset = file.seek(wanted - 1)
    while line := file.readline(_PIECE):
        offset += len(line)
        if line.endswith(b"\n"):
            break
    return offset


def json_objects(file: BinaryIO, largest: int) -> Iterator[Row | BadRow]:
    """A row from each element of one array, or from each of the objects that follow one another.

    Raises FailedPrecondition where the file is neither, and where it ends in the middle.
    """
    pieces = _Pieces(file)
    pieces.skip(_BOM)
    array = pieces.after_space() == b"["
    if array:
        pieces.skip(b"[")
    expected = False
    while True:
        first = pieces.after_space()
        if array and first == b"]" and not expected:
            pieces.skip(b"]")
            first = pieces.after_space()
            if first:
                raise FailedPrecondition(f"line {pieces.line}: something follows the array: {first!r}")
            return
        if not first:
            if array:
                raise FailedPrecondition(f"line {pieces.line}: the file ends within its array")
            return
        line = pieces.line
        text = pieces.value(largest)
        yield (
            BadRow(line, f"it has more than the {largest} bytes of --max-document-bytes")
            if text is None
            else Row(line, text, DATA_TYPE_JSON_ID)
        )
        expected = False
        if array and pieces.after_space() == b",":
            pieces.skip(b",")
            expected = True
        elif array and pieces.after_space() != b"]":
            raise FailedPrecondition(f"line {pieces.line}: expected ',' or ']' after an element of the array")


class _Pieces:
    """A file read in pieces, with the place in the current one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._data = b""
        self._at = 0
        self.line = 1

    def after_space(self) -> bytes:
        """The next byte that is no space, which stays; empty at the end."""
        while True:
            rest = self._data[self._at :]
            stripped = rest.lstrip(_SPACE)
            self._pass(len(rest) - len(stripped))
            if stripped:
                return stripped[:1]
            if not self._more():
                return b""

    def skip(self, expected: bytes) -> None:
        """Pass over what is expected, if it is there."""
        while len(self._data) - self._at < len(expected) and self._more():
            pass
        if self._data.startswith(expected, self._at):
            self._pass(len(expected))

    def value(self, largest: int) -> bytes | None:
        """The next value as text: an object or array up to its last bracket, anything else up to a comma, bracket or
        line's end. None for one that is too large, which is passed over."""
        depth, scanned, dropped = 0, 0, False
        while True:
            end, depth, scanned = self._scan(depth, scanned)
            if end is not None:
                text = self._data[self._at : self._at + end]
                self._pass(end)
                return None if dropped or len(text) > largest else text
            if scanned > largest:
                self._pass(scanned)
                scanned, dropped = 0, True
            if not self._more():
                raise FailedPrecondition(f"line {self.line}: the file ends within a value")

    def _scan(self, depth: int, scanned: int) -> tuple[int | None, int, int]:
        """How long the value is, if it ends in what was read; the depth of brackets, and how far it was looked at."""
        if depth == 0 and scanned == 0 and self._data[self._at : self._at + 1] not in (b"{", b"["):
            found = _SCALAR_END.search(self._data, self._at + 1)
            return (found.start() - self._at if found else None), 0, 0
        for token in _TOKEN.finditer(self._data, self._at + scanned):
            if token[1] is not None:  # a string that does not end here
                return None, depth, token.start() - self._at
            mark = token[0]
            if mark in (b"{", b"["):
                depth += 1
            elif mark in (b"}", b"]"):
                depth -= 1
                if depth == 0:
                    return token.end() - self._at, 0, token.end() - self._at
            scanned = token.end() - self._at
        return None, depth, max(scanned, 0)

    def _more(self) -> bool:
        piece = self._file.read(_PIECE)
        self._data, self._at = self._data[self._at :] + piece, 0
        return bool(piece)

    def _pass(self, size: int) -> None:
        self.line += self._data.count(b"\n", self._at, self._at + size)
        self._at += size
