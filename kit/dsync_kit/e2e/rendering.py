"""A result as text for a terminal, and as JSON: schema `dsync-kit/e2e/1`."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.text import Text

from dsync_kit import __version__
from dsync_kit.e2e.kills import KILLED
from dsync_kit.e2e.results import Mismatch, Result
from dsync_kit.output.plain import encodable
from dsync_kit.report.contents import plural
from dsync_kit.report.lines import field, hanging

__all__ = ["SCHEMA", "header_lines", "render_json", "result_lines", "verdict"]

SCHEMA = "dsync-kit/e2e/1"
_COLUMN = 13


def verdict(result: Result) -> str:
    """The result in one sentence, for people."""
    stops = sum(kill.manner != KILLED for kill in result.kills)
    counts = {"document": result.documents, "update": result.updates, "kill": len(result.kills) - stops, "stop": stops}
    did = ", ".join(plural(count, noun) for noun, count in counts.items() if count or noun != "stop")
    if result.equal:
        return f"equal: {did}"
    found = ["the flow failed"] if result.failure else []
    if result.lost.count:
        found.append(f"the source does not hold {plural(result.lost.count, 'document')} as it acknowledged")
    if result.differences.count:
        found.append(f"{plural(result.differences.count, 'document')} differ between the ends")
    return f"not equal: {', '.join(found)}; {did}"


def header_lines(source: str, destination: str, mover: str, seed: int, width: int) -> Iterator[Text]:
    """The ends, the mover and the seed, as lines of about `width` columns."""
    facts = {"source": source, "destination": destination, "moved by": mover, "seed": str(seed)}
    for label, text in facts.items():
        yield from field(label, text, width, column=_COLUMN, style="bold" if label in ("source", "destination") else "")


def result_lines(result: Result, replay: str, width: int) -> Iterator[Text]:
    """The result as lines of about `width` columns."""
    yield from _mismatch("the source, compared with what it acknowledged", result.lost, width)
    yield from _mismatch("the destination, compared with the source", result.differences, width)
    for line in result.failure.splitlines():
        yield from hanging(line, width, hang=2, style="red")
    for note in result.notes:
        yield from hanging(note, width, hang=2, style="dim")
    if result.updates:
        rate = result.updates / max(result.changing, 0.001)
        yield Text(f"{plural(result.updates, 'update')} in {result.changing:.1f} s, {rate:,.0f} a second", "dim")
    if not result.equal:
        yield Text(f"replay       {replay}")
    mark, style = ("✓", "bold green") if result.equal else ("✗", "bold red")
    yield from hanging(f"{mark} {verdict(result)} ({result.seconds:.1f} s)", width, hang=2, style=style)


def render_json(result: Result, replay: str) -> str:
    """The result as one JSON object, with a line end."""
    contents = {
        "schema": SCHEMA,
        "version": __version__,
        **asdict(result),
        "equal": result.equal,
        "verdict": verdict(result),
        "exit_code": 0 if result.equal else 1,
        "seconds": round(result.seconds, 3),
        "changing": round(result.changing, 3),
        "replay": replay,
    }
    return json.dumps(encodable(contents), ensure_ascii=False, indent=2) + "\n"


def _mismatch(title: str, mismatch: Mismatch, width: int) -> Iterator[Text]:
    if not mismatch.count:
        return
    yield Text(title, "bold")
    for one in mismatch.shown:
        yield from hanging(f"{one.kind}: {one.id} in {one.namespace}", width, indent=2, hang=4)
    if mismatch.count > len(mismatch.shown):
        yield Text(f"  and {mismatch.count - len(mismatch.shown):,} more")
