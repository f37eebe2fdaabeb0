"""The numbers of a log: which are taken, by this process and by others.

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
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsync_kit.files.logs.index import build_block
from dsync_kit.files.logs.log import Format, Log
from dsync_kit.files.logs.names import LogFile, covered, data_name
from dsync_kit.files.stores.storage import Storage

__all__ = ["Numbers"]

_WAITS = (0.02, 0.05, 0.1, 0.2)
"""So many seconds another process gets to take the number that it has chosen, before it is filled."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """The newest files, and whether the last page that was known is still among them."""

    files: Sequence[LogFile]
    follows: bool

    def holds(self, number: int) -> bool:
        return any(file.first <= number <= file.last for file in self.files)


class Numbers:
    """The numbers of one log. Safe to call from several threads; all raise the store's own exceptions."""

    def __init__(self, storage: Storage, log: Log) -> None:
        self._storage = storage
        self._log = log
        self.known = False
        """Whether it is known which numbers are taken; False if the folder has been emptied since."""
        # All that follows is guarded by `_lock`. Each condition wakes only those who wait for that.
        self._lock = threading.Lock()
        self._created = threading.Condition(self._lock)
        self._looked = threading.Condition(self._lock)
        self._next = 1
        self._complete = 0  # all numbers up to it are taken
        self._open: set[int] = set()  # numbers whose files are being created
        self._taken: set[int] = set()  # numbers above `_complete`
        self._unproven: set[int] = set()  # numbers whose files may have been created too late to count
        self._looks = (0, 0)  # listings begun, and ended
        self._tail = _Tail((), follows=True)

    def begin(self, head: int, holes: Iterable[int], known: Format) -> None:
        """Go on after the number `head`; missing ones below it are filled. No number may be reserved meanwhile."""
        for number in holes:
            self._fill_one(number, known)
        with self._lock:
            self._next, self._complete, self._taken = head + 1, head, set()
        self.known = True

    def reserve(self, after: int | None = None) -> int | None:
        """A number to take next; None if it would not be the one after the number `after`."""
        with self._lock:
            number = self._next
            if after is not None and number != after + 1:
                return None
            self._next += 1
            self._open.add(number)
            return number

    def take(self, number: int, data: bytes, known: Format) -> LogFile | None:
        """Take a reserved number with a page's file; None if somebody else has taken it. Then ask whether it counts."""
        file = LogFile(data_name(number, known.suffix), number, number, len(data))
        taken = created = False
        try:
            created = self._storage.create(self._log.key(file.name), data)
            taken = True
        finally:
            with self._lock:
                self._open.discard(number)
                if taken:
                    self._taken.add(number)
                if created:
                    self._unproven.add(number)
                self._created.notify_all()
        if created:
            return file
        self._go_on_after(self._look())
        return None

    def counts(self, file: LogFile, known: Format) -> bool:
        """Whether a file that was created is read; then all numbers below its own are taken.

        It isn't read if a compaction has freed its number after somebody else had it, or if the folder was emptied, so
        that it follows on nothing. Then it is removed.
        """
        try:
            with self._lock:  # so that more pages share a listing
                self._await_lower(file.last)
            tail = self._look()
        finally:
            with self._lock:
                self._unproven.discard(file.last)
        if not tail.follows or covered(file.last, tail.files):
            if not tail.follows:
                self.known = False
            self._storage.delete(self._log.key(file.name))
            self._go_on_after(tail)
            return False
        self._fill(file.last, known, tail)
        return True

    def whole(self, known: Format) -> int:
        """The last number that is taken, after all below it are. No number may be reserved meanwhile."""
        with self._lock:
            head = self._next - 1
        self._fill(head + 1, known)
        return head

    def _go_on_after(self, tail: _Tail) -> None:
        """Reserve only numbers that are not taken yet."""
        head = max((each.last for each in tail.files), default=0)
        with self._lock:
            self._next = max(self._next, head + 1)

    def _fill(self, number: int, known: Format, tail: _Tail | None = None) -> None:
        """Return when all numbers below `number` are taken: by this process, by others, or by empty pages."""
        for wait in (*_WAITS, None):
            with self._lock:
                self._await_lower(number)
                if not self._holes(number, tail):
                    return
            tail = tail or self._look()
            with self._lock:
                holes = self._holes(number, tail)
            if not holes:
                return
            if wait is not None:
                time.sleep(wait)
            tail = None
        for each in holes:
            self._fill_one(each, known)
            with self._lock:
                self._taken.add(each)

    def _await_lower(self, number: int) -> None:
        """Wait until this process creates no file of a lower number; the caller holds the lock."""
        while any(each < number for each in self._open):
            self._created.wait()

    def _fill_one(self, number: int, known: Format) -> None:
        """Take a number with an empty page, unless it is taken."""
        self._storage.create(self._log.key(data_name(number, known.suffix)), build_block((), known.compression))

    def _holes(self, number: int, tail: _Tail | None) -> list[int]:
        """The numbers below `number` that are not known to be taken; if there are none, that is noted."""
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
        """The newest files, in a listing that begins after this call; calls at the same time share one."""
        with self._lock:
            begun, _ = self._looks
            mine = begun + 1
            while True:
                begun, ended = self._looks
                if ended >= mine:
                    return self._tail
                if begun == ended:
                    break
                self._looked.wait()
            self._looks = (begun + 1, ended)
            base = self._complete
            # Others who get this listing want to see what covers their numbers, which may be below `base` by now.
            first = min((base, *self._unproven))
        tail: _Tail | None = None
        try:
            files = self._log.tail(max(first, 1))
            tail = _Tail(files, follows=not base or any(file.first <= base <= file.last for file in files))
            return tail
        finally:
            with self._lock:
                if tail is None:  # those who wait list for themselves
                    self._looks = (ended, ended)
                else:
                    self._looks = (begun + 1, begun + 1)
                    self._tail = tail
                self._looked.notify_all()
