"""A connection over which PostgreSQL sends the changes of a replication slot as they are committed."""

import select
import struct
from time import monotonic
from typing import NamedTuple, Self

import psycopg

__all__ = ["ReplicationConnection", "Sent", "lsn_of", "lsn_text"]

_SENT, _KEEPALIVE, _STATUS = struct.Struct(">cQQq"), struct.Struct(">cQqB"), struct.Struct(">cQQQqB")


class Sent(NamedTuple):
    """What the server sent: a message of the slot's plugin, or an empty one.

    `end` says how far the log has been decoded: whoever has the messages before it misses nothing up to there.
    """

    data: bytes
    end: int


class ReplicationConnection:
    """A session of the server's walsender, for one thread. Raises psycopg.Error when the server fails.

    psycopg has no calls for it, but libpq has: the session runs plain SQL until `start`, and streams from then on. It
    begins with the statements `settings`.
    """

    def __init__(self, conninfo: str, settings: str = "") -> None:
        # A walsender understands simple queries only, which psycopg sends where there are no parameters.
        self._connection = psycopg.connect(conninfo, replication="database", autocommit=True, prepare_threshold=None)
        self._pgconn = self._connection.pgconn
        self._confirmed = 0
        try:
            self.execute(settings)
        except BaseException:
            self.close()
            raise

    def execute(self, statement: str) -> None:
        """Run a statement without parameters; not after `start`."""
        self._connection.execute(statement.encode())

    def start(self, slot: str, after: int, publication: str) -> None:
        """Begin to stream what was committed after a position of the log, to tables of a publication."""
        names = publication.replace('"', '""').replace("'", "''")
        # Names of slots are lower case letters, digits and underscores.
        command = (
            f"START_REPLICATION SLOT {slot} LOGICAL {lsn_text(after)} "
            f"(proto_version '1', publication_names '\"{names}\"')"
        )
        result = self._pgconn.exec_(command.encode())
        if result.status != psycopg.pq.ExecStatus.COPY_BOTH:
            raise psycopg.errors.error_from_result(result)
        self._confirmed = after

    def receive(self, wait: float) -> Sent | None:
        """The next message; None if none is complete within `wait` seconds."""
        deadline = monotonic() + wait
        while True:
            size, data = self._pgconn.get_copy_data(1)
            if size > 0:
                if (sent := self._sent(bytes(data))) is not None:
                    return sent
            elif size == 0:
                # A large message comes in many parts.
                if not self._readable(max(0.0, deadline - monotonic())):
                    return None
                self._pgconn.consume_input()
            else:
                result = self._pgconn.get_result()
                if result is not None and result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
                    raise psycopg.errors.error_from_result(result)
                raise psycopg.OperationalError("the server ended the stream of changes")

    def confirm(self, position: int) -> None:
        """Let the server forget what it kept for this session up to a position, and show it that we live."""
        self._confirmed = max(self._confirmed, position)
        # The clock is for the server's statistics: 0 is as good as any.
        self._pgconn.put_copy_data(_STATUS.pack(b"r", self._confirmed, self._confirmed, self._confirmed, 0, 0))
        self._pgconn.flush()

    def close(self) -> None:
        """Disconnect; temporary slots of the session go with it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sent(self, data: bytes) -> Sent | None:
        if data[:1] == b"w":
            _, start, _, _ = _SENT.unpack_from(data)
            return Sent(data[_SENT.size :], start)
        if data[:1] == b"k":
            _, end, _, wanted = _KEEPALIVE.unpack_from(data)
            if wanted:
                self.confirm(self._confirmed)
            return Sent(b"", end)
        return None

    def _readable(self, wait: float) -> bool:
        # Not select(), which takes no descriptor beyond 1,023.
        waiting = select.poll()
        waiting.register(self._pgconn.socket, select.POLLIN)
        return bool(waiting.poll(wait * 1000))


def lsn_of(text: str) -> int:
    """A position in the log as a number: 16/B374D848 is 0x16B374D848."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(lsn: int) -> str:
    """A position in the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
