"""The same by dlt: with_dlt.py URI; WORK is read (into a destination that counts) or write (upserts)."""

import os
import tempfile
from typing import Any

import dlt
import sqlalchemy
from dlt.destinations import postgres
from dlt.sources.sql_database import sql_table
from work import COUNT, URI, timed

ADDRESS = URI.replace("postgresql://", "postgresql+psycopg2://")
# dlt insists on a password, for which the server does not ask.
DESTINATION = URI.replace("@", ":none@")
received = 0


@dlt.destination(batch_size=10_000)
def counter(items: Any, table: Any) -> None:
    global received
    received += len(items)


def read() -> int:
    """The table, as rows of SQLAlchemy's, which is dlt's default."""
    dlt.pipeline("out", destination=counter, pipelines_dir=folder).run(
        sql_table(ADDRESS, table="source", schema="public", chunk_size=10_000)
    )
    return received


def write() -> int:
    """Lists of rows, upserted by their key."""
    resource = dlt.resource(
        (rows[start : start + 1000] for start in range(0, COUNT, 1000)),
        name="upserted",
        primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    pipeline = dlt.pipeline("into", destination=postgres(DESTINATION), dataset_name="dlt", pipelines_dir=folder)
    pipeline.run(resource)
    with sqlalchemy.create_engine(ADDRESS).connect() as client:
        found = client.execute(sqlalchemy.text("SELECT count(*) FROM dlt.upserted")).scalar_one()
        client.execute(sqlalchemy.text("DROP SCHEMA dlt, dlt_staging CASCADE"))
        client.commit()
    return int(found)


with tempfile.TemporaryDirectory() as folder:
    if (asked := os.environ["WORK"]) == "write":
        with sqlalchemy.create_engine(ADDRESS).connect() as client:
            rows = [dict(row) for row in client.execute(sqlalchemy.text("SELECT * FROM source")).mappings()]
    timed({"read": read, "write": write}[asked], COUNT)
