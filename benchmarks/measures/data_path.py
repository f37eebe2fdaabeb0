"""The data path: the same records through each pipeline, with a source and a destination in Python."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from measures.environments import python_of
from measures.measuring import BENCHMARKS, KIT, Finished, command, interleaved, median, served, table, times

__all__ = ["measure"]

FEW, COUNT = 2_000, 200_000
MANY = 1_000_000
"""200,000 records pass a fast pipeline in half a second, of which gRPC's closing of a channel may be a fifth."""

PIPELINES = BENCHMARKS / "pipelines"
SOURCE, SINK = f"{PIPELINES}/dsync_kit/source", f"{PIPELINES}/dsync_kit/sink"

Move = Callable[[int], Finished]
"""Moves so many records."""

_SINGER = "Singer SDK"
_BARE = "bare grpcio pair"
_FAST = ("dsync-kit", _BARE)


def measure(runs: int) -> list[str]:
    """The section's lines."""
    with _contenders() as contenders:
        counts = {name: (COUNT, MANY) if name.startswith(_FAST) else (FEW, COUNT) for name in contenders}
        timed = {
            (name, count): _timed(name, move, count) for name, move in contenders.items() for count in counts[name]
        }
        found = interleaved({f"{name}, {count} records": run for (name, count), run in timed.items()}, runs)
    seconds = {(name, count): median(found[f"{name}, {count} records"]) for name, count in timed}
    rate = {name: (more - less) / (seconds[name, more] - seconds[name, less]) for name, (less, more) in counts.items()}
    rows = [
        [
            name,
            f"{rate[name] / 1000:,.0f} k",
            times(rate[name] / rate[_SINGER]),
            f"{100 * rate[name] / bare:.0f} %" if (bare := rate.get(f"{_BARE}, {name.rpartition(', ')[2]}")) else "",
            f"{seconds[name, COUNT]:.2f} s",
        ]
        for name in rate
    ]
    return [
        f"{COUNT:,} flat records of about 200 bytes; medians of {runs} runs, and every pipeline says how many came "
        f"through. The rate leaves the start-up out: it is of what a run of {COUNT:,} has more than one of {FEW:,}; "
        f"of the fast ones, of what {MANY:,} have more than {COUNT:,}.",
        "",
        *table(["pipeline", "records/s", "Singer SDK = 1", "of the bare pair", f"{COUNT:,} with start-up"], rows),
    ]


def _timed(name: str, move: Move, count: int) -> Callable[[], float]:
    def run() -> float:
        finished = move(count)
        if f"received {count}" not in finished.output and f"{count:,} documents" not in finished.output:
            raise RuntimeError(f"{name} lost records: {finished.output[-1000:]}")
        return finished.wall

    return run


@contextmanager
def _contenders() -> Iterator[dict[str, Move]]:
    with ExitStack() as stack:
        grpc = {
            name: move
            for codec in ("json", "bson")
            for name, move in (
                (f"dsync-kit, three processes, {codec}", _kit_served(stack, codec)),
                (f"{_BARE}, {codec}", _bare(stack, codec)),
            )
        }
        yield {
            _SINGER: _singer(""),
            f"{_SINGER}, msgspec, no validation": _singer(
                "ENCODER=msgspec TARGET_COUNTER_VALIDATE_RECORDS=false", "--config ENV"
            ),
            "Airbyte CDK": _airbyte(),
            "dlt": _dlt(),
            "dsync-kit, one process, json": _kit("json"),
            "dsync-kit, one process, bson": _kit("bson"),
            **grpc,
        }


def _singer(settings: str, options: str = "") -> Move:
    python = f"{settings} {python_of('singer')}"
    return lambda count: command(
        f"{python} {PIPELINES}/singer/tap.py 2>/dev/null | {python} {PIPELINES}/singer/target.py {options}",
        {"COUNT": str(count)},
    )


def _airbyte() -> Move:
    python, here = python_of("airbyte"), PIPELINES / "airbyte"
    configured = f"--config {here}/config.json --catalog {here}/catalog.json"
    return lambda count: command(
        f"{python} {here}/source.py read {configured} | {python} {here}/destination.py write {configured}",
        {"COUNT": str(count)},
    )


def _dlt() -> Move:
    python = python_of("dlt")
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
    return lambda count: command(f"{python} {PIPELINES}/dlt/pipeline.py", {"COUNT": str(count), **quiet})


def _kit(codec: str) -> Move:
    return lambda count: command(
        f"{KIT} run --mode initial-sync {SOURCE} records:// --data-type {codec} --count {count} {SINK} counter://"
    )


def _kit_served(stack: ExitStack, codec: str) -> Move:
    """As dsync drives them: a server for each connector, and one process between them."""
    address = ("--address", "127.0.0.1:0")
    source = stack.enter_context(
        served(KIT, "serve", *address, SOURCE, "records://", "--data-type", codec, "--count", str(MANY))
    )
    sink = stack.enter_context(served(KIT, "serve", *address, SINK, "counter://"))
    ends = f"grpc://{source} --insecure grpc://{sink} --insecure"
    return lambda count: command(f"{KIT} run --mode initial-sync --limit {count} {ends}")


def _bare(stack: ExitStack, codec: str) -> Move:
    ports = [
        stack.enter_context(served(sys.executable, str(PIPELINES / "grpc" / f"{end}.py"), codec))
        for end in ("source", "sink")
    ]
    return lambda count: command(f"{sys.executable} {PIPELINES}/grpc/drive.py {count} {' '.join(ports)}")
