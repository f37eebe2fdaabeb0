"""Times commands and functions side by side, and makes tables of the results."""

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from dsync_kit.errors import UsageError

__all__ = [
    "BENCHMARKS",
    "KIT",
    "ROOT",
    "Finished",
    "Took",
    "command",
    "interleaved",
    "median",
    "piped",
    "served",
    "table",
    "times",
]

BENCHMARKS = Path(__file__).parents[1]
ROOT = BENCHMARKS.parent
T = TypeVar("T")
KIT = str(Path(sys.executable).parent / "dsync-kit")


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that succeeded: seconds of wall and processor time, peak memory in MiB, its output."""

    wall: float
    cpu: float
    peak: float
    output: str


class Took(NamedTuple):
    """How many seconds some work took, and how many of processor time it cost both ends."""

    seconds: float
    busy: float

    @classmethod
    def median(cls, all_took: Sequence[Self]) -> Self:
        """The middle of each."""
        return cls(*map(median, zip(*all_took, strict=True)))

    def __format__(self, spec: str) -> str:
        return f"{self.seconds:{spec}} s, {self.busy:{spec}} s busy"


def command(line: str, environment: Mapping[str, str] | None = None, *, folder: Path = ROOT) -> Finished:
    """Run a line of bash. Raises RuntimeError if any part of it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        ["bash", "-c", f"set -o pipefail; {line}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        output = stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{line} ended with {process.returncode}:\n{output[-2000:]}")
    return Finished(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def piped(line: str, environment: Mapping[str, str]) -> Took:
    """What a pipeline says of its work in its last line: see pipelines/timing.py."""
    return Took(**json.loads(command(line, environment).output.splitlines()[-1]))


def interleaved(contenders: Mapping[str, Callable[[], T]], runs: int) -> dict[str, list[T]]:
    """The result of each in each run: all take turns in every run, so that a noisy minute affects all of them."""
    found: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(runs):
        for name, run in contenders.items():
            found[name].append(run())
            print(f"  {number + 1} of {runs}: {name}: {found[name][-1]:.3g}", flush=True)
    return found


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)


@contextmanager
def served(*words: str, ready: Callable[[str], str] = lambda line: line.rsplit(" ", 1)[-1]) -> Iterator[str]:
    """A server, and what `ready` makes of the first line that it prints: its address, or its port."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        if not line:
            raise UsageError(f"{shlex.join(words)} does not start")
        yield ready(line)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def times(ratio: float) -> str:
    """A ratio as text."""
    return f"{ratio:.1f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is text, the others are numbers."""
    bars = ["---", *("---:" for _ in heads[1:])]
    return [f"| {' | '.join(row)} |" for row in (heads, bars, *rows)]
