"""Statements over many rows at once: their values go as one array for each column, and come back as texts."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import psycopg
from psycopg import sql

from dsync_kit.postgresql.arrays import text_array
from dsync_kit.postgresql.encoding import Columns

__all__ = ["fetched", "given", "identifiers"]


def identifiers(names: Sequence[str]) -> sql.Composed:
    """Names in a list."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def given(types: Sequence[sql.Composable]) -> sql.Composed:
    """What follows SELECT to get the texts of parameters, an array for each column, as values of these types."""
    names = [sql.Identifier(f"v{number}") for number in range(len(types))]
    cast = [sql.SQL("{}::{}").format(name, kind) for name, kind in zip(names, types, strict=True)]
    return sql.SQL("{} FROM unnest({}) AS given ({})").format(
        sql.SQL(", ").join(cast),
        sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(types)),
        sql.SQL(", ").join(names),
    )


def fetched(
    connection: psycopg.Connection[Any], statement: sql.Composed, arrays: Sequence[Sequence[str | None]]
) -> Columns:
    """What a statement returns for these texts, an array for each parameter: the texts that the server sent.

    Raises psycopg.Error.
    """
    with connection.pipeline():  # at its end, it has run; what waits in a pipeline around it runs with it
        cursor = connection.execute(statement, list(map(text_array, arrays)))
    result = cursor.pgresult
    if result is None:
        raise psycopg.ProgrammingError("the statement returned nothing")
    rows = range(result.ntuples)
    return [list(map(result.get_value, rows, repeat(column))) for column in range(result.nfields)]
