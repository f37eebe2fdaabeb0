"""A real Spark: the page for its users; and, behind the marker `campaign`, executors that are killed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "spark.md"
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not installed")

PREPARED = """
import os
import sys
import traceback

def end(*failure):
    if failure:
        traceback.print_exception(*failure)
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(1 if failure else 0)  # the servers' threads do not end by themselves

sys.excepthook = end
sys.path.insert(0, {here!r})
from cluster import reference
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, WriteDataRequest
import bson

began, ended = reference(), reference()
(source_connector, source_end), (sink_connector, sink_end) = began.__enter__(), ended.__enter__()

def fill(*documents):
    data = [bson.encode(each) for each in documents]
    source_connector.write_data(WriteDataRequest(namespace="shop.orders", data=data, type=DATA_TYPE_MONGO_BSON))

fill(*({{"_id": str(number), "status": "open", "total": number / 2}} for number in range(100)))
"""
"""The two connectors of the page, with some orders in the first one."""

CHECKED = """
from cluster import becomes, contents, restarted

checkpoint = {checkpoint!r}

def orders(connector):
    return {document for (_, document), times in contents(connector, DATA_TYPE_MONGO_BSON).items() if times == 1}

assert orders(sink_connector) == orders(source_connector) and len(orders(source_connector)) == 100
while not becomes(lambda: query.lastProgress is not None, query):  # until the copy is done
    query = restarted(query, changes.writeStream.format("dsync").options(**sink, checkpointLocation=checkpoint).start)
fill({"_id": "1", "status": "paid"}, {"_id": "new"})
assert becomes(lambda: orders(sink_connector) == orders(source_connector), query), query.exception()
query.stop()
assert typed.count() == 101 and typed.where("total is null").count() == 2

quiet = spark.read.format("dsync").options(target="/dev/fakesource", payload="note:hunter2").load()
quiet.explain(True)
quiet.write.format("dsync").options(target="/dev/null", id="hunter2").mode("append").save()
print("as the page says")
spark.stop()
end()
"""


def in_spark(script: str, folder: Path) -> str:
    """What a script prints, in a Spark of this machine; nothing is written outside of the folder."""
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}
    settings |= {"spark.python.authenticate.socketTimeout": "120s"}  # a busy machine takes its time
    settings |= {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / "events").as_uri(),
    }
    (folder / "events").mkdir()
    options = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    environ = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": f"--master local[2,4] {options} pyspark-shell",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        # PySpark forks to start Java, and gRPC's handlers for forks can end that process.
        "GRPC_ENABLE_FORK_SUPPORT": "0",
        # Code that runs for seconds is not worth its optimisation: this halves the processor time.
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    (folder / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, folder / "script.py"], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("\tat ")]  # without the JVM's places
    assert done.returncode == 0, "\n".join([done.stdout[-3000:], *said[-100:]])
    events = [path.read_bytes() for path in (folder / "events").rglob("*") if path.is_file()]
    assert b"SparkListenerSQLExecutionStart" in b"".join(events)
    assert b"hunter2" not in b"".join([*events, done.stdout.encode(), done.stderr.encode()])
    return done.stdout


def test_the_page_for_sparks_users_works(tmp_path: Path) -> None:
    """Its examples run in their order: rows on the screen, a move, typed columns, a write, and a stream.

    Nothing that a user would paste is left out; only addresses and folders are others. No plan and no log shows an
    option, and so a secret one.
    """
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    pasted = "\n".join(blocks).replace("/tmp/orders", str(tmp_path / "checkpoint"))  # noqa: S108
    pasted = pasted.replace('"grpc://127.0.0.1:8088"', 'source_end["target"]')
    pasted = pasted.replace('"grpc://127.0.0.1:8089"', 'sink_end["target"]')
    output = in_spark(
        PREPARED.format(here=str(HERE))
        + pasted
        + CHECKED.replace("{checkpoint!r}", repr(str(tmp_path / "checkpoint"))),
        tmp_path,
    )
    assert "as the page says" in output
    assert "|ns0|" in output.replace(" ", "")


@pytest.mark.campaign
def test_killed_executors_lose_and_double_nothing(tmp_path: Path) -> None:
    """In the middle of a read, of a write and of a stream; ROUNDS of each (1)."""
    rounds = os.environ.get("ROUNDS", "1")
    done = subprocess.run(
        [sys.executable, HERE / "cluster.py", rounds, "1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 3 * int(rounds)
    assert all('"killed": 1' in line for line in lines), done.stdout
