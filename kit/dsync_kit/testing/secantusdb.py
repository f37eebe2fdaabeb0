"""A server that speaks MongoDB's protocol, on loopback: SecantusDB, from the PyPI package `secantusdb`.

It runs as a separate process; none of its code is imported.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dsync_kit.testing.ports import accepts_connections, free_ports
from dsync_kit.testing.process import find_program
from dsync_kit.testing.server import HOST, LocalServer

__all__ = ["SecantusDB"]

_THROTTLED = {
    "failCommands": ["aggregate", "delete", "find", "getMore", "insert", "update"],
    "errorCode": 16500,  # RequestRateTooLarge, as Cosmos DB answers
}


class SecantusDB(LocalServer):
    """One server, a replica set of one member, with its data in a temporary folder, which is in memory where there is
    room; a context manager, or `start` and `stop`.

    `outage` ends it with SIGKILL; acknowledged writes survive that, unless `durable` is False, which makes it faster.
    `throttle` makes it refuse some commands. `start` raises UsageError if `secantusd-py` is not installed, or not ready
    within `start_timeout` seconds.
    """

    name = "SecantusDB"
    in_memory = (
        True  # it syncs after each of a call's writes, since it loses acknowledged ones otherwise when it is killed
    )

    def __init__(self, *, durable: bool = True, start_timeout: float = 60.0) -> None:
        super().__init__(start_timeout=start_timeout)
        self._durable = durable
        self._port = 0

    @property
    def uri(self) -> str:
        """The server's address, for example `mongodb://127.0.0.1:27017`."""
        return f"mongodb://{HOST}:{self._port}"

    @contextmanager
    def throttle(self) -> Iterator[None]:
        """While the context is open, the server takes one command, refuses the next three, and takes the others."""
        from pymongo import MongoClient

        with MongoClient[dict[str, object]](self.uri) as client:
            client.admin.command("configureFailPoint", "failCommand", mode={"skip": 1, "times": 3}, data=_THROTTLED)
            try:
                yield
            finally:
                client.admin.command("configureFailPoint", "failCommand", mode="off")

    def _choose_ports(self) -> None:
        (self._port,) = free_ports(1)

    def _command(self, folder: Path) -> Sequence[str]:
        return [
            find_program("secantusd-py", package="secantusdb"),
            "--enable-test-commands",
            *("--host", HOST, "--port", str(self._port), "--storage-path", str(folder / "data")),
            *(("--sync-on-commit",) if self._durable else ()),
        ]

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
        super()._end()

    def _answers(self) -> bool:
        return accepts_connections(self._port)
