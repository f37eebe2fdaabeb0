"""What pgoutput sends, decoded: made from the documented format, and sent by a real server."""

import struct

import psycopg
import pytest

from dsync_kit.postgresql import pgoutput
from dsync_kit.postgresql.pgoutput import UNCHANGED, Relation, RelationColumn
from dsync_kit.postgresql.walsender import ReplicationConnection, lsn_of, lsn_text
from dsync_kit.testing.postgresql import PostgreSQL


def received(connection: ReplicationConnection, count: int) -> list[pgoutput.Message]:
    """The next messages that change rows, within some seconds."""
    found: list[pgoutput.Message] = []
    while len(found) < count:
        sent = connection.receive(10.0)
        assert sent is not None
        if sent.data and (message := pgoutput.decode(sent.data)) is not None:
            found.append(message)
    return found


def test_what_a_server_sends(server: PostgreSQL) -> None:
    """Inserts, updates with and without their old rows, deletes and truncation, in transactions; large values that an
    update left alone; the description of a table again after it was altered."""
    with psycopg.connect(server.uri, autocommit=True) as client:
        client.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b text)")
        client.execute("ALTER TABLE t ALTER b SET STORAGE EXTERNAL")
        client.execute("CREATE PUBLICATION p FOR TABLE t")
        client.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        ((start,),) = client.execute("SELECT pg_current_wal_lsn()::text").fetchall()
        with client.transaction():
            client.execute("INSERT INTO t VALUES (1, 'é', repeat('x', 9000)), (2, NULL, NULL)")
            client.execute("UPDATE t SET a = 'c' WHERE id = 1")
        client.execute("UPDATE t SET id = 3 WHERE id = 2")
        client.execute("ALTER TABLE t REPLICA IDENTITY FULL, DROP COLUMN b")
        client.execute("UPDATE t SET a = 'd' WHERE id = 3")
        client.execute("DELETE FROM t WHERE id = 1")
        client.execute("TRUNCATE t")
        ((oid, text, number),) = client.execute("SELECT 't'::regclass::oid, 'text'::regtype::oid, 23").fetchall()
    with ReplicationConnection(server.uri) as connection:
        connection.start("s", lsn_of(start), "p")
        begin, relation, one, two, update, commit, *others = received(connection, 20)
    columns = (RelationColumn("id", number, -1, True), *(RelationColumn(name, text, -1, False) for name in "ab"))
    assert isinstance(begin, pgoutput.Begin)
    assert isinstance(commit, pgoutput.Commit)
    assert begin.lsn == commit.lsn < commit.end
    assert relation == Relation(oid, "public", "t", "d", columns)
    assert one == pgoutput.Insert(oid, (b"1", "é".encode(), b"x" * 9000))
    assert two == pgoutput.Insert(oid, (b"2", None, None))
    assert update == pgoutput.Update(oid, None, False, (b"1", b"c", UNCHANGED))
    rows = [change for change in others if not isinstance(change, pgoutput.Begin | pgoutput.Commit)]
    altered = (RelationColumn("id", number, -1, True), RelationColumn("a", text, -1, True))
    assert rows == [
        pgoutput.Update(oid, (b"2", None, None), True, (b"3", None, None)),
        Relation(oid, "public", "t", "f", altered),
        pgoutput.Update(oid, (b"3", None), False, (b"3", b"d")),
        pgoutput.Delete(oid, (b"1", b"c")),
        Relation(oid, "public", "t", "f", altered),
        pgoutput.Truncate((oid,)),
    ]


def test_a_stream_goes_on_where_it_was_left(server: PostgreSQL) -> None:
    """After the transaction whose end it was given, also when the server was killed meanwhile; it keeps quiet while
    nothing happens."""
    with psycopg.connect(server.uri, autocommit=True) as client:
        client.execute("CREATE TABLE u (id int PRIMARY KEY)")
        client.execute("CREATE PUBLICATION q FOR TABLE u")
        client.execute("SELECT pg_create_logical_replication_slot('r', 'pgoutput')")
        client.execute("INSERT INTO u VALUES (1)")
        client.execute("INSERT INTO u VALUES (2)")
        with ReplicationConnection(server.uri) as connection:
            connection.start("r", 0, "q")
            _, _, first, commit = received(connection, 4)
    assert isinstance(first, pgoutput.Insert)
    assert isinstance(commit, pgoutput.Commit)
    with server.outage(), pytest.raises(psycopg.OperationalError):
        ReplicationConnection(server.uri)
    with ReplicationConnection(server.uri) as connection:
        connection.start("r", commit.end, "q")
        _, _, second, commit = received(connection, 4)
        assert second == pgoutput.Insert(first.relation, (b"2",))
        assert isinstance(commit, pgoutput.Commit)
        connection.confirm(commit.end)
        while (sent := connection.receive(0.2)) is not None:
            assert sent.data == b""


def test_what_the_server_refuses_is_an_error(server: PostgreSQL) -> None:
    """With its code: a slot that is not there, a server that goes away."""
    with ReplicationConnection(server.uri) as connection, pytest.raises(psycopg.errors.UndefinedObject):
        connection.start("nowhere", 0, "p")
    with psycopg.connect(server.uri, autocommit=True) as client:
        client.execute("SELECT pg_create_logical_replication_slot('gone', 'pgoutput')")
    connection = ReplicationConnection(server.uri)
    connection.start("gone", 0, "p")
    while connection.receive(0.1) is not None:
        pass
    with server.outage(), pytest.raises(psycopg.OperationalError):
        connection.receive(5.0)
    connection.close()


RELATION = struct.pack(">cI", b"R", 7) + b"s\0t\0d" + struct.pack(">H", 1) + b"\1k\0" + struct.pack(">Ii", 23, -1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack(">cQqI", b"B", 5, 0, 9), pgoutput.Begin(5, 9)),
        (struct.pack(">cBQQq", b"C", 0, 5, 6, 0), pgoutput.Commit(5, 6)),
        (RELATION, Relation(7, "s", "t", "d", (RelationColumn("k", 23, -1, True),))),
        (struct.pack(">cIcHc", b"D", 7, b"O", 1, b"n"), pgoutput.Delete(7, (None,))),
        (struct.pack(">cIBII", b"T", 2, 0, 7, 8), pgoutput.Truncate((7, 8))),
        (b"O" + bytes(8) + b"origin\0", None),
        (b"Y" + bytes(4) + b"s\0type\0", None),
        (b"M" + bytes(9) + b"prefix\0" + bytes(4), None),
    ],
)
def test_each_kind_of_message(data: bytes, message: object) -> None:
    """As the manual describes it; what changes no row is None."""
    assert pgoutput.decode(data) == message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"?",
        b"B",
        b"I\0\0\0\7X",
        b"I\0\0\0\7N\0\1t\0\0\0\5abc",
        b"I\0\0\0\7N\0\1z",
        b"U\0\0\0\7K\0\0X",
        RELATION[:-1],
        b"R\0\0\0\7s",
    ],
)
def test_what_is_not_a_message_is_refused(data: bytes) -> None:
    """Cut short, of an unknown kind, or with values beyond its end."""
    with pytest.raises(ValueError, match="not a message of pgoutput: "):
        pgoutput.decode(data)


def test_positions_are_written_in_two_halves() -> None:
    assert lsn_of("16/B374D848") == 0x16B374D848
    assert lsn_text(0x16B374D848) == "16/B374D848"
