"""The replication slot that holds the changes.

Slot and publication are made on request only, and are never removed: without its slot a stream cannot continue. A slot
that nobody reads keeps the server's log of changes, and fills its disk; warnings say how much it holds.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from dsync_kit.errors import FailedPrecondition, Unavailable
from dsync_kit.postgresql.publication import Published, check_tables, publish
from dsync_kit.postgresql.walsender import ReplicationConnection, lsn_of, lsn_text

__all__ = ["Progress", "Slot"]

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_PATIENCE = 10.0  # seconds until transactions that run when a plan is made are waited for no longer
_MAKING = "60s"
_MUCH = 1 << 30  # bytes of the log that are worth a warning
_ADVANCE_SECONDS = 30.0  # how often a stream moves the slot


class Slot:
    """A replication slot of pgoutput, and its publication.

    No stream reads the slot itself, since only one reader at a time can do that. Each reads a temporary copy of it, so
    that streams do not disturb each other, and none takes away what another one still needs.
    (pg_logical_slot_peek_binary_changes would allow several readers, but it decodes from the slot's position again at
    each call, and returns a large transaction as a whole.)

    `connect` lends a connection in autocommit mode, and `replicate` opens one to a walsender. `create` allows to make
    what is missing. `keep` is how long the slot keeps changes that were delivered, in seconds.
    """

    def __init__(
        self,
        name: str,
        publication: str,
        *,
        connect: Callable[[], AbstractContextManager[Connection]],
        replicate: Callable[[], ReplicationConnection],
        create: bool,
        keep: float,
    ) -> None:
        self.name, self.publication = name, publication
        self.keep, self.patience = keep, _PATIENCE
        self._connect, self._replicate, self._create = connect, replicate, create
        self._tried = False

    def prepare(self, tables: Sequence[Published]) -> None:
        """Make sure that the changes of these tables can be streamed. Called again, it changes nothing.

        Raises FailedPrecondition if the server, a table, the publication or the slot is not ready.
        """
        with self._connect() as connection:
            _check_server(connection)
            check_tables(connection, tables)
            # First the publication: the log cannot be decoded for one that was made later.
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"dsync {self.publication}"])
                publish(connection, self.publication, tables, lambda *run: self._run(connection, *run))
            begin = self._make(connection)
            self._report(connection)
        if not self._tried:
            # Rights, pg_hba.conf or a limit may forbid to stream. That must not come out after hours of copying.
            self.open(begin).close()
            self._tried = True

    def now(self) -> int:
        """The position of the log after which everything comes that is not visible yet."""
        with self._connect() as connection:
            # A commit is in the log a moment before it is visible. So the transactions that run at the position must
            # have ended before anything is read, or one of them may be neither in the copy nor in the stream.
            # What is not flushed yet may be lost in a crash; the log then goes on from an earlier position.
            ((end,),) = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchall()
            ((next_xid,),) = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()
            for _ in _pauses(self.patience):
                running = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
                if running.fetchall()[0][0] >= next_xid:
                    return lsn_of(end)
            begin = self._begin(connection)
        if begin is None:
            raise FailedPrecondition(f"the slot {self.name!r} was removed meanwhile")
        logger.warning(
            "a transaction has been running for long: the stream will repeat what was changed since %s", lsn_text(begin)
        )
        return begin

    def check(self, place: int) -> None:
        """Raise FailedPrecondition unless all changes after a position are there."""
        with self._connect() as connection:
            begin = self._begin(connection)
            if begin is None:
                raise FailedPrecondition(f"plan again, copy again: the slot {self.name!r} is gone with the changes")
            (end,) = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchall()[0]
            self._report(connection)
        if not begin <= place <= lsn_of(end):
            raise FailedPrecondition(
                f"the changes after {lsn_text(place)} are gone: the slot {self.name!r} begins at {lsn_text(begin)}; "
                "plan again, copy again, and give each flow of dsync a slot of its own"
            )

    def wait_for(self, xids: Collection[int]) -> None:
        """Wait until transactions that the log has shown are visible to others.

        The log shows a commit before it is visible; with a synchronous standby, long before. Raises Unavailable if one
        does not become visible for long.
        """
        with self._connect() as connection:
            ((latest,),) = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchall()
            # The log has their lower 32 bits; they are near to the latest.
            full = [latest + (xid - latest + 2**31) % 2**32 - 2**31 for xid in xids]
            for _ in _pauses(self.patience):
                visible = connection.execute(
                    "SELECT bool_and(pg_visible_in_snapshot(xid::text::xid8, pg_current_snapshot())) "
                    "FROM unnest(%s::bigint[]) AS xid",
                    [full],
                )
                if visible.fetchall() == [(True,)]:
                    return
        raise Unavailable("a transaction that is committed does not become visible: does it wait for a standby?")

    def open(self, after: int) -> ReplicationConnection:
        """What sends the changes after a position. Raises psycopg.Error."""
        connection = self._replicate()
        try:
            copy = f"{self.name}_{uuid4().hex[:12]}"
            connection.execute(f"SELECT pg_copy_logical_replication_slot('{self.name}', '{copy}', true)")
            connection.start(copy, after, self.publication)
        except BaseException:
            connection.close()
            raise
        return connection

    def advance(self, place: int) -> None:
        """Let the server forget what comes before a position."""
        with self._connect() as connection:
            connection.execute(
                "SELECT pg_replication_slot_advance(slot_name, %(place)s) FROM pg_replication_slots "
                "WHERE slot_name = %(name)s AND NOT active AND confirmed_flush_lsn < %(place)s::pg_lsn",
                {"name": self.name, "place": lsn_text(place)},
            )

    def _make(self, connection: Connection) -> int:
        """Where the slot begins, made if it is missing."""
        begin = self._begin(connection)
        if begin is not None:
            return begin
        making = sql.SQL("SELECT pg_create_logical_replication_slot({}, 'pgoutput')").format(sql.Literal(self.name))
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL statement_timeout = '{_MAKING}'")
                self._run(connection, making, f"there is no slot {self.name!r}")
        except psycopg.errors.DuplicateObject:
            pass  # another plan was faster
        except psycopg.errors.QueryCanceled as error:
            raise FailedPrecondition(
                f"end the transactions that have been running for more than {_MAKING}, see pg_stat_activity: no slot "
                "can be made before they end"
            ) from error
        return self._make(connection)

    def _run(self, connection: Connection, statement: sql.Composed, lack: str) -> None:
        text = statement.as_string(connection)
        if not self._create:
            raise FailedPrecondition(f"run {text}; or give --create-slot: {lack}")
        connection.execute(statement)
        logger.warning(
            "made for the stream: %s. Remove it when the flow has ended: SELECT pg_drop_replication_slot('%s'); "
            "DROP PUBLICATION %s",
            text,
            self.name,
            sql.Identifier(self.publication).as_string(connection),
        )

    def _begin(self, connection: Connection) -> int | None:
        """The position at which the slot begins; None if it does not exist.

        Raises FailedPrecondition for one that is of no use, and Unavailable for one that is still being made.
        """
        for _ in _pauses(self.patience):
            row = connection.execute(
                "SELECT plugin, database, wal_status = 'lost', confirmed_flush_lsn::text FROM pg_replication_slots "
                "WHERE slot_name = %s",
                [self.name],
            ).fetchone()
            if row is None:
                return None
            plugin, database, lost, begin = row
            if begin is not None:  # another plan may be making it
                break
        if plugin != "pgoutput" or database != connection.info.dbname:
            raise FailedPrecondition(
                f"give another name with --slot: the slot {self.name!r} is of the plugin {plugin} and the database "
                f"{database}"
            )
        if lost:
            raise FailedPrecondition(
                f"SELECT pg_drop_replication_slot('{self.name}'), then plan again and copy again: the server has "
                "removed what the slot held; see max_slot_wal_keep_size and idle_replication_slot_timeout"
            )
        if begin is None:
            raise Unavailable(
                f"plan again soon: the slot {self.name!r} is being made, which waits for transactions that are running"
            )
        return lsn_of(begin)

    def _report(self, connection: Connection) -> None:
        """Warn of slots that keep much of the server's disk."""
        held = connection.execute(
            "SELECT slot_name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots "
            "WHERE NOT active AND database = current_database() AND restart_lsn IS NOT NULL"
        ).fetchall()
        for name, size in held:
            if size <= _MUCH:
                continue
            kept = f"the slot {name} keeps {size / 2**30:.1f} GiB of the server's disk"
            if name == self.name:  # never active, since streams read copies of it
                logger.warning("%s: it shrinks while a stream runs", kept)
            else:
                logger.warning("%s: if nobody needs it any more, SELECT pg_drop_replication_slot('%s')", kept, name)


class Progress:
    """Moves the slot behind a stream that begins after a position.

    The slot follows to what was delivered, or resumed from, so long ago that whoever received it has kept its cursor.
    """

    def __init__(self, slot: Slot, after: int) -> None:
        self._slot = slot
        self._moved = time.monotonic()
        self._delivered = deque([(self._moved, after)])

    def advance(self, delivered: int) -> None:
        """Move the slot if it is time. `delivered` is the last position that was delivered. Raises psycopg.Error."""
        now = time.monotonic()
        if now < self._moved + min(_ADVANCE_SECONDS, self._slot.keep):
            return
        self._moved = now
        self._delivered.append((now, delivered))
        due = None
        while self._delivered and self._delivered[0][0] <= now - self._slot.keep:
            due = self._delivered.popleft()[1]
        if due is not None:
            self._slot.advance(due)


def _check_server(connection: Connection) -> None:
    found = connection.execute("SELECT current_setting('wal_level'), pg_is_in_recovery()")
    ((level, standby),) = found.fetchall()
    if level != "logical":
        raise FailedPrecondition(
            "set wal_level = logical in postgresql.conf and restart PostgreSQL, or run dsync with "
            f"--mode InitialSync: wal_level is {level}, which does not log what changes rows"
        )
    if standby:
        raise FailedPrecondition("connect to the primary: this server is a standby")


def _pauses(seconds: float) -> Iterator[None]:
    """Go on at once, and after growing pauses, for so many seconds."""
    deadline, pause = time.monotonic() + seconds, 0.001
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
