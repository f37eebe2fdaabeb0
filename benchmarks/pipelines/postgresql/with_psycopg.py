"""psycopg by itself: with_psycopg.py URI; WORK is prepare, copy (COPY to a file), read (rows as dicts) or write."""

import os
import tempfile

import psycopg
from psycopg.rows import dict_row
from work import COUNT, URI, prepare, timed

client = psycopg.connect(URI)


def copy() -> int:
    """COPY to a file."""
    with tempfile.TemporaryFile() as file, client.cursor().copy("COPY source TO STDOUT") as rows:
        return sum(1 for row in rows if file.write(row))


def read() -> int:
    """All rows, as dicts."""
    return sum(1 for _ in client.cursor(row_factory=dict_row).execute("SELECT * FROM source"))


def write() -> int:
    """Upserts by executemany, 1,000 in a transaction."""
    cursor = client.cursor()
    for start in range(0, COUNT, 1000):
        cursor.executemany(UPSERT, rows[start : start + 1000])
        client.commit()
    return len(rows)


UPSERT = """
    INSERT INTO target VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET text = excluded.text,
    number = excluded.number, price = excluded.price, flag = excluded.flag, made = excluded.made
"""
if (asked := os.environ["WORK"]) == "prepare":
    prepare()
else:
    rows = client.execute("SELECT * FROM source").fetchall() if asked == "write" else []
    client.execute("TRUNCATE target")
    client.commit()
    timed({"copy": copy, "read": read, "write": write}[asked], COUNT)
