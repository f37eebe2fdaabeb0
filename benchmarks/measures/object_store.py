"""The scaffolded S3 connector and boto3, against the same real object store."""

import json
import os
import sys
import tempfile
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.seaweedfs import SeaweedFS
from measures.environments import python_of
from measures.measuring import BENCHMARKS, command, interleaved, median, table, times

__all__ = ["measure"]

_CALLS = 16  # at once on both sides: as many as dsync makes at most
_KIT, _BOTO = "the scaffolded connector", f"boto3, {_CALLS} threads"
_DOCUMENTS = int(os.environ.get("DOCUMENTS", "200000"))
_WORK = {
    "write": f"write {_DOCUMENTS:,} documents of 200 bytes in pages of 1,000",
    "read": "list them, and parse each",
}


def measure(runs: int) -> list[str]:
    """The section's lines."""
    seconds: dict[str, dict[str, list[float]]] = {work: {_KIT: [], _BOTO: []} for work in _WORK}
    busy: dict[str, dict[str, list[float]]] = {work: {_KIT: [], _BOTO: []} for work in _WORK}
    with SeaweedFS() as server, tempfile.TemporaryDirectory() as folder:
        connector = scaffold(Answers(scheme="s3"), output=Path(folder) / "s3").folder
        environment = {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_REGION": server.region,
            "AWS_DEFAULT_REGION": server.region,
            "DOCUMENTS": str(_DOCUMENTS),
            "CALLS": str(_CALLS),
        }
        here = BENCHMARKS / "pipelines" / "boto3"

        def contender(name: str) -> float:
            bucket = server.make_bucket()
            line = {
                _KIT: f"{sys.executable} {here}/with_connector.py {server.endpoint} {bucket} {connector}",
                _BOTO: f"{python_of('boto3')} {here}/with_boto3.py {server.endpoint} {bucket}",
            }[name]
            for work in _WORK:
                measured = json.loads(command(f"WORK={work} {line}", environment).output.splitlines()[-1])
                seconds[work][name].append(measured["seconds"])
                busy[work][name].append(measured["busy"])
            return seconds["write"][name][-1]

        interleaved({name: lambda name=name: contender(name) for name in (_KIT, _BOTO)}, runs)  # type: ignore[misc]
    rows = [
        [
            text,
            *(f"{_DOCUMENTS / median(found):,.0f} a second" for found in seconds[work].values()),
            times(median(seconds[work][_BOTO]) / median(seconds[work][_KIT])),
            times(median(busy[work][_BOTO]) / median(busy[work][_KIT])),
        ]
        for work, text in _WORK.items()
    ]
    return [
        f"SeaweedFS on loopback, start-up left out; medians of {runs} runs. Boto3 puts each page as an NDJSON object; "
        "the connector checks each document, and numbers and indexes the pages; it merges pages of this size when "
        f"there are 256 of them. Each side makes up to {_CALLS} calls at once, and reads what it has written itself. "
        "The last column compares the processor time of the two clients, which other work on the machine affects less.",
        "",
        *table(["work", _KIT, _BOTO, "ratio", "ratio of processor time"], rows),
    ]
