"""A folder of files from other tools is copied through rendered connectors, every row."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bson
import duckdb

from dsync_kit.scaffold.rendering import Answers

from .conftest import ANSWERS

ROWS = 300


def test_every_row_of_a_mixed_folder_is_copied(rendered: Callable[[Answers], Path], tmp_path: Path) -> None:
    """`dsync-kit run` copies what DuckDB, mongodump, `jq -c` and pandas write into another folder."""
    folder = tmp_path / "exports" / "orders"
    folder.mkdir(parents=True)
    database = duckdb.connect()
    for name, options in (("a.parquet", ""), ("b.json.zst", "(FORMAT json, ARRAY true, COMPRESSION zstd)")):
        query = f"SELECT '{name}' || n AS id, n FROM range({ROWS}) AS t(n)"  # noqa: S608 - of this test alone
        database.execute(f"COPY ({query}) TO '{folder / name}' {options}")
    (folder / "c.bson").write_bytes(b"".join(bson.encode({"_id": f"c{n}", "n": n}) for n in range(ROWS)))
    (folder / "c.metadata.json").write_text("{}")
    (folder / "d.jsonl").write_text("".join(json.dumps({"id": f"d{n}", "n": n}) + "\n" for n in range(ROWS)))
    with (folder / "e.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["", "n"], *([n, n] for n in range(ROWS))])  # with pandas' index
    connector = rendered(ANSWERS[3])
    ends = [connector, folder.parent.as_uri(), connector, (tmp_path / "copy").as_uri()]
    done = subprocess.run(
        [sys.executable, "-m", "dsync_kit.cli.kit", "run", "--mode", "initial-sync", *map(str, ends)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for path in (tmp_path / "copy" / "orders").glob("0*.jsonl") for line in path.read_text().splitlines()]
    found = {document["id"]: int(document["n"]) for document in map(json.loads, lines)}
    assert found == {
        **{f"{name}{n}": n for name in ("a.parquet", "b.json.zst", "c", "d") for n in range(ROWS)},
        **{f"e.csv:{n + 2}": n for n in range(ROWS)},
    }
    assert len(lines) == 5 * ROWS
