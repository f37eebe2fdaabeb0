"""What is needed to resume a run: its plan, the finished partitions, the position of the updates."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from google.protobuf.message import DecodeError

from dsync_kit.errors import UsageError
from dsync_kit.protocol import GeneratePlanResponse

__all__ = ["Identity", "State", "StateError"]

_APPLICATION_ID = 0x64737963
_VERSION = 1
_SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions (number INTEGER PRIMARY KEY, documents INTEGER NOT NULL);
CREATE TABLE cursors (number INTEGER PRIMARY KEY, cursor BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same to resume a run. The ids are those of GetInfo, which identify the data."""

    source: str
    destination: str
    mode: str
    namespaces: str
    read: str
    written: str
    transform: str


class StateError(Exception):
    """The state can no longer be saved, for example because the disk is full."""


class State:
    """A state file (SQLite); without a `path`, a state in memory. Several threads can use it.

    Raises UsageError if the file cannot be opened, is not a state file, or is in use by another run. Its methods raise
    StateError if the file can no longer be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._unused = False
        if path is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._database.executescript(_SCHEMA)
            return
        try:
            self._unused = not path.exists()
            # Cursors may contain data: only the owner may read the file.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = sqlite3.connect(path, timeout=0, check_same_thread=False, isolation_level=None)
            self._prepare()
        except OSError as error:
            raise UsageError(f"--state {path}: {error.strerror}") from error
        except sqlite3.OperationalError as error:
            raise UsageError(f"--state {path} cannot be used: {error} (does another run use it?)") from error
        except sqlite3.DatabaseError as error:
            raise UsageError(f"--state {path} is not the state of a run: {error}; give another file") from error

    @property
    def persistent(self) -> bool:
        """Whether it outlives the process."""
        return self.path is not None

    def plan(self, identity: Identity) -> GeneratePlanResponse | None:
        """The plan of the run in the file; None if there is none yet.

        Raises UsageError if that was a different run.
        """
        with self._used() as database:
            found = dict(database.execute("SELECT key, value FROM run"))
        if not found:
            return None
        try:
            kept = Identity(**json.loads(found["identity"]))
            plan = GeneratePlanResponse.FromString(found["plan"])
        except (KeyError, TypeError, ValueError, DecodeError) as error:
            raise UsageError(f"--state {self.path} is damaged: give another file to start over") from error
        for name, old in asdict(kept).items():
            if (new := getattr(identity, name)) != old:
                raise UsageError(
                    f"--state {self.path} belongs to another run: its {_TITLES[name]} was {old!r}, now it is {new!r}; "
                    "give the same command as before, or another file"
                )
        return plan

    def save_plan(self, identity: Identity, plan: GeneratePlanResponse) -> None:
        """Begin a run."""
        values = [("identity", json.dumps(asdict(identity))), ("plan", plan.SerializeToString())]
        with self._used() as database:
            database.execute("BEGIN")
            database.executemany("INSERT INTO run VALUES (?, ?)", values)
            database.execute("COMMIT")
            self._unused = False

    def finished(self) -> dict[int, int]:
        """The finished partitions: for each number in the plan its number of documents."""
        with self._used() as database:
            return dict(database.execute("SELECT number, documents FROM partitions"))

    def finish(self, number: int, documents: int) -> None:
        """Note that a partition has been copied: it will not be copied again."""
        with self._used() as database:
            database.execute("INSERT OR REPLACE INTO partitions VALUES (?, ?)", (number, documents))

    def cursor(self, number: int) -> bytes | None:
        """The cursor at which the stream of an updates partition continues; None for its plan's cursor."""
        with self._used() as database:
            row = database.execute("SELECT cursor FROM cursors WHERE number = ?", (number,)).fetchone()
        return row[0] if row else None

    def advance(self, number: int, cursor: bytes) -> None:
        """Note that every update before this cursor has been written."""
        with self._used() as database:
            database.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (number, cursor))

    def close(self) -> None:
        """Close the file. It is removed if no run has begun in it."""
        with self._lock:
            self._database.close()
            if self._unused and self.path is not None:
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._database
        except sqlite3.Error as error:
            raise StateError(
                f"--state {self.path} cannot be saved: {error}. Once that is fixed, the same command resumes from it"
            ) from error

    def _prepare(self) -> None:
        database = self._database
        # Held while the file is open; the system releases it when the process dies.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        with closing(database.execute("SELECT count(*) FROM sqlite_master")) as counted:
            tables = counted.fetchone()[0]
        if not tables:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_VERSION}")
        elif (application, version) != (_APPLICATION_ID, _VERSION):
            raise UsageError(f"--state {self.path} is a different database: give another file")
        database.execute("COMMIT")
        # No fsync for each commit: work that a power failure undoes is repeated.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")

    def _pragma(self, name: str) -> int:
        return int(self._database.execute(f"PRAGMA {name}").fetchone()[0])


_TITLES = {
    "source": "source's id",
    "destination": "destination's id",
    "mode": "mode",
    "namespaces": "--namespace",
    "read": "type of documents that is read",
    "written": "type of documents that is written",
    "transform": "--transform",
}
