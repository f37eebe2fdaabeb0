"""The slot: where a stream begins, what happens while it is made, and what is reported of its size."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from dsync_kit.errors import Unavailable
from dsync_kit.postgresql import slot as slot_module
from dsync_kit.postgresql.slot import Slot
from dsync_kit.postgresql.walsender import ReplicationConnection, lsn_of
from dsync_kit.testing.postgresql import PostgreSQL

Client = psycopg.Connection[Any]


@pytest.fixture
def make(server: PostgreSQL, client: Client, name: str) -> Iterator[Callable[..., Slot]]:
    """Slots of the test's name, on connections with a setting of the user's; the slot is dropped."""

    @contextmanager
    def connect() -> Iterator[Client]:
        with psycopg.connect(server.uri, autocommit=True) as connection:
            yield connection

    def made(connect: Any = connect) -> Slot:
        replicate = lambda: ReplicationConnection(server.uri)  # noqa: E731
        return Slot(name, name, connect=connect, replicate=replicate, create=True, keep=600.0)

    yield made
    client.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active",
        [name],
    )


def test_a_stream_begins_where_a_crash_loses_nothing(
    server: PostgreSQL, client: Client, make: Callable[..., Slot], name: str
) -> None:
    """After a crash, the log goes on from what was flushed: a position beyond that would hide changes."""
    make().prepare([])
    client.execute(f"CREATE TABLE {name} (k int)".encode())
    client.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    client.execute("SELECT pg_reload_conf()")
    try:
        with psycopg.connect(server.uri, autocommit=True) as other:
            while other.execute("SHOW wal_writer_delay").fetchall() != [("10s",)]:
                pass
            other.execute("SET synchronous_commit = off")
            # The first one wakes the writer, which still sleeps for as long as before.
            for _ in range(2):
                other.execute(f"INSERT INTO {name} SELECT generate_series(1, 500)".encode())
        place = make().now()
        ((flushed,),) = client.execute("SELECT pg_current_wal_flush_lsn()::text").fetchall()
    finally:
        client.execute("ALTER SYSTEM RESET wal_writer_delay")
        client.execute("SELECT pg_reload_conf()")
    assert place <= lsn_of(flushed)


def test_two_plans_at_once_use_one_slot(
    server: PostgreSQL, client: Client, make: Callable[..., Slot], name: str
) -> None:
    """Making a slot waits for running transactions; meanwhile it has no position, and another plan waits for it."""
    client.execute(f"CREATE TABLE {name} (k int)".encode())
    being_made = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s"
    with ThreadPoolExecutor(2) as threads:
        with psycopg.connect(server.uri) as other:
            other.execute(f"INSERT INTO {name} VALUES (1)".encode())  # noqa: S608 - a name of the test
            first = threads.submit(make().prepare, [])
            while not client.execute(being_made, [name]).fetchall():
                pass
            hurried = make()
            hurried.patience = 0.0
            with pytest.raises(Unavailable, match="is being made, which waits for transactions"):
                hurried.check(1)
            second = threads.submit(make().prepare, [])
        first.result()
        second.result()


def test_making_a_slot_leaves_the_session_as_it_was(server: PostgreSQL, make: Callable[..., Slot]) -> None:
    """Connections are used again: a time limit that the session had lifted must stay lifted."""
    with psycopg.connect(server.uri, autocommit=True, options="-c statement_timeout=50s") as connection:
        connection.execute("SET statement_timeout = 0")

        @contextmanager
        def connect() -> Iterator[Client]:
            yield connection

        make(connect).prepare([])
        assert connection.execute("SHOW statement_timeout").fetchall() == [("0",)]


def test_only_other_slots_are_to_be_dropped(
    client: Client,
    make: Callable[..., Slot],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No stream reads the slot itself, so it always looks abandoned: nobody may be advised to drop it."""
    monkeypatch.setattr(slot_module, "_MUCH", -1)
    client.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [f"{name}_other"])
    try:
        make().prepare([])
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            make().prepare([])
    finally:
        client.execute("SELECT pg_drop_replication_slot(%s)", [f"{name}_other"])
    assert f"pg_drop_replication_slot('{name}_other')" in caplog.text
    assert f"pg_drop_replication_slot('{name}')" not in caplog.text
    assert f"the slot {name} keeps" in caplog.text
