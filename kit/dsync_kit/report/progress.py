"""The progress of a run: animated on a terminal, lines elsewhere, JSON for programs. All goes to one stream."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from dsync_kit.flow.events import (
    CallRepeated,
    Compared,
    Copied,
    Event,
    Finished,
    FlowResult,
    LsnSeen,
    Notice,
    PartitionFailed,
    PartitionRestarted,
    Planned,
    Started,
    StreamEnded,
    StreamStarted,
    UpdatesWritten,
)
from dsync_kit.output.json_line import json_line
from dsync_kit.output.plain import printable
from dsync_kit.report.contents import plural
from dsync_kit.report.tally import Tally

__all__ = ["JsonLines", "PlainLines", "RunReader", "TerminalRun", "result_lines"]

_EVERY_SECONDS = 5.0


class RunReader(Protocol):
    """Takes the events of a run: a context manager, open from the first event to the last."""

    def __call__(self, event: Event) -> object: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


class _Reader:
    """Keeps the tally of a run."""

    def __init__(self) -> None:
        self.tally = Tally()

    def __call__(self, event: Event) -> None:
        self.tally.add(event)
        self.show(event)

    def show(self, event: Event) -> None:
        """Show the tally after an event."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None


class PlainLines(_Reader):
    """Lines of text; while data moves, one every few seconds. `quiet` shows problems only."""

    def __init__(self, write: Callable[[str], object], *, quiet: bool = False) -> None:
        super().__init__()
        self._write = write
        self._quiet = quiet
        self._next = time.monotonic() + _EVERY_SECONDS

    def show(self, event: Event) -> None:
        if isinstance(event, Finished):
            lines = result_lines(event.result)
            for line in [] if self._quiet and event.result.complete else lines:
                self._write(line)
        elif isinstance(event, Copied | UpdatesWritten):
            if not self._quiet and time.monotonic() >= self._next:
                self._next = time.monotonic() + _EVERY_SECONDS
                for line in self.tally.lines():
                    self._write(line)
        elif (line := _sentence(event)) and not (self._quiet and not isinstance(event, PartitionFailed)):
            self._write(line)


class JsonLines(_Reader):
    """Each event as a line of JSON. While data moves, one `progress` line per namespace every second."""

    def __init__(self, write: Callable[[str], object], *, quiet: bool = False) -> None:
        super().__init__()
        self._write = write
        self._quiet = quiet
        self._next = time.monotonic() + 1

    def show(self, event: Event) -> None:
        if isinstance(event, Copied | UpdatesWritten | LsnSeen):
            if not self._quiet and time.monotonic() >= self._next:
                self._next = time.monotonic() + 1
                for values in self.tally.values():
                    self._line("progress", values)
        elif not self._quiet or isinstance(event, PartitionFailed | Finished):
            fields = asdict(event.result) if isinstance(event, Finished) else asdict(event)
            extra = {"complete": event.result.complete} if isinstance(event, Finished) else {}
            self._line(_kebab(type(event).__name__), {**extra, **fields})

    def _line(self, name: str, values: dict[str, object]) -> None:
        self._write(json_line(name, values))


class TerminalRun(_Reader):
    """An animated line for each namespace: documents, rate, time left; events appear above them."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[shown]}", markup=False, justify="right"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            # A connector's prints are output, and go where the user redirected it.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        match event:
            case Planned():
                for namespace in event.expected:
                    self._move(namespace)
            case Copied() | PartitionRestarted():
                self._move(event.namespace)
            case UpdatesWritten() | LsnSeen():
                self._move_updates()
            case Finished():
                for line in result_lines(event.result):
                    style = "bold green" if event.result.complete else "bold red"
                    self._console.print(Text(line, style), soft_wrap=True)
                return
        if line := _sentence(event):
            self._console.print(Text(line), soft_wrap=True)

    def _move(self, namespace: str) -> None:
        count = self.tally.namespaces[namespace]
        task = self._task(namespace)
        self._progress.update(task, completed=count.documents, total=count.expected or None, shown=count.shown())

    def _move_updates(self) -> None:
        task = self._task("updates")
        total = self.tally.lsn or None
        self._progress.update(task, completed=self.tally.updates, total=total, shown=self.tally.shown_updates())

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(printable(name), total=None, shown="")
        return self._tasks[name]


def result_lines(result: FlowResult) -> list[str]:
    """The result of a run, as text."""
    done = f"{plural(result.documents, 'document')}, {plural(result.updates, 'update')} in {result.seconds:.1f} s"
    if result.complete:
        return [f"complete: {done}"]
    lines = [f"not copied: {failure.what}: {failure.reason}" for failure in result.failures]
    for difference in result.shown:
        lines.append(f"{difference.kind}: {difference.id} in {difference.namespace}")
    if (more := result.differences - len(result.shown)) > 0:
        lines.append(f"and {more:,} more")
    if result.differences:
        lines.append(f"the ends differ: {plural(result.differences, 'document')}")
    lines.append(f"{'interrupted' if result.interrupted else 'incomplete'}: {done}")
    if result.resume:
        lines.append(result.resume)
    return [printable(line) for line in lines]


def _sentence(event: Event) -> str:
    """An event as a line; empty for events that only change a number."""
    return printable(_described(event))


def _described(event: Event) -> str:
    match event:
        case Started():
            types = " → ".join(dict.fromkeys([event.data_type, event.written_type]))
            return f"{event.source} → {event.destination}: {event.mode}, {types}{', resumed' if event.resumed else ''}"
        case Planned():
            before = f", {event.finished} of them already done" if event.finished else ""
            parts = [plural(len(event.expected), "namespace"), plural(event.partitions, "partition") + before]
            streams = [plural(event.streams, "updates partition")] if event.streams else []
            return ", ".join([*(parts if event.partitions else []), *streams])
        case PartitionRestarted():
            return f"{event.namespace}: partition {event.partition} restarts in {event.wait} s: {event.reason}"
        case PartitionFailed():
            return f"{event.namespace}: partition {event.partition} has failed: {event.reason}"
        case CallRepeated():
            return f"{event.namespace}: {event.rpc} is retried in {event.wait} s: {event.reason}"
        case StreamStarted():
            return "the updates follow"
        case StreamEnded():
            return f"the updates have ended: {event.reason}" if event.reason else "the updates have ended"
        case Compared():
            differ = f"{event.differences:,} differ" if event.differences else "equal"
            return f"{event.namespace}: compared {event.source:,} with {event.destination:,} documents: {differ}"
        case Notice():
            return event.text
        case _:
            return ""


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")
