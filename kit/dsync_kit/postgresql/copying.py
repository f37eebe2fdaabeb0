"""Rows out of PostgreSQL by COPY: of all ways, the one that costs both sides least."""

from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.sql import Composed

__all__ = ["copied"]


def copied(connection: psycopg.Connection[Any], statement: Composed, size: int) -> Generator[bytes]:
    """What a `COPY … TO STDOUT` gives, in parts of whole lines, each of `size` bytes or a little more; none is empty.

    A caller that has enough closes the iterator, which cancels the statement. Raises psycopg.Error.
    """
    take = connection.pgconn.get_copy_data
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        lines: list[bytes] = []
        length = 0
        while True:
            # libpq has most lines already. psycopg's own step for each line costs more than the line.
            taken, line = take(1)
            # Bytes, because the garbage collector would look at views.
            lines.append(bytes(line if taken else copy.read()))
            if not lines[-1]:
                break
            length += len(lines[-1])
            if length >= size:
                yield b"".join(lines)
                lines, length = [], 0
        if taken < 0:
            _finish(connection)
    if length:
        yield b"".join(lines)


def _finish(connection: psycopg.Connection[Any]) -> None:
    """Take the results that end a COPY: the server's error, if there was one."""
    error = None
    while (result := connection.pgconn.get_result()) is not None:
        if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result)
    if error is not None:
        raise error
