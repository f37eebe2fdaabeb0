"""The real dsync drives the kit's /dev/fakesource and /dev/null, and its own, on the same data."""

import os
from collections.abc import Callable
from contextlib import ExitStack

from dsync_kit.testing.ports import free_ports
from measures.measuring import KIT, Finished, command, interleaved, median, served, table, times

__all__ = ["measure"]

FEW, MANY = 60_000, 4_000_000
PAGE = 1000
PAYLOAD = '{"name":"customer","email":"customer@example.com","city":"Amsterdam","note":"' + "x" * 100 + '"}'


def measure(runs: int) -> list[str]:
    """The section's lines."""
    dsync = os.environ.get("DSYNC_BIN", "")
    if not dsync:
        return ["Not measured: `DSYNC_BIN` does not name dsync's binary."]
    with ExitStack() as stack:
        contenders = {
            "dsync's source, dsync's sink": (False, False),
            "our source, dsync's sink": (True, False),
            "dsync's source, our sink": (False, True),
            "our source, our sink": (True, True),
        }
        used: dict[tuple[str, int], list[float]] = {}
        timed = {
            (name, count): _timed(_move(stack, dsync, *ours, count), used.setdefault((name, count), []))
            for name, ours in contenders.items()
            for count in (FEW, MANY)
        }
        found = interleaved({f"{name}, {count} documents": run for (name, count), run in timed.items()}, runs)
    more = MANY - FEW
    rows, first = [], 0.0
    for name in contenders:
        walls = [median(found[f"{name}, {count} documents"]) for count in (MANY, FEW)]
        processors = [median(used[name, count]) for count in (MANY, FEW)]
        rate = more / (walls[0] - walls[1])
        first = first or rate
        micros = 1e6 * (processors[0] - processors[1]) / more
        rows.append([name, f"{rate / 1000:,.0f} k", times(rate / first), f"{micros:.1f} µs"])
    return [
        f"`dsync --mode InitialSync`, {MANY:,} documents of about 200 bytes in pages of {PAGE:,}, less a run of "
        f"{FEW:,}; medians of {runs} runs. dsync's own connectors run in its process, ours behind "
        "`grpc://127.0.0.1:PORT`. What a document "
        "costs dsync's process is in the last column; what our servers use is not in it, and runs beside it.",
        "",
        *table(["", "documents/s", "dsync's own = 1", "dsync's processor time a document"], rows),
    ]


def _timed(move: Callable[[], Finished], processor: list[float]) -> Callable[[], float]:
    def run() -> float:
        finished = move()
        processor.append(finished.cpu)
        return finished.wall

    return run


def _move(stack: ExitStack, dsync: str, our_source: bool, our_sink: bool, count: int) -> Callable[[], Finished]:
    shape = f"--num-namespaces 1 --num-partitions-per-namespace 4 --num-docs-per-partition {count // 4}"
    source = f"/dev/fakesource {shape} --batch-size {PAGE} --payload-json '{PAYLOAD}'"
    sink = "/dev/null"
    serve = (KIT, "serve", "--address", "127.0.0.1:0")
    if our_source:
        words = ["/dev/fakesource", *shape.split(), "--batch-size", str(PAGE), "--payload-json", PAYLOAD]
        source = f"grpc://{stack.enter_context(served(*serve, *words))} --insecure"
    if our_sink:
        sink = f"grpc://{stack.enter_context(served(*serve, '/dev/null'))} --insecure"

    def move() -> Finished:
        (port,) = free_ports(1)
        finished = command(f"{dsync} --web-port {port} --mode InitialSync {source} {sink}")
        if "dsync exited successfully" not in finished.output:
            raise RuntimeError(f"dsync has failed: {finished.output[-1000:]}")
        return finished

    return move
