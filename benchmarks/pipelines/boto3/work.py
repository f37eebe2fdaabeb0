"""What both sides do, and how it is timed: WORK is prepare, read or write."""

import json
import os
import time
from collections.abc import Callable, Sequence

OBJECTS, SIZE = 2_000, 10_240
DOCUMENTS = 200_000


def large() -> list[bytes]:
    """The documents that are read."""
    return [json.dumps({"id": f"{number:06}", "text": "x" * (SIZE - 30)}).encode() for number in range(OBJECTS)]


def small() -> list[bytes]:
    """The documents that are written."""
    return [json.dumps({"id": f"{number:06}", "text": "x" * 170}).encode() for number in range(DOCUMENTS)]


def work(read: Callable[[str], int], write: Callable[[str, Sequence[bytes]], None]) -> None:
    """Do what WORK says, and print how long it took."""
    asked = os.environ["WORK"]
    documents = {"prepare": large, "write": small, "read": list}[asked]()
    began = time.perf_counter()
    if asked == "read":
        if (found := read("bench.read")) != OBJECTS:
            raise SystemExit(f"{found} objects were read instead of {OBJECTS}")
    else:
        write("bench.read" if asked == "prepare" else "bench.write", documents)
    print(json.dumps({"seconds": time.perf_counter() - began}))
