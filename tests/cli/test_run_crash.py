"""A run that is killed at random moments, and resumes until everything is copied."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.client import LocalClient
from dsync_kit.connector import Connector
from dsync_kit.documents import decode
from dsync_kit.flow.listing import pages
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON, GeneratePlanRequest
from dsync_kit.registry import load_folder, packaged_folder

_RUN_SECONDS = 0.5  # of the second or so that a whole run takes, once it has begun


def write_history(folder: Path, seed: int) -> dict[str, dict[Any, Any]]:
    """A fixture of some namespaces and many updates; returns the final contents."""
    rng = random.Random(seed)
    (folder / "bootstrap").mkdir(parents=True)
    state: dict[str, dict[Any, Any]] = {}
    for namespace in ("a", "b", "c.d", "e", "f", "g.h"):
        state[namespace] = {key: {"_id": key, "v": rng.random()} for key in range(rng.randrange(20, 400))}
        lines = "".join(json.dumps(document) + "\n" for document in state[namespace].values())
        (folder / "bootstrap" / f"{namespace}.jsonl").write_text(lines, encoding="utf-8")
    changes = []
    for _ in range(600):
        namespace, key = rng.choice(list(state)), rng.randrange(450)
        if rng.random() < 0.2:
            state[namespace].pop(key, None)
            changes.append({"namespace": namespace, "op": "delete", "_id": key})
        else:
            state[namespace][key] = {"_id": key, "v": rng.random()}
            changes.append({"namespace": namespace, "op": "update", "data": state[namespace][key]})
    text = "".join(json.dumps(change) + "\n" for change in changes)
    (folder / "updates.jsonl").write_text(text, encoding="utf-8")
    return state


def contents(folder: Path) -> dict[str, dict[Any, Any]]:
    """The contents of the sink's folder."""
    registered = load_folder(packaged_folder("examples") / "reference")
    sink: Connector = registered.create(registered.settings.parse([f"reference://{folder}"], {})[0])
    found: dict[str, dict[Any, Any]] = {}
    try:
        for partition in sink.generate_plan(GeneratePlanRequest(initial_sync=True)).partitions:
            for page in pages(LocalClient(sink), partition, DATA_TYPE_MONGO_BSON):
                for data in page.data:
                    document = decode(data, DATA_TYPE_MONGO_BSON)
                    found.setdefault(partition.namespace, {})[document["_id"]] = document
    finally:
        sink.teardown()
    return found


def run_killed_and_resumed(folder: Path, seed: int, kills: int) -> list[str]:
    """Kill the run at random moments, at most so many times, then let it end; returns how far each attempt came."""
    rng = random.Random(seed)
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--log-format", "json", "--state", "state", "--verify"]
    command += [f"fixture://{folder}/history", "--batch-size", "7", "--interval", "2ms", f"reference://{folder}/sink"]
    reached = []
    for attempt in range(kills + 1):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line, f"it said nothing, and ended with {process.wait()}"
            first = json.loads(line)
            assert first["event"] == "started", first
            if attempt < kills:
                time.sleep(rng.uniform(0, _RUN_SECONDS))
                process.kill()
            lines = [json.loads(line) for line in process.communicate(timeout=60)[1].splitlines()]
        reached.append(lines[-1]["event"] if lines else first["event"])
        if process.returncode >= 0:
            assert process.returncode == 0, lines[-1]
            return reached
    raise AssertionError("the last run was killed")


def _crash(folder: Path, seed: int, *, kills: int) -> None:
    expected = write_history(folder / "history", seed)
    reached = run_killed_and_resumed(folder, seed, kills)
    assert reached[-1] == "finished"
    assert contents(folder / "sink") == expected


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(tmp_path: Path, seed: int) -> None:
    """After SIGKILLs, the same command finishes, and both ends hold what the history leads to."""
    _crash(tmp_path, seed, kills=3)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 120))
def test_killed_at_random_moments_often(tmp_path: Path, seed: int) -> None:
    """The same with twenty other seeds, and more kills."""
    _crash(tmp_path, seed, kills=6)
