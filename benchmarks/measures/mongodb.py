"""The scaffolded MongoDB connector and pymongo alone, against the same server."""

import sys
import tempfile
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.secantusdb import SecantusDB
from measures.measuring import BENCHMARKS, Took, command, interleaved, piped, table, times

__all__ = ["measure"]

_KIT, _ALONE = "the scaffolded connector", "pymongo alone"
_WORK = {
    "read": "read",
    "sorted": "read, pymongo in the order of _id, too",
    "write": "write into an empty collection",
    "overwrite": "overwrite",
}
_COUNT = 10_000


def measure(runs: int) -> list[str]:
    """The section's lines."""
    with SecantusDB(durable=False) as server, tempfile.TemporaryDirectory() as folder:
        connector = scaffold(Answers(scheme="mongodb"), output=Path(folder) / "mongodb").folder
        here = BENCHMARKS / "pipelines" / "mongodb"
        commands = {
            _KIT: f"{sys.executable} {here}/with_connector.py {server.uri} {connector}",
            _ALONE: f"{sys.executable} {here}/with_pymongo.py {server.uri}",
        }
        environment = {"COUNT": str(_COUNT), "SERVER": str(server.pid)}
        for line in commands.values():
            command(f"WORK=prepare {line}", environment)
        found = {
            work: interleaved(
                {
                    name: lambda line=line, work=work: piped(f"WORK={work} {line}", environment)  # type: ignore[misc]
                    for name, line in commands.items()
                },
                runs,
            )
            for work in _WORK
        }
    rows = []
    for work, text in _WORK.items():
        kit, alone = (Took.median(found[work][name]) for name in (_KIT, _ALONE))
        rows.append(
            [
                text,
                *(f"{_COUNT / took.seconds:,.0f} a second" for took in (kit, alone)),
                times(alone.seconds / kit.seconds),
                times(alone.busy / kit.busy),
            ]
        )
    return [
        f"{_COUNT:,} documents of about 200 bytes; SecantusDB on loopback, start-up left out; medians of {runs} runs. "
        "pymongo reads with one cursor into dicts, inserts into an empty collection, and overwrites with upserts, "
        "1,000 in a bulk. The connector is called as dsync calls it, by 4 at once: it reads one partition in the order "
        "of _id, and writes pages that may be repeated. The plan is made before. SecantusDB is the limit, and is not "
        "MongoDB: it runs on the same cores, and reads the whole collection for each query. The last column "
        "compares the processor time of client and server together.",
        "",
        *table(["work", _KIT, _ALONE, "ratio", "by processor time"], rows),
    ]
