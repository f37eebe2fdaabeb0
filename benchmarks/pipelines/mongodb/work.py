"""What both sides do, and how it is timed: WORK is prepare, read, sorted, write or overwrite, of COUNT documents."""

import os
import time
from collections.abc import Callable, Sequence

import bson


def work(
    read: Callable[[str], int], write: Callable[[str, Sequence[bytes]], None], drop: Callable[[str], None]
) -> None:
    """Do what WORK says, and print how many seconds it took."""
    asked, count = os.environ["WORK"], int(os.environ["COUNT"])
    documents = [bson.encode({"_id": number, "text": "x" * 170}) for number in range(count)]
    name = "written" if asked == "write" else "prepared"
    if asked == "write":
        drop(name)
    began = time.perf_counter()
    if asked in ("read", "sorted"):
        if (found := read(name)) != count:
            raise SystemExit(f"{found} documents were read instead of {count}")
    else:
        write(name, documents)
    print(time.perf_counter() - began)
