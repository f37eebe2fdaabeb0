"""A pipeline of dlt into a destination that counts its records. COUNT says how many."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import dlt

sys.path.append(str(Path(__file__).parents[1]))
from records import record

COUNT = int(os.environ["COUNT"])
received = 0


@dlt.resource(name="records", primary_key="id", write_disposition="append")
def resource() -> Any:
    # Lists, as dlt's page on performance advises, and not one record after another.
    for start in range(0, COUNT, 1000):
        yield [record(number) for number in range(start, min(start + 1000, COUNT))]


@dlt.destination(batch_size=10_000)
def counter(items: Any, table: Any) -> None:
    global received
    received += len(items)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        dlt.pipeline("records", destination=counter, pipelines_dir=folder).run(resource())
    print(f"received {received}", file=sys.stderr)
