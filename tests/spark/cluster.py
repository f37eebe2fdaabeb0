"""A job on a Spark of two workers in which executors are killed: in the middle of a read, of a write, and of a stream.

    python tests/spark/cluster.py ROUNDS SEED [read] [write] [stream]

Each round does all three, or those that are named, and compares what has come by content. It prints a line of JSON for
each part, and ends with 1 if anything was lost, doubled or changed.
"""

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bson
import orjson
from pyspark.sql import DataFrame, SparkSession

from dsync_kit.documents import decode, encode_id
from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    DATA_TYPE_MONGO_BSON,
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_UPDATE,
    GeneratePlanRequest,
    ListDataRequest,
    Update,
    WriteUpdatesRequest,
)
from dsync_kit.registry import import_folder, packaged_folder
from dsync_kit.server import ConnectorServer

DOCUMENTS, PARTITIONS, NAMESPACES = 1500, 4, 2
SLOW = {"num-docs-per-partition": str(DOCUMENTS), "num-partitions-per-namespace": str(PARTITIONS)}
SLOW |= {"batch-size": "50", "sleep": "50ms"}
"""So that a partition takes a second and a half."""

MOST_SECONDS = 900.0
"""After which a stream counts as one that has lost something."""


def session(folder: Path) -> SparkSession:
    """Two workers with one executor each."""
    os.environ |= {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_WORKER_DIR": str(folder / "work"),
    }
    settings = {
        "spark.ui.enabled": "false",
        "spark.python.authenticate.socketTimeout": "120s",  # a busy machine takes its time
        "spark.executor.memory": "512m",
        "spark.deploy.maxExecutorRetries": "-1",
        "spark.task.maxFailures": "8",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local-cluster[2,1,512]").appName("dsync-kit")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def executors() -> list[int]:
    """The executors of this process's Spark: never those of another."""
    parents: dict[int, int] = {}
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if b"CoarseGrainedExecutorBackend" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it has ended meanwhile
    return [pid for pid in found if os.getpid() in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid := parents.get(pid, 0):
        yield pid


class Killer:
    """Kills an executor while tasks run, after a moment that is drawn; says whether a task was lost by it."""

    def __init__(self, spark: SparkSession, seconds: float) -> None:
        self._tracker = spark.sparkContext.statusTracker()
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._kill)
        self.killed = 0
        self.running = 0

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _active(self) -> int:
        stages = map(self._tracker.getStageInfo, self._tracker.getActiveStageIds())
        return sum(stage.numActiveTasks for stage in stages if stage is not None)

    def _kill(self) -> None:
        while not self._active():
            if self._over.wait(0.02):
                return
        if self._over.wait(self._seconds):
            return
        while len(pids := executors()) < 2 or not self._active():  # both are there, and at work
            if self._over.wait(0.02):
                return
        self.running = self._active()
        os.kill(random.choice(pids), signal.SIGKILL)
        self.killed += 1


@contextmanager
def reference(**options: int) -> Iterator[tuple[Any, dict[str, str]]]:
    """A connector in memory behind an address, and the options that name it."""
    folder = packaged_folder("examples") / "reference"
    connector = import_folder(folder, "connector").ReferenceConnector(
        import_folder(folder, "settings").Settings(**options)
    )
    with ConnectorServer(connector, "127.0.0.1:0") as server:
        yield connector, {"target": f"grpc://{server.address}", "insecure": "true"}


def contents(connector: Any, data_type: Any) -> Counter[tuple[str, bytes]]:
    """Every document that it lists, with its namespace, and how often."""
    found: Counter[tuple[str, bytes]] = Counter()
    for partition in connector.generate_plan(GeneratePlanRequest(initial_sync=True)).partitions:
        cursor = b""
        while True:
            page = connector.list_data(ListDataRequest(partition=partition, type=data_type, cursor=cursor))
            found.update((partition.namespace, _sorted(document, data_type)) for document in page.data)
            if not (cursor := page.next_cursor):
                break
    return found


def _sorted(document: bytes, data_type: Any) -> bytes:
    if data_type == DATA_TYPE_JSON_ID:
        return orjson.dumps(orjson.loads(document), option=orjson.OPT_SORT_KEYS)
    return bson.encode(dict(sorted(decode(document, data_type).items())))


def fake() -> Counter[tuple[str, bytes]]:
    """The documents of the slow source."""
    return Counter(
        (
            f"ns{number}",
            orjson.dumps(
                {"id": f"{part}-{each:03}", "namespace": f"ns{number}", "number": each, "partition": part},
                option=orjson.OPT_SORT_KEYS,
            ),
        )
        for number in range(NAMESPACES)
        for part in range(PARTITIONS)
        for each in range(DOCUMENTS)
    )


def slow(spark: SparkSession) -> DataFrame:
    """The slow source."""
    return spark.read.format("dsync").option("target", "/dev/fakesource").options(**SLOW).load()


Part = Callable[[SparkSession, random.Random, bool], tuple[bool, "Killer"]]


def read(spark: SparkSession, draw: random.Random, kills: bool) -> tuple[bool, Killer]:
    """All rows arrive, each once."""
    with Killer(spark, draw.uniform(0.2, 4.0) if kills else 1e9) as killer:
        rows = slow(spark).collect()
    found = Counter((row["namespace"], _sorted(row["document"].encode(), DATA_TYPE_JSON_ID)) for row in rows)
    return found == fake(), killer


def write(spark: SparkSession, draw: random.Random, kills: bool) -> tuple[bool, Killer]:
    """The sink has every document, once, though tasks were tried again."""
    with reference() as (sink, options):
        with Killer(spark, draw.uniform(0.2, 4.0) if kills else 1e9) as killer:
            slow(spark).write.format("dsync").options(**options, pagesize="100").mode("append").save()
        return contents(sink, DATA_TYPE_JSON_ID) == fake(), killer


def stream(spark: SparkSession, draw: random.Random, kills: bool) -> tuple[bool, Killer]:
    """The sink comes to equal the source, which changes all the time, over a restart of the query as well."""
    with (
        reference(partitions=4) as (source, ends),
        reference() as (sink, begins),
        tempfile.TemporaryDirectory() as folder,
    ):
        change(source, draw, 3000)

        def start() -> Any:
            stream = spark.readStream.format("dsync").options(**ends, initialCopy="true", type="bson").load()
            return (
                stream.writeStream.format("dsync")
                .options(**begins, checkpointLocation=folder)
                .outputMode("append")
                .start()
            )

        query = start()
        with Killer(spark, draw.uniform(0.2, 4.0) if kills else 1e9) as killer:
            until = time.monotonic() + (8.0 if kills else 2.0)
            while time.monotonic() < until or (kills and not killer.killed):
                change(source, draw, 200)
                time.sleep(0.1)
                if not query.isActive:
                    query = restarted(query, start)
        query.stop()  # in the midst of whatever it does
        change(source, draw, 200)
        query = start()
        while not (equal := becomes(lambda: _same(source, sink), query)) and not query.isActive:
            query = restarted(query, start)
        query.stop()
        return equal, killer


def _same(source: Any, sink: Any) -> bool:
    return contents(source, DATA_TYPE_MONGO_BSON) == contents(sink, DATA_TYPE_MONGO_BSON)


def change(source: Any, draw: random.Random, count: int) -> None:
    """Write some upserts and deletes."""
    updates = []
    for _ in range(count):
        identifier = f"{draw.randrange(3000)}"
        if draw.random() < 0.2:
            updates.append(Update(id=[encode_id(identifier)], type=UPDATE_TYPE_DELETE))
        else:
            data = bson.encode({"_id": identifier, "v": draw.randrange(1 << 30)})
            updates.append(Update(id=[encode_id(identifier)], type=UPDATE_TYPE_UPDATE, data=data))
    source.write_updates(WriteUpdatesRequest(namespace="shop.a", updates=updates, type=DATA_TYPE_MONGO_BSON))


def becomes(holds: Callable[[], bool], query: Any) -> bool:
    """Whether something comes to hold while a query runs."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and query.isActive:
        if holds():
            return True
        time.sleep(0.5)
    return False


def restarted(query: Any, start: Callable[[], Any]) -> Any:
    """A query in the place of one that Spark could not start in time: it gives its Python ten seconds of the clock.

    Raises RuntimeError for a query that failed otherwise.
    """
    failure = str(query.exception())
    if "connect back" not in failure and "CANNOT_OPEN_SOCKET" not in failure:
        raise RuntimeError(f"the query has failed: {failure}")
    return start()


def main(rounds: int, seed: int, parts: Sequence[Part]) -> int:
    """Run rounds with kills; with none, each part once without."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        spark = session(Path(folder))
        try:
            for number in range(rounds or 1):
                for part in parts:
                    began = time.monotonic()
                    equal, killer = part(spark, random.Random(f"{seed}/{number}/{part.__name__}"), rounds > 0)
                    failed += not equal
                    line = {"round": number, "part": part.__name__, "equal": equal, "killed": killer.killed}
                    line |= {"tasks": killer.running, "seconds": round(time.monotonic() - began, 1)}
                    print(json.dumps(line), flush=True)
        finally:
            spark.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    chosen = [part for part in (read, write, stream) if part.__name__ in sys.argv[3:] or not sys.argv[3:]]
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), chosen))
