"""How a pipeline's work is timed. SERVER is the process id of the server that it works on."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["timed"]

_SERVER = os.environ["SERVER"]
_A_SECOND = os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], int], expected: int) -> None:
    """Do the work, which must give this number, and print for how many seconds it ran, and was busy on a processor."""
    began, busy = time.perf_counter(), _busy()
    if (found := work()) != expected:
        raise SystemExit(f"{found} documents instead of {expected}")
    print(json.dumps({"seconds": time.perf_counter() - began, "busy": _busy() - busy}))


def _busy() -> float:
    """Seconds of processor time: this process's, the server's, and its children's, whether they live or not."""
    own, system, children_own, children_system = _ticks(_SERVER)
    ticks = own + system + children_own + children_system
    for child in Path(f"/proc/{_SERVER}/task/{_SERVER}/children").read_text().split():
        with suppress(FileNotFoundError):  # it has ended, and the server counts it
            ticks += sum(_ticks(child)[:2])
    return time.process_time() + ticks / _A_SECOND


def _ticks(pid: str) -> list[int]:
    """How long a process and its ended children were busy: for themselves, and in the system."""
    return list(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
