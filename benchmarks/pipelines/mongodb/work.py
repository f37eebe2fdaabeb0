"""What both sides do, and how it is timed: WORK is prepare, read, sorted, write or overwrite, of COUNT documents."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import bson

sys.path.append(str(Path(__file__).parents[1]))
from timing import timed

__all__ = ["work"]


def work(
    read: Callable[[str], int], write: Callable[[str, Sequence[bytes]], None], drop: Callable[[str], None]
) -> None:
    """Do what WORK says, and print how long it took."""
    asked, count = os.environ["WORK"], int(os.environ["COUNT"])
    documents = [bson.encode({"_id": number, "text": "x" * 170}) for number in range(count)]
    name = "written" if asked == "write" else "prepared"
    if asked == "write":
        drop(name)

    def written() -> int:
        write(name, documents)
        return count

    timed((lambda: read(name)) if asked in ("read", "sorted") else written, count)
