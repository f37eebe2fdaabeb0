"""The scaffolded PostgreSQL connector, psycopg alone and dlt, against the same server."""

import sys
import tempfile
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.postgresql import PostgreSQL
from measures.environments import python_of
from measures.measuring import BENCHMARKS, Took, command, interleaved, piped, table, times

__all__ = ["measure"]

_COUNT = 200_000
_OUT = {
    "the scaffolded connector": "read",
    "psycopg: COPY to a file": "copy",
    "psycopg: rows as dicts": "read",
    "dlt: sql_table": "read",
}
_IN = {"the scaffolded connector": "write", "psycopg: executemany": "write", "dlt: merge by upsert": "write"}


def measure(runs: int) -> list[str]:
    """The section's lines."""
    with PostgreSQL() as server, tempfile.TemporaryDirectory() as folder:
        connector = scaffold(Answers(scheme="postgresql"), output=Path(folder) / "postgresql").folder
        here = BENCHMARKS / "pipelines" / "postgresql"
        alone = f"{sys.executable} {here}/with_psycopg.py {server.uri}"
        lines = {
            "the scaffolded connector": f"{sys.executable} {here}/with_connector.py {server.uri} {connector}",
            "psycopg": alone,
            "dlt": f"RUNTIME__DLTHUB_TELEMETRY=false {python_of('dlt')} {here}/with_dlt.py {server.uri}",
        }
        environment = {"COUNT": str(_COUNT), "SERVER": str(server.pid)}
        command(f"WORK=prepare {alone}", environment)
        rows = []
        for title, contenders in (("out of PostgreSQL", _OUT), ("into an empty table", _IN)):
            found = interleaved(
                {
                    name: lambda name=name, work=work: piped(  # type: ignore[misc]
                        f"WORK={work} {lines[name.partition(':')[0]]}", environment
                    )
                    for name, work in contenders.items()
                },
                runs,
            )
            took = {name: Took.median(each) for name, each in found.items()}
            first = took[next(iter(contenders))]
            rows += [
                [
                    title,
                    name,
                    f"{_COUNT / each.seconds:,.0f} a second",
                    times(each.seconds / first.seconds),
                    times(each.busy / first.busy),
                ]
                for name, each in took.items()
            ]
    return [
        f"{_COUNT:,} rows of about 200 bytes in six columns; PostgreSQL on loopback and the same cores, start-up left "
        f"out; medians of {runs} runs. The connector is called as dsync calls it: it reads four partitions into BSON, "
        "and writes by 4 at once. dlt reads rows of SQLAlchemy's into a destination that counts them. "
        "The last columns are the connector's rate in units of each contender's, and the same by the processor time of "
        "client and server together, which other work on the machine affects less.",
        "",
        *table(["work", "by", "rows", "connector", "by processor time"], rows),
    ]
