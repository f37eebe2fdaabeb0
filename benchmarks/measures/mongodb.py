"""The scaffolded MongoDB connector and pymongo alone, against the same server."""

import sys
import tempfile
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.secantusdb import SecantusDB
from measures.measuring import BENCHMARKS, command, interleaved, median, table, times

__all__ = ["measure"]

_KIT, _ALONE = "the scaffolded connector", "pymongo alone"
_WORK = {
    "read": "read",
    "sorted": "read, pymongo in the order of _id, too",
    "write": "upsert into an empty collection",
    "overwrite": "upsert over what is there",
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
        for line in commands.values():
            command(f"COUNT={_COUNT} WORK=prepare {line}")
        found = {
            work: interleaved(
                {
                    name: lambda line=line, work=work: _seconds(f"COUNT={_COUNT} WORK={work} {line}")  # type: ignore[misc]
                    for name, line in commands.items()
                },
                runs,
            )
            for work in _WORK
        }
    rows = [
        [
            text,
            *(f"{_COUNT / median(found[work][name]):,.0f} a second" for name in commands),
            times(median(found[work][_ALONE]) / median(found[work][_KIT])),
        ]
        for work, text in _WORK.items()
    ]
    return [
        f"{_COUNT:,} documents of about 200 bytes; SecantusDB on loopback, start-up left out; medians of {runs} runs. "
        "pymongo reads with one cursor into dicts, and writes as the connector does, unordered upserts in bulk. "
        "The connector is called as dsync calls it: it writes by 4 at once, and reads one partition in the order of "
        "_id. For that this server reads and sorts the whole collection, where MongoDB reads its index. The server is "
        "the limit: it runs on the same cores, and is not MongoDB itself.",
        "",
        *table(["work", _KIT, _ALONE, "ratio"], rows),
    ]


def _seconds(line: str) -> float:
    return float(command(line).output.splitlines()[-1])
