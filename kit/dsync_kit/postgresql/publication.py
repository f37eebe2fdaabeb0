"""The publication that names the tables whose changes are streamed, and what makes a table fit for it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import psycopg
from psycopg import sql

from dsync_kit.errors import FailedPrecondition
from dsync_kit.postgresql.pgoutput import Relation

__all__ = ["Published", "check_tables", "logged_key", "publish"]


class Published(Protocol):
    """A table that is to be streamed."""

    @property
    def oid(self) -> int: ...
    @property
    def schema(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def partitioned(self) -> bool: ...


Connection = psycopg.Connection[Any]

# The changes of a partitioned table are logged as its partitions say.
_UNFIT = """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relpersistence <> 'p',
        c.relreplident = 'd' AND k.condeferrable
    FROM pg_catalog.unnest(%s::oid[]) AS root CROSS JOIN LATERAL (
        SELECT root AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(root)) AS t
    JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE c.relreplident NOT IN ('d', 'f') OR c.relpersistence <> 'p' OR c.relreplident = 'd' AND k.condeferrable
    ORDER BY 1
"""
_PUBLICATION = """
    SELECT pubviaroot, pubinsert AND pubupdate AND pubdelete AND pubtruncate
    FROM pg_catalog.pg_publication WHERE pubname = %s
"""
# Without a list of columns, `attnames` has all that are not generated.
_PUBLISHED = """
    SELECT schemaname, tablename, rowfilter IS NOT NULL, EXISTS (
        SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = schemaname AND c.relname = tablename AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND a.attname <> ALL (attnames))
    FROM pg_catalog.pg_publication_tables WHERE pubname = %s
"""


def check_tables(connection: Connection, tables: Sequence[Published]) -> None:
    """Raise FailedPrecondition for a table whose changes are not logged, or not with the primary key."""
    for name, unlogged, deferrable in connection.execute(_UNFIT, [[table.oid for table in tables]]).fetchall():
        if unlogged:
            raise FailedPrecondition(
                f"ALTER TABLE {name} SET LOGGED, or name the other tables: it is unlogged, and has no changes to stream"
            )
        if deferrable:
            raise FailedPrecondition(
                f"ALTER TABLE {name} REPLICA IDENTITY FULL, or make its primary key NOT DEFERRABLE: once the table is "
                "published, PostgreSQL refuses to update or delete its rows"
            )
        raise FailedPrecondition(
            f"ALTER TABLE {name} REPLICA IDENTITY DEFAULT: its replica identity does not show the primary key"
        )


def publish(
    connection: Connection, name: str, tables: Sequence[Published], run: Callable[[sql.Composed, str], None]
) -> None:
    """Make sure that a publication has these tables with all of their changes.

    `run` is called with the statement that would be needed, and with the reason. Raises FailedPrecondition for a
    publication that leaves changes out.
    """
    quoted = sql.Identifier(name)
    shown = quoted.as_string(connection)
    found = connection.execute(_PUBLICATION, [name]).fetchone()
    published = {row[:2]: row[2:] for row in connection.execute(_PUBLISHED, [name]).fetchall()}
    if found is not None:
        via_root, complete = found
        if not complete:
            raise FailedPrecondition(
                f"ALTER PUBLICATION {shown} SET (publish = 'insert, update, delete, truncate'): "
                "it leaves some kinds of changes out"
            )
        if not via_root and any(table.partitioned for table in tables):
            raise FailedPrecondition(
                f"ALTER PUBLICATION {shown} SET (publish_via_partition_root = true): "
                "without it, changes come under the names of partitions"
            )
    for table in tables:
        if any(published.get((table.schema, table.name), ())):
            raise FailedPrecondition(
                f"publish {table.schema}.{table.name} as a whole: the publication {shown} has a row filter or a list "
                "of columns for it, and would leave changes out"
            )
    missing = [table for table in tables if (table.schema, table.name) not in published]
    if found is not None and not missing:
        return
    listed = sql.SQL(", ").join(sql.Identifier(table.schema, table.name) for table in missing)
    if found is not None:
        run(sql.SQL("ALTER PUBLICATION {} ADD TABLE {}").format(quoted, listed), f"{shown} lacks tables")
        return
    which = sql.SQL(" FOR TABLE {}").format(listed) if missing else sql.SQL("")
    making = sql.SQL("CREATE PUBLICATION {}{} WITH (publish_via_partition_root = true)").format(quoted, which)
    run(making, f"there is no publication {shown}")


def logged_key(relation: Relation, key: Sequence[str] | None) -> tuple[str, ...] | None:
    """The primary key by which the log shows the changes of a table, in its order.

    `key` is the table's primary key now, None if the table is gone. Without it, None is returned if nothing else says
    what the key was. Raises FailedPrecondition if the log does not show the key.
    """
    name = f"{relation.schema}.{relation.name}"
    logged = tuple(column.name for column in relation.columns if column.key)
    if relation.identity not in ("d", "f"):
        raise FailedPrecondition(
            f"ALTER TABLE {name} REPLICA IDENTITY DEFAULT, plan again, and copy again: the log does not show its key"
        )
    if key is None:
        return logged if relation.identity == "d" and len(logged) == 1 else None
    # With the identity FULL, all columns are logged.
    if set(key) != set(logged) and not (relation.identity == "f" and set(key) <= set(logged)):
        raise FailedPrecondition(f"the primary key of {name} is another one now: plan again, and copy again")
    return tuple(key)
