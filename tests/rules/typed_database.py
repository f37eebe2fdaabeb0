"""The database: SQLite with STRICT tables, one connection under a lock, and a log of writes."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from dsync_kit.protocol import UpdateType

from .typed_tables import TABLES, Table

__all__ = ["Database", "Logged"]

_LOG = "CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT, type INTEGER, data BLOB) STRICT"


class Logged(NamedTuple):
    """One write in the log: a document after it was written, or before it was deleted."""

    number: int
    namespace: str
    type: UpdateType
    data: bytes


class Database:
    """Tables that were made beforehand. Connectors that share it are instances of one connector.

    `changed` is its lock, notified of each write; `crashes` counts the processes that were killed on it.
    """

    def __init__(self, tables: Sequence[Table] = TABLES) -> None:
        self.id = uuid4().hex
        self.crashes = 0
        self.tables: Mapping[str, Table] = {table.namespace: table for table in tables}
        self.changed = threading.Condition(threading.RLock())
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        for statement in (_LOG, *(table.sql for table in tables)):
            self._connection.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything within it, or nothing; wakes whoever waits for a write."""
        with self.changed:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            self.changed.notify_all()

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with self.changed:
            return self._connection.execute(statement, values).fetchall()

    @property
    def end(self) -> int:
        """The number of the last write."""
        return int(self.query("SELECT coalesce(max(number), 0) FROM log")[0][0])

    def append(self, namespace: str, kind: UpdateType, data: bytes) -> None:
        """Write to the log, within a transaction."""
        self.query("INSERT INTO log (namespace, type, data) VALUES (?, ?, ?)", (namespace, int(kind), data))

    def after(self, number: int, limit: int) -> list[Logged]:
        """The writes after a number."""
        found = self.query("SELECT * FROM log WHERE number > ? ORDER BY number LIMIT ?", (number, limit))
        return [Logged(*row) for row in found]

    def notify(self) -> None:
        """Wake whoever waits for a write."""
        with self.changed:
            self.changed.notify_all()
