"""What one served process of a connector carries, and how many of them move a terabyte in a day."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bson
import orjson

from dsync_kit.client import GrpcClient
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    DataType,
    GeneratePlanRequest,
    Partition,
    WriteDataRequest,
)
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.testing.postgresql import PostgreSQL
from dsync_kit.testing.seaweedfs import SeaweedFS
from measures.measuring import KIT, ROOT, median, table

__all__ = ["measure"]

_COUNT = int(os.environ.get("DOCUMENTS", "40000"))
_CALLERS = 4
_DAY, _TERABYTE = 86_400, 10**12
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Moved:
    megabytes: float
    seconds: float
    busy: float


def measure(runs: int) -> list[str]:
    """The section's lines."""
    found: dict[tuple[str, str], list[_Moved]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number in range(runs):
            for name, work, moved in _all(folder / str(number)):
                found.setdefault((name, work), []).append(moved)
                print(f"  {number + 1} of {runs}: {name}: {work}: {moved.busy:.2f} s busy", flush=True)
    rows = []
    for (name, work), all_moved in found.items():
        rate = median([moved.megabytes / moved.seconds for moved in all_moved])
        busy = median([1000 * moved.busy / moved.megabytes for moved in all_moved])
        needed = _TERABYTE / 1e6 / _DAY / rate
        cores = _TERABYTE / 1e9 * busy / _DAY
        rows.append([name, work, f"{rate:.0f} MB/s", f"{busy:.0f} s", f"{needed:.2f}", f"{cores:.2f}"])
    return [
        f"One served process, {_CALLERS} callers over gRPC on the same machine, {_COUNT:,} documents of 1 KiB in pages "
        f"of 1,000; medians of {runs} runs. Processor time is the connector's process alone: its store and its "
        "caller run beside it.",
        "",
        *table(["connector", "work", "carried", "processor time for 1 GB", "processes for 1 TB a day", "cores"], rows),
    ]


def _all(folder: Path) -> Iterator[tuple[str, str, _Moved]]:
    shape = [f"--num-docs-per-partition={_COUNT // _CALLERS}", f"--num-partitions-per-namespace={_CALLERS}"]
    shape += ["--num-namespaces=1", "--batch-size=1000", f"--payload=text:{'x' * 950}"]
    with _process("/dev/fakesource", *shape) as (api, pid):
        yield "/dev/fakesource", "list", _listed(api, pid, "ns0", DATA_TYPE_JSON_ID)
    folder.mkdir()
    with SeaweedFS() as store:
        connector = scaffold(Answers(scheme="s3"), output=folder / "s3").folder
        words = [
            str(connector),
            f"s3://{store.make_bucket()}/x",
            f"--endpoint={store.endpoint}",
            f"--region={store.region}",
        ]
        keys = {"AWS_ACCESS_KEY_ID": store.access_key_id, "AWS_SECRET_ACCESS_KEY": store.secret_access_key}
        with _process(*words, environment=keys) as (api, pid):
            yield "s3", "write", _written(api, pid, "shop.orders", DATA_TYPE_JSON_ID)
            yield "s3", "list", _listed(api, pid, "shop.orders", DATA_TYPE_JSON_ID)
    with PostgreSQL() as server:
        import psycopg

        with psycopg.connect(server.uri, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (_id text PRIMARY KEY, text text)")
        connector = scaffold(Answers(scheme="postgresql"), output=folder / "postgresql").folder
        with _process(str(connector), server.uri) as (api, pid):
            yield "postgresql", "write", _written(api, pid, "public.orders", DATA_TYPE_MONGO_BSON)
            yield "postgresql", "list", _listed(api, pid, "public.orders", DATA_TYPE_MONGO_BSON)


@contextmanager
def _process(*words: str, environment: dict[str, str] | None = None) -> Iterator[tuple[GrpcClient, int]]:
    command = [KIT, "serve", "--address", "127.0.0.1:0", *words]
    environ = {**os.environ, **(environment or {})}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip().rsplit(" ", 1)[-1]
            with GrpcClient(address, insecure=True) as api:
                yield api, process.pid
        finally:
            process.terminate()


def _busy(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def _timed(pid: int) -> Iterator[list[float]]:
    began, busy, took = time.perf_counter(), _busy(pid), [0.0, 0.0]
    yield took
    took[:] = [time.perf_counter() - began, _busy(pid) - busy]


def _written(api: GrpcClient, pid: int, namespace: str, data_type: DataType) -> _Moved:
    encode = bson.encode if data_type == DATA_TYPE_MONGO_BSON else orjson.dumps
    name = "_id" if data_type == DATA_TYPE_MONGO_BSON else "id"
    documents = [encode({name: f"{number:09}", "text": "x" * 990}) for number in range(_COUNT)]
    requests = [
        WriteDataRequest(namespace=namespace, data=documents[start : start + 1000], type=data_type)
        for start in range(0, _COUNT, 1000)
    ]
    with ThreadPoolExecutor(_CALLERS) as pool, _timed(pid) as took:
        list(pool.map(api.write_data, requests))
    return _Moved(sum(map(len, documents)) / 1e6, *took)


def _listed(api: GrpcClient, pid: int, namespace: str, data_type: DataType) -> _Moved:
    plan = api.generate_plan(GeneratePlanRequest(namespaces=[namespace], initial_sync=True))

    def size(partition: Partition) -> Sequence[int]:
        return [len(document) for page in pages(api, partition, data_type) for document in page.data]

    with ThreadPoolExecutor(_CALLERS) as pool, _timed(pid) as took:
        sizes = [each for sizes in pool.map(size, plan.partitions) for each in sizes]
    if len(sizes) != _COUNT:
        raise RuntimeError(f"{len(sizes)} documents were listed instead of {_COUNT}")
    return _Moved(sum(sizes) / 1e6, *took)
