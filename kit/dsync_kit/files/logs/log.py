"""The log of a namespace: numbered files, each created only where its number is free: the numbers give the order.

Whatever was acknowledged before a call began has a smaller number than what the call writes, whichever process wrote
it: the next number can be taken by one writer alone, and a number is never free again, since a compaction that removes
a file has written one that covers its number before.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from dsync_kit.errors import ConnectorError, FailedPrecondition, InvalidArgument, Unavailable
from dsync_kit.files.content.compression import SUFFIXES, Compression, check_available
from dsync_kit.files.content.lines import Line
from dsync_kit.files.logs.index import BLOCK_BYTES, Index, IndexBuilder, build_block
from dsync_kit.files.logs.names import (
    DESCRIPTOR,
    INDEX_FOLDER,
    LogFile,
    covered,
    data_name,
    folder_of,
    is_old_layout,
    log_file,
    visible,
    written_before,
)
from dsync_kit.files.stores.storage import Entry, Storage
from dsync_kit.protocol import DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON, DataType

__all__ = ["SMALL_FILE", "Change", "ConditionalWrites", "Format", "Listing", "Log", "written_page"]

SMALL_FILE = 1 << 20
"""A file of one page with fewer bytes has no index: there are few of them, and reading one costs little more."""

_VERSION = 1
_GROUP_BYTES = 32 << 20
_TYPES: dict[str, DataType] = {"bson": DATA_TYPE_MONGO_BSON, "json": DATA_TYPE_JSON_ID}
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Format:
    """What a log holds, the same for all its writers: the type of its documents, and how its files are compressed."""

    data_type: DataType
    compression: Compression

    @property
    def suffix(self) -> str:
        """What the names of its files end with, after `.jsonl`."""
        return SUFFIXES[self.compression]

    def encode(self) -> bytes:
        """The descriptor's content."""
        documents = next(name for name, known in _TYPES.items() if known == self.data_type)
        return orjson.dumps(
            {
                "format": "dsync-files",
                "version": _VERSION,
                "documents": documents,
                "compression": self.compression,
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )

    @classmethod
    def decode(cls, data: bytes, key: str) -> "Format":
        """The format from its descriptor. Raises FailedPrecondition where it is none, or one of a newer kit."""
        try:
            found = orjson.loads(data)
            if found["format"] == "dsync-files" and found["version"] > _VERSION:
                raise FailedPrecondition(
                    f"{key!r} has version {found['version']} of the layout, and {_VERSION} is known here: "
                    "upgrade dsync-kit"
                )
            return cls(_TYPES[found["documents"]], _compression(found["compression"]))
        except (KeyError, TypeError, ValueError) as error:
            raise FailedPrecondition(f"{key!r} is not a descriptor of this layout: restore it") from error


@dataclass(frozen=True, slots=True)
class Listing:
    """A namespace's folder: the files of the log, the names in the index folder, and the files of others."""

    files: Sequence[LogFile]
    indexes: Sequence[str]
    foreign: Sequence[Entry]


class Change(Protocol):
    """What one call changes."""

    def lines(self, current: Callable[[Sequence[bytes]], dict[bytes, Line]]) -> list[Line]:
        """The lines to write, one for each id. `current` gives the newest lines with these digests, as far as there
        are any, as the call finds them; the lines then follow on those without another write in between.

        Raises ConnectorError where this call cannot be applied.
        """


@dataclass(slots=True, eq=False)
class _Ticket:
    change: Change
    size: int
    waits: bool = True
    done: bool = False
    again: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class _Queue:
    waiting: list[_Ticket] = field(default_factory=list)
    busy: bool = False


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


class Log:
    """One namespace's log. `find` looks up the newest lines by their digests; `written` is called for each new file.

    Calls of one process that write at the same time share a file: only one request for a number is in flight.
    """

    def __init__(
        self,
        storage: Storage,
        namespace: str,
        *,
        conditions: ConditionalWrites,
        compression: Compression,
        find: Callable[["Log", Sequence[bytes], int], dict[bytes, Line]],
        written: Callable[["Log", LogFile, Index], None],
    ) -> None:
        self.namespace = namespace
        self.folder = folder_of(namespace)
        self._storage = storage
        self._conditions = conditions
        self._compression = compression
        self._find = find
        self._written = written
        self._format: Format | None = None
        self._writable: Format | None = None
        self._head: int | None = None
        self._turn = threading.Condition()
        self._queue = _Queue()

    def key(self, name: str) -> str:
        """The key of a file of the log."""
        return f"{self.folder}/{name}"

    def index_key(self, file: LogFile) -> str:
        """The key of a file's index."""
        return f"{self.folder}/{INDEX_FOLDER}/{file.name}"

    def format(self) -> Format | None:
        """What the log holds; None where nothing was written yet."""
        if self._format is None:
            key = self.key(DESCRIPTOR)
            try:
                self._format = Format.decode(self._storage.read(key), key)
            except FileNotFoundError:
                return None
        return self._format

    def listing(self) -> Listing:
        """What is in the namespace's folder now.

        Raises FailedPrecondition for a folder of the old layout, and where the descriptor is missing.
        """
        files: list[LogFile] = []
        indexes: list[str] = []
        foreign: list[Entry] = []
        old: str | None = None
        described = False
        for entry in self._storage.entries(self.folder):
            path = entry.key[len(self.folder) + 1 :]
            if path.startswith(f"{INDEX_FOLDER}/"):
                indexes.append(path.partition("/")[2])
            elif (file := log_file(path, entry.size)) is not None:
                files.append(file)
            elif path == DESCRIPTOR:
                described = True
            elif not any(part.startswith(("_", ".")) for part in path.split("/")):
                foreign.append(entry)
                old = path if old is None and is_old_layout(path) else old
        if old is not None:
            raise FailedPrecondition(
                f"{self.key(old)!r} was written with one object for each document, by a connector of dsync-kit 0.1: "
                "copy the data with that connector into an empty prefix of this one"
            )
        if not described:
            self._format = None  # the folder may have been emptied
        if files and (not described or self.format() is None):
            raise FailedPrecondition(f"{self.key(DESCRIPTOR)!r} is missing, and files of a log are there: restore it")
        self._check_whole(files)
        return Listing(files, indexes, foreign)

    def _check_whole(self, files: Sequence[LogFile]) -> None:
        number = 1
        for each in visible(files):
            if each.file.first > number:
                raise FailedPrecondition(
                    f"in {self.folder!r} the files of the pages {number} to {each.file.first - 1} are missing: "
                    "restore them, or empty the folder"
                )
            number = each.file.last + 1

    def write(self, change: Change, data_type: DataType, size: int) -> None:
        """Write what a call changes; it is durable when this returns. `size` is about how many bytes it has.

        Raises InvalidArgument for documents of another type than the log's, FailedPrecondition for a store that lets
        two writers take one name.
        """
        ticket = _Ticket(change, size)
        while not ticket.done:
            known = self._begun(data_type)
            with self._turn:
                self._queue.waiting.append(ticket)
            while ticket.waits:
                with self._turn:
                    while ticket.waits and self._queue.busy:
                        self._turn.wait()
                    group = self._take() if ticket.waits else []
                if group:
                    self._write_group(group, known)
            with self._turn:
                while not ticket.done and not ticket.again:
                    self._turn.wait()
                ticket.waits, ticket.again = True, False
        if ticket.error is not None:
            raise ticket.error

    def _take(self) -> list[_Ticket]:
        """The calls that share the next file, the first that waits among them."""
        self._queue.busy = True
        group: list[_Ticket] = []
        size = 0
        waiting = self._queue.waiting
        while waiting and (not group or size + waiting[0].size <= _GROUP_BYTES):
            size += waiting[0].size
            waiting[0].waits = False
            group.append(waiting.pop(0))
        return group

    def _write_group(self, group: Sequence[_Ticket], known: Format) -> None:
        """Write the calls of a group. The next group may be written while it is looked whether this one counts."""
        error: Exception | None = Unavailable("the write was interrupted")
        counts = True
        try:
            try:
                file = self._create(group, known)
            finally:
                with self._turn:
                    self._queue.busy = False
                    self._turn.notify_all()
            counts = file is None or self._counts(file)
            error = None
        except Exception as failure:
            error = failure
        finally:
            with self._turn:
                for ticket in group:
                    ticket.done, ticket.again, ticket.error = counts, not counts, ticket.error or error
                self._turn.notify_all()

    def _create(self, group: Sequence[_Ticket], known: Format) -> LogFile | None:
        """Create the next file with the lines of a group; None where there are none."""
        for _ in range(_TRIES):
            head = self._newest()
            number = head + 1
            lines = self._lines(group, head)
            if not lines:
                return None
            data, index = written_page(lines, number, known.compression)
            file = LogFile(data_name(number, known.suffix), number, number, len(data))
            if self._storage.create(self.key(file.name), data):
                self._head = number
                self._written(self, file, index)
                return file
            self._head = None
        raise Unavailable(f"the namespace {self.namespace!r} is written to by too many at once")

    def _counts(self, file: LogFile) -> bool:
        """Whether a file that was created is read.

        It is not where a compaction has freed its number since somebody else had it, nor where the folder was emptied,
        so that it follows on nothing: then the next attempt looks again what is there.
        """
        before = file.last - 1
        found = self._tail(max(before, 1))
        follows = not before or any(each.first <= before <= each.last for each in found)
        if follows and not covered(file.last, found):
            return True
        self._head = self._writable = None
        self._storage.delete(self.key(file.name))
        return False

    def _lines(self, group: Sequence[_Ticket], head: int) -> list[Line]:
        """The lines of all calls, the last one of each id; a call that cannot be applied gets its error."""
        lines: dict[bytes, Line] = {}

        def current(digests: Sequence[bytes]) -> dict[bytes, Line]:
            found = self._find(self, [digest for digest in digests if digest not in lines], head)
            return found | {digest: lines[digest] for digest in digests if digest in lines}

        for ticket in group:
            try:
                changed = ticket.change.lines(current)
            except ConnectorError as error:
                ticket.error = error
                continue
            ticket.error = None
            for line in changed:
                lines.pop(line.digest, None)
                lines[line.digest] = line
        return list(lines.values())

    def _newest(self) -> int:
        """The last number that is known to be taken: as the creation of the next one shows, it may be an old one."""
        if self._head is None:
            self._head = max((file.last for file in self.listing().files), default=0)
        return self._head

    def _tail(self, number: int) -> list[LogFile]:
        after = written_before(number)
        size = len(self.folder) + 1
        found = (log_file(each.key[size:], each.size) for each in self._storage.entries(self.folder, after=after))
        return [file for file in found if file is not None and file.last >= number]

    def _begun(self, data_type: DataType) -> Format:
        """The log's format, which its first writer decides."""
        known = self._writable
        if known is None:
            head = max((file.last for file in self.listing().files), default=0)
            known = self._format
            key = self.key(DESCRIPTOR)
            if known is None:
                known = Format(data_type, self._compression)
                if not self._storage.create(key, known.encode()):
                    known = self.format() or known
            check_available(known.compression)
            self._conditions.check(key, known.encode())
            self._head = head
            self._format = self._writable = known
        if known.data_type != data_type:
            holds = DataType.Name(known.data_type)
            raise InvalidArgument(
                f"the namespace {self.namespace!r} holds {holds} documents, and {DataType.Name(data_type)} was given: "
                "write one type into a namespace"
            )
        return known


def written_page(lines: Iterable[Line], number: int, compression: Compression) -> tuple[bytes, Index]:
    """The file of one page, and its index."""
    builder, blocks = IndexBuilder(), []
    builder.page(number)
    pending: list[Line] = []
    size = 0

    def end_block() -> None:
        nonlocal size
        block = build_block((line.text for line in pending), compression)
        builder.block(block, builder.lines)
        builder.lines_of(
            b"".join(line.digest for line in pending), [at for at, line in enumerate(pending) if line.deleted]
        )
        blocks.append(block)
        pending.clear()
        size = 0

    for line in lines:
        if pending and size + len(line.text) > BLOCK_BYTES:
            end_block()
        pending.append(line)
        size += len(line.text) + 1
    end_block()
    return b"".join(blocks), builder.build(horizon=0)


def _compression(name: object) -> Compression:
    for known in SUFFIXES:
        if known == name:
            return known
    raise ValueError(f"no compression {name!r}")
