"""What must be right before changes are streamed: each refusal names the statement that helps."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest

from dsync_kit.errors import FailedPrecondition
from dsync_kit.postgresql.pgoutput import Relation, RelationColumn
from dsync_kit.postgresql.publication import logged_key
from dsync_kit.postgresql.slot import Progress, Slot
from dsync_kit.postgresql.walsender import ReplicationConnection
from dsync_kit.testing.postgresql import PostgreSQL

Client = psycopg.Connection[Any]


class Table(NamedTuple):
    oid: int
    schema: str
    name: str
    partitioned: bool


@pytest.fixture
def slot(server: PostgreSQL, name: str) -> Callable[..., Slot]:
    """Slots, and publications, of the test's name."""

    @contextmanager
    def connect() -> Any:
        with psycopg.connect(server.uri, autocommit=True) as connection:
            yield connection

    def make(create: bool = False, keep: float = 600.0) -> Slot:
        replicate = lambda: ReplicationConnection(server.uri)  # noqa: E731
        return Slot(name, name, connect=connect, replicate=replicate, create=create, keep=keep)

    return make


def made(client: Client, name: str, table: str) -> Table:
    """A table `NAME."T"`, with the rest of the statement that makes it."""
    client.execute(f'CREATE SCHEMA {name}; CREATE TABLE {name}."T" {table}'.encode())
    ((oid,),) = client.execute("SELECT (%s || '.\"T\"')::regclass::oid", [name]).fetchall()
    return Table(oid, name, "T", "PARTITION BY" in table)


@pytest.mark.parametrize(
    ("table", "after", "message"),
    [
        (
            "(k int PRIMARY KEY, n int)",
            'CREATE PUBLICATION {0} FOR TABLE {0}."T" WHERE (k > 5)',
            "a row filter or a list",
        ),
        ("(k int PRIMARY KEY, n int)", 'CREATE PUBLICATION {0} FOR TABLE {0}."T" (k)', "a row filter or a list"),
        (
            "(k int PRIMARY KEY)",
            "CREATE PUBLICATION {0} FOR TABLE {0}.\"T\" WITH (publish = 'insert, update')",
            "ALTER PUBLICATION .* SET .publish = 'insert, update, delete, truncate'",
        ),
        (
            "(k int PRIMARY KEY) PARTITION BY HASH (k)",
            'CREATE PUBLICATION {0} FOR TABLE {0}."T"',
            "ALTER PUBLICATION .* SET .publish_via_partition_root = true",
        ),
        (
            "(k int PRIMARY KEY DEFERRABLE)",
            "CREATE PUBLICATION {0}",
            'ALTER TABLE {0}."T" REPLICA IDENTITY FULL, or make its primary key NOT DEFERRABLE',
        ),
        ("(k int PRIMARY KEY)", 'ALTER TABLE {0}."T" SET UNLOGGED', 'ALTER TABLE {0}."T" SET LOGGED'),
        ("(k int PRIMARY KEY)", 'ALTER TABLE {0}."T" REPLICA IDENTITY NOTHING', 'ALTER TABLE {0}."T" REPLICA IDENTITY'),
        (
            "(k int PRIMARY KEY) PARTITION BY HASH (k)",
            'CREATE TABLE {0}.leaf PARTITION OF {0}."T" FOR VALUES WITH (MODULUS 1, REMAINDER 0);'
            "ALTER TABLE {0}.leaf REPLICA IDENTITY NOTHING",
            "ALTER TABLE {0}.leaf REPLICA IDENTITY DEFAULT",
        ),
    ],
)
def test_what_would_leave_changes_out_is_refused(
    client: Client, slot: Callable[..., Slot], name: str, table: str, after: str, message: str
) -> None:
    """Rows, columns or kinds of changes that the publication omits; tables whose changes do not show their key."""
    tables = [made(client, name, table)]
    client.execute(after.format(name).encode())
    with pytest.raises(FailedPrecondition, match=message.format(name)):
        slot(create=True).prepare(tables)
    assert client.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [name]).fetchall() == []


def test_a_plan_tries_to_stream(client: Client, server: PostgreSQL, slot: Callable[..., Slot], name: str) -> None:
    """Who may not replicate hears of it when the plan is made, not after hours of copying; and no copy of the slot is
    left behind."""
    tables = [made(client, name, "(k int PRIMARY KEY)")]
    slot(create=True).prepare(tables)
    client.execute(f"CREATE ROLE {name} LOGIN".encode())
    one = slot()
    one._replicate = lambda: ReplicationConnection(server.uri.replace("//postgres@", f"//{name}@"))
    with pytest.raises(psycopg.Error, match=r"(?i)wal ?sender"):
        one.prepare(tables)
    slot().prepare(tables)
    left = "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE %s || '%%'"
    # The server drops the copy a moment after the connection has been closed.
    while client.execute(left, [name]).fetchall() != [(name,)]:
        pass


def test_a_slot_follows_what_was_delivered(client: Client, slot: Callable[..., Slot], name: str) -> None:
    """Only after `keep` seconds, since its receiver may come back with an older cursor; never backwards."""
    kept, moved = slot(create=True), slot(keep=0.0)
    kept.prepare([made(client, name, "(k int PRIMARY KEY)")])
    begin = kept.now()

    def confirmed() -> int:
        position = "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = %s"
        return int(client.execute(position, [name]).fetchall()[0][0])

    client.execute(f'TRUNCATE {name}."T"'.encode())
    end = kept.now()
    before = confirmed()
    Progress(kept, begin).advance(end)
    assert confirmed() == before
    Progress(moved, begin).advance(end)
    assert begin < confirmed() <= end
    Progress(moved, begin).advance(begin)
    assert begin < confirmed()


COLUMNS = tuple(RelationColumn(name, 23, -1, key) for name, key in (("a", True), ("b", True), ("c", False)))
EVERY = tuple(column._replace(key=True) for column in COLUMNS)


@pytest.mark.parametrize(
    ("identity", "columns", "now", "expected"),
    [
        ("d", COLUMNS, ("b", "a"), ("b", "a")),
        ("f", EVERY, ("b",), ("b",)),
        ("d", COLUMNS[1:], None, ("b",)),
        ("d", COLUMNS, None, None),
        ("f", EVERY, None, None),
    ],
)
def test_the_key_is_what_log_and_catalogue_agree_on(
    identity: str, columns: tuple[RelationColumn, ...], now: tuple[str, ...] | None, expected: object
) -> None:
    """In the catalogue's order; of a table that is gone, only what the log shows without doubt."""
    assert logged_key(Relation(1, "s", "t", identity, columns), now) == expected


@pytest.mark.parametrize(
    ("identity", "columns", "now", "message"),
    [
        ("d", COLUMNS, ("a",), "the primary key of s.t is another one now"),
        ("d", COLUMNS, ("c",), "the primary key of s.t is another one now"),
        ("f", EVERY, ("d",), "the primary key of s.t is another one now"),
        ("i", COLUMNS, ("a", "b"), "ALTER TABLE s.t REPLICA IDENTITY DEFAULT"),
    ],
)
def test_changes_without_the_key_end_the_stream(
    identity: str, columns: tuple[RelationColumn, ...], now: tuple[str, ...], message: str
) -> None:
    """Deletes would name other rows, or none."""
    with pytest.raises(FailedPrecondition, match=message):
        logged_key(Relation(1, "s", "t", identity, columns), now)
