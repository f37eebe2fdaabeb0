"""The table of both sides. COUNT says how many rows it has; URI is the first argument."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from timing import timed

__all__ = ["COUNT", "URI", "prepare", "timed"]

COUNT = int(os.environ["COUNT"])
COLUMNS = "id bigint PRIMARY KEY, text text, number integer, price double precision, flag boolean, made timestamptz"
URI = sys.argv[1]


def prepare() -> None:
    """A table to read from, and an empty one to write to."""
    import psycopg

    with psycopg.connect(URI, autocommit=True) as client:
        client.execute("DROP TABLE IF EXISTS source, target")
        for name in ("source", "target"):
            client.execute(f"CREATE TABLE {name} ({COLUMNS})".encode())
        client.execute(
            "INSERT INTO source SELECT n, repeat('x', 150), n %% 1000, n / 4.0, n %% 2 = 0, "
            "timestamptz 'epoch' + n * interval '1 s' FROM generate_series(1, %s) n",
            [COUNT],
        )
        client.execute("VACUUM ANALYZE source")
