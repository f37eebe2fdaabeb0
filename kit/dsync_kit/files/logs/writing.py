"""Writing to a log: small calls share a page, large ones are written several at once.

`numbers.py` says why whatever was acknowledged before a call began has a smaller number than what the call writes.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, Unavailable
from dsync_kit.files.content.compression import Compression, check_available
from dsync_kit.files.content.lines import Line, Lines
from dsync_kit.files.logs.index import Index
from dsync_kit.files.logs.log import Format, Log
from dsync_kit.files.logs.names import DESCRIPTOR, LogFile
from dsync_kit.files.logs.numbers import Numbers
from dsync_kit.files.logs.page_files import page_file
from dsync_kit.files.stores.storage import Storage
from dsync_kit.protocol import DataType

__all__ = ["Change", "ConditionalWrites", "Writer"]

_AT_ONCE = 16
"""So many files of a log are created at once."""
_SMALL = 64 << 10
"""Calls with fewer bytes in all share a file, and wait for the one before it, so that updates make few files."""
_GROUP_BYTES = 4 << 20
_FOLLOWING_BYTES = 32 << 20
_TRIES = 100

Find = Callable[[Log, Sequence[bytes], int], dict[bytes, Line]]


class Change(Protocol):
    """What one call changes."""

    @property
    def size(self) -> int:
        """The approximate number of bytes to write."""

    @property
    def follows(self) -> bool:
        """Whether the lines depend on what was written before."""

    def lines(self, current: Callable[[Sequence[bytes]], dict[bytes, Line]]) -> Lines:
        """The lines to write. `current` returns the newest lines with these digests, as far as there are any; no other
        write comes between those and the lines.

        Raises ConnectorError if this call cannot be applied.
        """


class ConditionalWrites:
    """Whether a store honours them, which is tried once."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._proven = False

    def check(self, key: str, content: bytes) -> None:
        """Raises FailedPrecondition if the store creates a file with this content again, which is there already."""
        if not self._proven and self._storage.create(key, content):
            raise FailedPrecondition(
                "the store let a file be created twice: it does not honour conditional writes (If-None-Match), without "
                "which acknowledged documents could be lost; use a store that does"
            )
        self._proven = True


@dataclass(slots=True, eq=False)
class _Ticket:
    """A call that waits for its page."""

    change: Change
    waits: bool = False
    done: bool = False
    again: bool = False
    error: Exception | None = None


class Writer:
    """Writes to one namespace's log. Safe to call from several threads.

    `find` looks up the newest lines by their digests, among pages up to a number; `written` is called for each file.
    """

    def __init__(
        self,
        storage: Storage,
        log: Log,
        *,
        conditions: ConditionalWrites,
        compression: Compression,
        find: Find,
        written: Callable[[Log, LogFile, Index], None],
    ) -> None:
        self._log = log
        self._numbers = Numbers(storage, log)
        self._conditions = conditions
        self._compression = compression
        self._find = find
        self._written = written
        self._beginning = threading.Lock()
        self._format: Format | None = None
        # All that follows is guarded by `_turn`. Each condition wakes only those who wait for that.
        self._turn = threading.Lock()
        self._freed = threading.Condition(self._turn)
        self._ended = threading.Condition(self._turn)
        self._waiting: list[_Ticket] = []
        self._groups = 0  # under way, until they are acknowledged
        self._creating = 0  # of those, the ones that have no file yet
        self._following = False

    def write(self, change: Change, data_type: DataType) -> None:
        """Write what a call changes; it is durable when this returns.

        Raises InvalidArgument for documents of another type than the log's, FailedPrecondition for a store that lets
        two writers take one name.
        """
        ticket = _Ticket(change)
        while not ticket.done:
            known = self._begun(data_type)
            with self._turn:
                ticket.waits, ticket.again = True, False
                self._waiting.append(ticket)
            while ticket.waits:
                with self._turn:
                    while ticket.waits and not self._free():
                        self._freed.wait()
                    group = self._take() if ticket.waits else []
                if group:
                    self._write_group(group, known)
            with self._turn:
                while not ticket.done and not ticket.again:
                    self._ended.wait()
        if ticket.error is not None:
            raise ticket.error

    def _free(self) -> bool:
        """Whether the next file may be begun."""
        if self._following or not self._creating:
            return not self._following
        if self._waiting[0].change.follows or self._creating >= _AT_ONCE:
            return False
        return sum(ticket.change.size for ticket in self._waiting) >= _SMALL

    def _take(self) -> list[_Ticket]:
        """The calls that share the next file, the first that waits among them."""
        self._groups += 1
        self._creating += 1
        waiting = self._waiting
        self._following = waiting[0].change.follows
        most = _FOLLOWING_BYTES if self._following else _GROUP_BYTES
        group: list[_Ticket] = []
        size = 0
        while waiting and (
            not group or (size + waiting[0].change.size <= most and (self._following or not waiting[0].change.follows))
        ):
            size += waiting[0].change.size
            waiting[0].waits = False
            group.append(waiting.pop(0))
        if len(group) > 1:  # these need not wait to take a group themselves
            self._freed.notify_all()
        return group

    def _write_group(self, group: Sequence[_Ticket], known: Format) -> None:
        error: Exception | None = Unavailable("the write was interrupted")
        counts = True
        try:
            try:
                created = self._create(group, known)
            finally:
                with self._turn:
                    self._creating -= 1
                    self._following = False
                    self._freed.notify_all()
            if created is not None:
                counts = self._numbers.counts(created[0], known)
                if counts:
                    self._written(self._log, *created)
            error = None
        except Exception as failure:
            error = failure
        finally:
            with self._turn:
                self._groups -= 1
                for ticket in group:
                    ticket.done, ticket.again, ticket.error = counts, not counts, ticket.error or error
                self._ended.notify_all()

    def _create(self, group: Sequence[_Ticket], known: Format) -> tuple[LogFile, Index] | None:
        """Create a file with the lines of a group; None if there are none."""
        follows = group[0].change.follows
        lines: Lines | None = None
        for _ in range(_TRIES):
            head = self._numbers.whole(known) if follows else None
            if follows or lines is None:
                lines = self._lines(group, head or 0)
            if not lines.texts:
                return None
            number = self._numbers.reserve(head)
            if number is None:  # a page that did not count has shown that others have gone on
                continue
            data, index = page_file(lines, number, known.compression)
            if (file := self._numbers.take(number, data, known)) is not None:
                return file, index
        raise Unavailable(f"the namespace {self._log.namespace!r} is written to by too many at once")

    def _lines(self, group: Sequence[_Ticket], head: int) -> Lines:
        """The lines of all calls, the last one of each id; a call that cannot be applied gets its error."""
        lines = Lines()

        def current(digests: Sequence[bytes]) -> dict[bytes, Line]:
            changed = {digest: line for digest in digests if (line := lines.get(digest)) is not None}
            return self._find(self._log, [digest for digest in digests if digest not in changed], head) | changed

        for ticket in group:
            try:
                found = ticket.change.lines(current)
                ticket.error = None
                if len(group) == 1:
                    return found
                lines.update(found)
            except ConnectorError as error:
                ticket.error = error
        return lines

    def _begun(self, data_type: DataType) -> Format:
        """The log's format, which its first writer decides."""
        with self._beginning:
            known = self._format
            if known is None or not self._numbers.known:
                known = self._format = self._begin(data_type)
        if known.data_type != data_type:
            holds = DataType.Name(known.data_type)
            raise InvalidArgument(
                f"the namespace {self._log.namespace!r} holds {holds} documents, and {DataType.Name(data_type)} was "
                "given: write one type into a namespace"
            )
        return known

    def _begin(self, data_type: DataType) -> Format:
        with self._turn:
            while self._groups:
                self._ended.wait()
        listing = self._log.listing()
        head = max((file.last for file in listing.files), default=0)
        known = self._log.format() if listing.described else None
        if known is None:
            known = self._log.begin(Format(data_type, self._compression))
        check_available(known.compression)
        self._conditions.check(self._log.key(DESCRIPTOR), known.encode())
        self._numbers.begin(head, listing.holes, known)
        return known
