"""What all do, and how it is timed: WORK is write or read. It prints the seconds, and those of the processor."""

import json
import os
import time
from collections.abc import Callable, Sequence

DOCUMENTS = int(os.environ.get("DOCUMENTS", "200000"))
PAGE = 1_000


def pages() -> list[list[bytes]]:
    """The documents that are written, of 200 bytes, in pages."""
    documents = [json.dumps({"id": f"{number:07}", "text": "x" * 168}).encode() for number in range(DOCUMENTS)]
    return [documents[start : start + PAGE] for start in range(0, DOCUMENTS, PAGE)]


def work(read: Callable[[], int], write: Callable[[Sequence[Sequence[bytes]]], None]) -> None:
    """Do what WORK says, and print how long it took."""
    asked = os.environ["WORK"]
    written = pages() if asked == "write" else []
    began, busy = time.perf_counter(), time.process_time()
    if asked == "write":
        write(written)
    elif (found := read()) != DOCUMENTS:
        raise SystemExit(f"{found} documents were read instead of {DOCUMENTS}")
    print(json.dumps({"seconds": time.perf_counter() - began, "busy": time.process_time() - busy}))
