"""Writing to a log: pages take numbers, several at once, and a page is acknowledged when all numbers below its own are
taken.

Whatever was acknowledged before a call began has a smaller number than what the call writes, whichever process wrote
it. Three things ensure this:

- Only one writer can take a number, by creating its file. A compaction that removes the file has first written one that
  covers the number; a writer that is late and takes the number again finds that out by a listing, and takes another.
- A process writes several pages at once. If it is killed, a number may be free although a greater one is taken: a hole.
  Nothing above a hole is acknowledged. A writer that finds one fills it with an empty page, or waits for it if its own
  process is about to.
- A partial update is computed from all pages below its own. So it waits until no other page of its process is under
  way, and until there are no holes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, Unavailable
from dsync_kit.files.content.compression import Compression, check_available
from dsync_kit.files.content.lines import Line, Lines
from dsync_kit.files.logs.index import BLOCK_BYTES, Index, IndexBuilder, build_block
from dsync_kit.files.logs.log import Format, Log
from dsync_kit.files.logs.names import DESCRIPTOR, LogFile, covered, data_name
from dsync_kit.files.stores.storage import Storage
from dsync_kit.protocol import DataType

__all__ = ["Change", "ConditionalWrites", "Writer", "written_page"]

_AT_ONCE = 16
"""So many files of a log are created at once."""
_SMALL = 64 << 10
"""Calls with fewer bytes in all share a file, and wait for the one before it, so that updates make few files."""
_GROUP_BYTES = 4 << 20
_FOLLOWING_BYTES = 32 << 20
_TRIES = 100
_WAITS = (0.02, 0.05, 0.1, 0.2)
"""So many seconds another process gets to take the number that it has chosen, before it is filled."""

Find = Callable[[Log, Sequence[bytes], int], dict[bytes, Line]]


class Change(Protocol):
    """What one call changes."""

    @property
    def follows(self) -> bool:
        """Whether the lines depend on what was written before."""

    def lines(self, current: Callable[[Sequence[bytes]], dict[bytes, Line]]) -> Lines:
        """The lines to write. `current` gives the newest lines with these digests, as far as there are any; no other
        write comes between those and the lines.

        Raises ConnectorError where this call cannot be applied.
        """


class ConditionalWrites:
    """Whether a store honours them, which is tried once."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._proven = False

    def check(self, key: str, content: bytes) -> None:
        """Raises FailedPrecondition where the store creates a file with this content again, which is there already."""
        if not self._proven and self._storage.create(key, content):
            raise FailedPrecondition(
                "the store let a file be created twice: it does not honour conditional writes (If-None-Match), without "
                "which acknowledged documents could be lost; use a store that does"
            )
        self._proven = True


@dataclass(slots=True, eq=False)
class _Ticket:
    """A call that waits for its pages."""

    change: Change
    size: int
    waits: bool = False
    done: bool = False
    again: bool = False
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Tail:
    """The newest files, and whether the last page that was known is still among them."""

    files: Sequence[LogFile]
    follows: bool

    def holds(self, number: int) -> bool:
        return any(file.first <= number <= file.last for file in self.files)


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
        self._storage = storage
        self._log = log
        self._conditions = conditions
        self._compression = compression
        self._find = find
        self._written = written
        self._beginning = threading.Lock()
        self._writable: Format | None = None
        # All that follows is guarded by `_turn`.
        self._turn = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._groups = 0  # under way, until they are acknowledged
        self._creating = 0  # of those, the ones that have no file yet
        self._following = False
        self._next = 1
        self._complete = 0  # all numbers up to it are taken
        self._open: set[int] = set()  # numbers whose files are being created
        self._taken: set[int] = set()  # numbers above `_complete`
        self._looks = (0, 0)  # listings begun, and ended
        self._tail = _Tail((), follows=True)

    def write(self, change: Change, data_type: DataType, size: int) -> None:
        """Write what a call changes; it is durable when this returns. `size` is about how many bytes it has.

        Raises InvalidArgument for documents of another type than the log's, FailedPrecondition for a store that lets
        two writers take one name.
        """
        ticket = _Ticket(change, size)
        while not ticket.done:
            known = self._begun(data_type)
            with self._turn:
                ticket.waits, ticket.again = True, False
                self._waiting.append(ticket)
            while ticket.waits:
                with self._turn:
                    while ticket.waits and not self._free():
                        self._turn.wait()
                    group = self._take() if ticket.waits else []
                if group:
                    self._write_group(group, known)
            with self._turn:
                while not ticket.done and not ticket.again:
                    self._turn.wait()
        if ticket.error is not None:
            raise ticket.error

    def _free(self) -> bool:
        """Whether the calls that wait may be begun with."""
        if self._following or not self._creating:
            return not self._following
        if self._waiting[0].change.follows or self._creating >= _AT_ONCE:
            return False
        return sum(ticket.size for ticket in self._waiting) >= _SMALL

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
            not group or (size + waiting[0].size <= most and (self._following or not waiting[0].change.follows))
        ):
            size += waiting[0].size
            waiting[0].waits = False
            group.append(waiting.pop(0))
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
                    self._turn.notify_all()
            if created is not None:
                counts = self._counts(created[0], known)
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
                self._turn.notify_all()

    def _create(self, group: Sequence[_Ticket], known: Format) -> tuple[LogFile, Index] | None:
        """Create a file with the lines of a group; None where there are none."""
        follows = group[0].change.follows
        lines: Lines | None = None
        for _ in range(_TRIES):
            if follows or lines is None:
                lines = self._lines(group, self._whole(known) if follows else 0)
            if not lines.texts:
                return None
            number = self._reserve()
            data, index = written_page(lines, number, known.compression)
            file = LogFile(data_name(number, known.suffix), number, number, len(data))
            if self._take_number(number, file.name, data):
                return file, index
            self._catch_up()
        raise Unavailable(f"the namespace {self._log.namespace!r} is written to by too many at once")

    def _lines(self, group: Sequence[_Ticket], head: int) -> Lines:
        """The lines of all calls, the last one of each id; a call that cannot be applied gets its error."""
        lines = Lines()

        def current(digests: Sequence[bytes]) -> dict[bytes, Line]:
            changed = {digest: line for digest in digests if (line := lines.get(digest)) is not None}
            return self._find(self._log, [digest for digest in digests if digest not in changed], head) | changed

        for ticket in group:
            try:
                lines.update(ticket.change.lines(current))
                ticket.error = None
            except ConnectorError as error:
                ticket.error = error
        return lines

    def _whole(self, known: Format) -> int:
        """The last number that is taken, after all below it are."""
        with self._turn:
            head = self._next - 1
        self._fill(head + 1, known)
        return head

    def _reserve(self) -> int:
        with self._turn:
            number = self._next
            self._next += 1
            self._open.add(number)
            return number

    def _take_number(self, number: int, name: str, data: bytes) -> bool:
        """Whether this writer takes a number; afterwards it is taken, unless this raises."""
        taken = False
        try:
            created = self._storage.create(self._log.key(name), data)
            taken = True
            return created
        finally:
            with self._turn:
                self._open.discard(number)
                if taken:
                    self._taken.add(number)
                self._turn.notify_all()

    def _catch_up(self) -> None:
        """Go on after the numbers that others have taken."""
        head = max((file.last for file in self._look().files), default=0)
        with self._turn:
            self._next = max(self._next, head + 1)

    def _counts(self, file: LogFile, known: Format) -> bool:
        """Whether a file that was created is read; then all numbers below its own are taken.

        It is not read where a compaction has freed its number since somebody else had it, nor where the folder was
        emptied, so that it follows on nothing: then the next attempt looks again what is there.
        """
        tail = self._look()
        if not tail.follows or covered(file.last, tail.files):
            if not tail.follows:
                self._writable = None
            self._storage.delete(self._log.key(file.name))
            return False
        self._fill(file.last, known, tail)
        return True

    def _fill(self, number: int, known: Format, tail: _Tail | None = None) -> None:
        """Return when all numbers below `number` are taken: by this process, by others, or by empty pages."""
        for wait in (*_WAITS, None):
            with self._turn:
                while any(each < number for each in self._open):
                    self._turn.wait()
                if not self._holes(number, tail):
                    return
            tail = tail or self._look()
            with self._turn:
                holes = self._holes(number, tail)
                if not holes:
                    return
                if wait is not None:
                    self._turn.wait_for(lambda: False, wait)
            tail = None
        for each in holes:
            self._storage.create(self._log.key(data_name(each, known.suffix)), build_block((), known.compression))
            with self._turn:
                self._taken.add(each)

    def _holes(self, number: int, tail: _Tail | None) -> list[int]:
        """The numbers below `number` that are not known to be taken; where there are none, that is noted."""
        holes = [
            each
            for each in range(self._complete + 1, number)
            if each not in self._taken and not (tail and tail.holds(each))
        ]
        if not holes and number > self._complete:
            self._complete = number - 1
            self._taken = {each for each in self._taken if each >= number}
        return holes

    def _look(self) -> _Tail:
        """The newest files as a listing shows them that is begun after this call; calls at the same time share one."""
        with self._turn:
            begun, _ = self._looks
            mine = begun + 1
            while True:
                begun, ended = self._looks
                if ended >= mine:
                    return self._tail
                if begun == ended:
                    break
                self._turn.wait()
            self._looks = (begun + 1, ended)
            base = self._complete
        tail: _Tail | None = None
        try:
            files = self._log.tail(max(base, 1))
            tail = _Tail(files, follows=not base or any(file.first <= base <= file.last for file in files))
            return tail
        finally:
            with self._turn:
                if tail is None:  # those who wait list for themselves
                    self._looks = (ended, ended)
                else:
                    self._looks = (begun + 1, begun + 1)
                    self._tail = tail
                self._turn.notify_all()

    def _begun(self, data_type: DataType) -> Format:
        """The log's format, which its first writer decides."""
        with self._beginning:
            known = self._writable
            if known is None:
                known = self._begin(data_type)
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
                self._turn.wait()
        listing = self._log.listing()
        head = max((file.last for file in listing.files), default=0)
        known = self._log.format() if listing.described else None
        if known is None:
            known = self._log.begin(Format(data_type, self._compression))
        check_available(known.compression)
        self._conditions.check(self._log.key(DESCRIPTOR), known.encode())
        for number in listing.holes:
            self._storage.create(self._log.key(data_name(number, known.suffix)), build_block((), known.compression))
        with self._turn:
            self._next, self._complete, self._taken = head + 1, head, set()
        self._writable = known
        return known


def written_page(lines: Lines, number: int, compression: Compression) -> tuple[bytes, Index]:
    """The file of one page, and its index."""
    builder, blocks = IndexBuilder(), []
    builder.page(number)
    for run in _runs(lines):
        block = build_block((lines.texts[digest] for digest in run), compression)
        builder.block(block, builder.lines)
        deleted = [at for at, digest in enumerate(run) if digest in lines.deleted] if lines.deleted else ()
        builder.lines_of(b"".join(run), deleted)
        blocks.append(block)
    return b"".join(blocks), builder.build(horizon=0)


def _runs(lines: Lines) -> Iterator[Sequence[bytes]]:
    """The digests of the lines, in runs that a block holds."""
    digests = list(lines.texts)
    if lines.size <= BLOCK_BYTES:
        yield digests
        return
    first = size = 0
    for at, digest in enumerate(digests):
        more = len(lines.texts[digest]) + 1
        if at > first and size + more > BLOCK_BYTES:
            yield digests[first:at]
            first, size = at, 0
        size += more
    yield digests[first:]
