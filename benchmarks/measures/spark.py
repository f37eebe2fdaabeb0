"""The Spark data source beside `dsync-kit run`, and beside Spark's own sources, on the same documents."""

import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from dsync_kit.client import GrpcClient
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_JSON_ID, GeneratePlanRequest
from measures.measuring import BENCHMARKS, KIT, command, interleaved, median, served, table, times

__all__ = ["measure"]

_COUNT = int(os.environ.get("DOCUMENTS", "1000000"))
_FEW, _PARTITIONS = 4_000, 4
_PAYLOAD = '{"name":"customer","email":"customer@example.com","city":"Amsterdam","note":"' + "x" * 60 + '"}'
_RUN = "`dsync-kit run`, to /dev/null"


def measure(runs: int) -> list[str]:
    """The section's lines."""
    if shutil.which("java") is None:
        return ["Not measured: Java is not installed."]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        addresses = {}
        for size, count in (("many", _COUNT), ("few", _FEW)):
            addresses[size] = stack.enter_context(served(*_source(count)))
            _as_files(addresses[size], Path(folder) / size)
        script = f"{sys.executable} {BENCHMARKS}/pipelines/spark/session.py {addresses['many']} {addresses['few']}"
        environment = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        line = command(f"{script} {folder} {runs} 2>/dev/null", environment).output.splitlines()[-1]
        seconds: dict[str, list[float]] = json.loads(line)
        moved = interleaved({size: lambda size=size: _run(addresses[size]) for size in ("many", "few")}, runs)  # type: ignore[misc]
        seconds[_RUN] = [median(moved["many"]) - median(moved["few"])]
    rate = {name: (_COUNT - _FEW) / median(found) for name, found in seconds.items()}
    first = next(iter(rate))
    return [
        f"{_COUNT:,} JSON documents of about 200 bytes, less a run of {_FEW:,}; medians of {runs} runs, `local[2]`. "
        "The data source reads from a served `/dev/fakesource`, which makes the documents while it is read, on the "
        "same cores; Spark's own sources read files that are there. All are written to Spark's `noop`.",
        "",
        *table(
            ["read", "documents/s", f"{first} = 1"],
            [[name, f"{value / 1000:,.0f} k", times(value / rate[first])] for name, value in rate.items()],
        ),
    ]


def _source(count: int) -> list[str]:
    shape = {
        "num-namespaces": 1,
        "num-partitions-per-namespace": _PARTITIONS,
        "num-docs-per-partition": count // _PARTITIONS,
        "batch-size": 1000,
        "payload-json": _PAYLOAD,
    }
    options = [f"--{name}={value}" for name, value in shape.items()]
    return [KIT, "serve", "--address", "127.0.0.1:0", "/dev/fakesource", *options]


def _as_files(address: str, folder: Path) -> None:
    """The documents that a source lists as NDJSON, a file for each partition."""
    folder.mkdir()
    with GrpcClient(address, insecure=True) as api:
        plan = api.generate_plan(GeneratePlanRequest(namespaces=["ns0"], initial_sync=True))
        for number, partition in enumerate(plan.partitions):
            with (folder / f"{number}.json").open("wb") as file:
                for page in pages(api, partition, DATA_TYPE_JSON_ID):
                    file.writelines(document + b"\n" for document in page.data)


def _run(address: str) -> float:
    return command(f"{KIT} run --mode initial-sync grpc://{address} --insecure /dev/null").wall
