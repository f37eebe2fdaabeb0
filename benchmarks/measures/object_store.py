"""The scaffolded S3 connector and boto3, against the same real object store."""

import json
import sys
import tempfile
from pathlib import Path

from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.seaweedfs import SeaweedFS
from measures.environments import python_of
from measures.measuring import BENCHMARKS, command, interleaved, median, table, times

__all__ = ["measure"]

_KIT, _BOTO = "the scaffolded connector", "boto3, 16 threads"
_WORK = {"read": "list and read 2,000 objects of 10 KiB", "write": "write 200,000 documents of 200 bytes"}
_COUNTS = {"read": 2_000, "write": 200_000}


def measure(runs: int) -> list[str]:
    """The section's lines."""
    with SeaweedFS() as server, tempfile.TemporaryDirectory() as folder:
        bucket = server.make_bucket()
        connector = scaffold(Answers(scheme="s3"), output=Path(folder) / "s3").folder
        environment = {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_REGION": server.region,
            "AWS_DEFAULT_REGION": server.region,
        }
        here = BENCHMARKS / "pipelines" / "boto3"
        commands = {
            _KIT: f"{sys.executable} {here}/with_connector.py {server.endpoint} {bucket} {connector}",
            _BOTO: f"{python_of('boto3')} {here}/with_boto3.py {server.endpoint} {bucket}",
        }
        for line in commands.values():
            command(f"WORK=prepare {line}", environment)
        found = {
            work: interleaved(
                {
                    name: lambda line=line, work=work: _seconds(f"WORK={work} {line}", environment)  # type: ignore[misc]
                    for name, line in commands.items()
                },
                runs,
            )
            for work in _WORK
        }
    rows = [
        [
            text,
            *(f"{_COUNTS[work] / median(found[work][name]):,.0f} a second" for name in commands),
            times(median(found[work][_BOTO]) / median(found[work][_KIT])),
        ]
        for work, text in _WORK.items()
    ]
    return [
        f"SeaweedFS on loopback, start-up left out; medians of {runs} runs. Every document is an object of its own, on "
        "both sides; each side reads what it has written itself.",
        "",
        *table(["work", _KIT, _BOTO, "ratio"], rows),
    ]


def _seconds(line: str, environment: dict[str, str]) -> float:
    return float(json.loads(command(line, environment).output.splitlines()[-1])["seconds"])
