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

_KIT, _BOTO = "the scaffolded connector", "boto3, 16 threads"
_DOCUMENTS = int(os.environ.get("DOCUMENTS", "200000"))
_WORK = {
    "write": f"write {_DOCUMENTS:,} documents of 200 bytes in pages of 1,000",
    "read": "list them, and parse each",
}


def measure(runs: int) -> list[str]:
    """The section's lines."""
    seconds: dict[str, dict[str, list[float]]] = {work: {_KIT: [], _BOTO: []} for work in _WORK}
    with SeaweedFS() as server, tempfile.TemporaryDirectory() as folder:
        connector = scaffold(Answers(scheme="s3"), output=Path(folder) / "s3").folder
        environment = {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_REGION": server.region,
            "AWS_DEFAULT_REGION": server.region,
            "DOCUMENTS": str(_DOCUMENTS),
        }
        here = BENCHMARKS / "pipelines" / "boto3"

        def contender(name: str) -> float:
            bucket = server.make_bucket()
            line = {
                _KIT: f"{sys.executable} {here}/with_connector.py {server.endpoint} {bucket} {connector}",
                _BOTO: f"{python_of('boto3')} {here}/with_boto3.py {server.endpoint} {bucket}",
            }[name]
            for work in _WORK:
                seconds[work][name].append(_seconds(f"WORK={work} {line}", environment))
            return seconds["write"][name][-1]

        interleaved({name: lambda name=name: contender(name) for name in (_KIT, _BOTO)}, runs)  # type: ignore[misc]
    rows = [
        [
            text,
            *(f"{_DOCUMENTS / median(found):,.0f} a second" for found in seconds[work].values()),
            times(median(seconds[work][_BOTO]) / median(seconds[work][_KIT])),
        ]
        for work, text in _WORK.items()
    ]
    return [
        f"SeaweedFS on loopback, start-up left out; medians of {runs} runs. Boto3 puts each page as an NDJSON object; "
        "the connector checks each document, numbers and indexes the pages, and merges them meanwhile. Each side reads "
        "what it has written itself.",
        "",
        *table(["work", _KIT, _BOTO, "ratio"], rows),
    ]


def _seconds(line: str, environment: dict[str, str]) -> float:
    return float(json.loads(command(line, environment).output.splitlines()[-1])["seconds"])
