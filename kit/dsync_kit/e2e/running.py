"""A run: the workload, the kills, the wait until both ends are quiet, the comparison."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from grpc import StatusCode

from dsync_kit.e2e.ends import ServedEnd
from dsync_kit.e2e.judging import different, lost
from dsync_kit.e2e.kills import COPY, UPDATES, Kill, draw_kills
from dsync_kit.e2e.movers import Mover
from dsync_kit.e2e.results import Killed, Listener, Mismatch, Result
from dsync_kit.e2e.workload import Call, Contents, Workload
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.negotiation import Types
from dsync_kit.flow.retries import repeated
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    GetNamespaceMetadataRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.usage import TargetError, UsageError

__all__ = ["Amounts", "run_e2e"]

_PAGE = 100
_POLL_SECONDS = 0.3
_COPY_SECONDS = 10.0
"""How long a kill in the copy waits for its moment: a copy may be over before the destination counts anything."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is written and killed; `quiet` is for how many seconds nothing may have changed at the end."""

    documents: int
    calls: int
    kills: int
    quiet: float


def run_e2e(
    source: ServedEnd,
    sink: ServedEnd,
    mover: Mover,
    types: Types,
    namespaces: Sequence[str],
    *,
    seed: int,
    amounts: Amounts,
    resumable: bool,
    listener: Listener,
) -> Result:
    """Run the flow with a workload and kills, and compare both ends.

    The mover is killed only if the flow is `resumable`. Raises UsageError if the source takes no updates, TargetError
    if the workload cannot be written or a part of the flow does not start.
    """
    run = _Run(source, sink, mover, types, namespaces, seed, amounts, listener)
    try:
        return run.run(resumable=resumable)
    finally:
        mover.stop()


class _FlowFailedError(Exception):
    """The mover ended by itself although nothing was killed since it was started."""


class _NotBackError(Exception):
    """An end does not start again after it was killed."""


class _Run:
    def __init__(
        self,
        source: ServedEnd,
        sink: ServedEnd,
        mover: Mover,
        types: Types,
        namespaces: Sequence[str],
        seed: int,
        amounts: Amounts,
        listener: Listener,
    ) -> None:
        self._source = source
        self._sink = sink
        self._mover = mover
        self._types = types
        self._namespaces = namespaces
        self._seed = seed
        self._amounts = amounts
        self._tell = listener
        self._expected = Contents(types.read)
        self._kills: list[Kill] = []
        self._killed: list[Killed] = []
        self._excused = False  # something was killed since the mover was started
        self._calls = 0
        self._updates = 0
        self._notes: list[str] = []

    def run(self, *, resumable: bool) -> Result:
        began = time.monotonic()
        workload = Workload(self._seed, self._namespaces, self._types.read, self._amounts.documents)
        victims = self._victims(resumable=resumable)
        self._kills = draw_kills(self._seed, victims, self._amounts.kills)
        self._fill(workload)
        failure, back = "", True
        differences = missing = Mismatch()
        half = self._amounts.calls // 2
        try:
            self._start_mover()
            if self._phase(COPY, workload.calls(half)):
                self._phase(UPDATES, workload.calls(self._amounts.calls - half))
        except _FlowFailedError as error:
            failure = str(error)
        except _NotBackError as error:
            failure, back = str(error), False
        if back:
            try:
                missing, differences = self._compared()
            except ConnectorError as error:
                failure = failure or f"the ends cannot be compared: {error}"
        self._mover.stop()
        self._clean_up()
        return Result(
            source=self._source.title,
            destination=self._sink.title,
            mover=self._mover.name,
            seed=self._seed,
            namespaces=tuple(self._namespaces),
            documents=self._amounts.documents,
            updates=self._updates,
            kills=tuple(self._killed),
            starts=self._mover.starts,
            lost=missing,
            differences=differences,
            failure=self._redact(failure),
            notes=tuple(self._notes),
            seconds=time.monotonic() - began,
        )

    def _victims(self, *, resumable: bool) -> list[str]:
        if not resumable:
            self._notes.append(f"{self._mover.name} is not killed: an end without an id in GetInfo cannot be resumed")
        ends = (("source", self._source), ("destination", self._sink))
        backends = [f"{name}'s backend" for name, end in ends if end.outage is not None]
        return [*([self._mover.name] if resumable else []), "source", "destination", *backends]

    def _fill(self, workload: Workload) -> None:
        for namespace, documents in workload.initial.items():
            for start in range(0, len(documents), _PAGE):
                page = documents[start : start + _PAGE]
                request = WriteDataRequest(namespace=namespace, data=page, type=self._types.read)
                try:
                    repeated(lambda request=request: self._source.api.write_data(request))  # type: ignore[misc]
                except ConnectorError as error:
                    raise self._refused("WriteData", error) from None
                self._expected.write(namespace, page)

    def _phase(self, phase: str, calls: Sequence[Call]) -> bool:
        """Write a part of the workload, with this phase's kills; returns whether the destination then gets it all."""
        waiting = [kill for kill in self._kills if kill.phase == phase]
        for done, call in enumerate(calls):
            while waiting and self._is_due(waiting[0], done / len(calls)):
                self._kill(waiting.pop(0))
            self._write(call)
            self._supervise()
            time.sleep(call.pause)
        deadline = time.monotonic() + _COPY_SECONDS
        while waiting:
            if self._is_due(waiting[0], 1.0) or time.monotonic() > deadline:
                self._kill(waiting.pop(0))
            self._supervise()
            time.sleep(_POLL_SECONDS / 10)
        caught_up = self._settle()
        self._tell(f"{phase}: after {self._calls:,} calls the ends are {'' if caught_up else 'not '}equal")
        return caught_up

    def _is_due(self, kill: Kill, done: float) -> bool:
        if kill.phase == UPDATES:
            return kill.at <= done
        held = self._held()
        return held is not None and held > kill.at * self._amounts.documents

    def _held(self) -> int | None:
        """How many documents the destination reports; None if it does not answer."""
        try:
            return sum(
                self._sink.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)).count
                for name in self._namespaces
            )
        except ConnectorError:  # a namespace may be unknown before it is written to
            return None

    def _write(self, call: Call) -> None:
        request = WriteUpdatesRequest(namespace=call.namespace, updates=call.updates, type=self._types.read)
        try:
            repeated(lambda: self._source.api.write_updates(request))
        except ConnectorError as error:
            if error.code is StatusCode.UNIMPLEMENTED:
                raise UsageError(
                    f"{self._source.title} takes no updates (WriteUpdates is UNIMPLEMENTED), and the workload is "
                    "written through it: give a source that is also a sink"
                ) from None
            raise self._refused("WriteUpdates", error) from None
        self._expected.apply(call.namespace, call.updates)
        self._calls += 1
        self._updates += len(call.updates)

    def _refused(self, rpc: str, error: ConnectorError) -> TargetError:
        reason = self._source.redact(str(error))
        return TargetError(f"the workload cannot be written: {self._source.title} answered {rpc} with {reason}")

    def _kill(self, kill: Kill) -> None:
        killed = Killed(kill.victim, kill.phase, self._calls, self._held(), kill.down)
        self._killed.append(killed)
        held = "" if killed.held is None else f", the destination holds {killed.held:,} documents"
        self._tell(f"{kill.phase}: {kill.victim} killed for {kill.down:.1f} s after {self._calls:,} calls{held}")
        self._excused = True
        if kill.victim == self._mover.name:
            self._mover.kill()
            time.sleep(kill.down)
            self._start_mover()
            return
        end = self._source if kill.victim.startswith("source") else self._sink
        if kill.victim.endswith("backend") and end.outage is not None:
            end.outage(kill.down)
            return
        try:
            end.crash(kill.down)
        except TargetError as error:
            raise _NotBackError(f"the {kill.victim} does not start again after a kill: {error}") from None

    def _start_mover(self) -> None:
        self._mover.start()
        self._excused = False

    def _supervise(self) -> None:
        """Start the mover again if it has ended because of a kill. Raises _FlowFailedError if nothing was killed."""
        if self._mover.running:
            return
        if not self._excused:
            raise _FlowFailedError(f"{self._mover.name} ended by itself; its log says:\n{self._mover.last_words()}")
        self._tell(f"{self._mover.name} has ended after a kill, and is started again")
        self._start_mover()

    def _settle(self) -> bool:
        """Wait until both ends hold what was written, or nothing has changed for as long as is given; returns which."""
        before: tuple[Mismatch, Mismatch] | None = None
        starts = self._mover.starts
        changed = time.monotonic()
        while True:
            self._supervise()
            try:
                now = self._compared()
            except ConnectorError as error:
                if not error.retryable:
                    return False  # the comparison at the end reports it
                now = (Mismatch(-1), Mismatch(-1))
            if not now[0].count and not now[1].count:
                return True
            if starts != self._mover.starts:
                before, starts, changed = None, self._mover.starts, time.monotonic()
            if now != before:
                before, changed = now, time.monotonic()
            if time.monotonic() > changed + self._amounts.quiet:
                return False
            time.sleep(_POLL_SECONDS)

    def _compared(self) -> tuple[Mismatch, Mismatch]:
        source, sink = self._source.api, self._sink.api
        return (
            lost(source, self._namespaces, self._types.read, self._expected),
            different(source, sink, self._namespaces, self._types),
        )

    def _clean_up(self) -> None:
        """Delete what was written, where it is not removed anyway."""
        for end in (self._source, self._sink):
            if end.scratch:
                continue
            try:
                for namespace in self._namespaces:
                    parts = [part for (name, _), part in self._expected.ids.items() if name == namespace]
                    updates = [Update(id=[part], type=UPDATE_TYPE_DELETE) for part in parts]
                    request = WriteUpdatesRequest(namespace=namespace, updates=updates, type=self._types.read)
                    end.api.write_updates(request)
            except (ConnectorError, TargetError) as error:
                reason = end.redact(str(error))
                self._notes.append(
                    f"{end.title}: what the run wrote to {', '.join(self._namespaces)} is left: {reason}"
                )

    def _redact(self, text: str) -> str:
        return self._source.redact(self._sink.redact(text))
