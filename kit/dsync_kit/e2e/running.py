"""A run: the workload, the kills, the wait until both ends are quiet, the comparison."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from grpc import StatusCode

from dsync_kit.documents import decode_id, encode_id, id_field, id_parts
from dsync_kit.e2e.contents import Contents, listed
from dsync_kit.e2e.documents import Documents
from dsync_kit.e2e.ends import ServedEnd
from dsync_kit.e2e.judging import mismatch
from dsync_kit.e2e.kills import COPY, UPDATES, Kill
from dsync_kit.e2e.movers import Mover
from dsync_kit.e2e.results import Listener, Mismatch, Result
from dsync_kit.e2e.supervising import FlowFailedError, NotBackError, Supervisor
from dsync_kit.e2e.workload import Amounts, Call, Workload
from dsync_kit.errors import ConnectorError
from dsync_kit.flow.retries import repeated
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    DataType,
    GetNamespaceMetadataRequest,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)
from dsync_kit.usage import TargetError, UsageError

__all__ = ["run_e2e"]

_PAGE = 500
_POLL_SECONDS = 0.3
_COPY_SECONDS = 10.0
"""How long a kill in the copy waits while nothing arrives: the copy may be over before anything is counted."""


def run_e2e(
    source: ServedEnd,
    sink: ServedEnd,
    mover: Mover,
    data_type: DataType,
    documents: Mapping[str, Documents],
    *,
    seed: int,
    amounts: Amounts,
    kills: Sequence[Kill],
    quiet: float,
    listener: Listener,
) -> Result:
    """Run the flow with a workload and kills, and compare both ends.

    `documents` are those of each namespace; without any, what the source plans by itself is copied. `kills` come in
    this order. `quiet` is for how many seconds a destination that differs must not have changed. Raises UsageError if
    the source takes no updates, TargetError if the workload cannot be written or a part of the flow does not start.
    """
    run = _Run(source, sink, mover, data_type, documents, amounts, quiet, listener)
    try:
        return run.run(seed, kills)
    finally:
        mover.stop()


class _Run:
    def __init__(
        self,
        source: ServedEnd,
        sink: ServedEnd,
        mover: Mover,
        data_type: DataType,
        documents: Mapping[str, Documents],
        amounts: Amounts,
        quiet: float,
        listener: Listener,
    ) -> None:
        self._source = source
        self._sink = sink
        self._mover = mover
        self._data_type = data_type
        self._documents = documents
        self._namespaces = self._counted = list(documents)
        self._amounts = amounts
        self._quiet = quiet
        self._tell = listener
        self._flow = Supervisor(source, sink, mover, listener, finite=amounts.copies_only)
        self._waiting: list[Kill] = []
        self._expected = Contents(data_type)
        self._size = amounts.documents
        self._calls = 0
        self._updates = 0
        self._changing = 0.0
        self._notes: list[str] = []

    def run(self, seed: int, kills: Sequence[Kill]) -> Result:
        began = time.monotonic()
        workload = Workload(seed, self._documents, self._data_type, self._amounts)
        calls = list(workload.calls())
        self._fill(workload)
        if self._amounts.writes_nothing:
            self._expected = self._listed(self._source)
            self._size = len(self._expected.digests)
            self._counted = sorted({name for name, _ in self._expected.digests})
        failure = ""
        differences = missing = Mismatch()
        half = len(calls) // 2
        try:
            self._flow.start()
            self._waiting = [kill for kill in kills if kill.phase == COPY]
            missing, differences = self._phase(COPY, calls[:half])
            if calls and not (missing.count or differences.count):
                self._waiting = [kill for kill in kills if kill.phase == UPDATES]
                missing, differences = self._phase(UPDATES, calls[half:])
        except FlowFailedError as error:
            failure = str(error)
            with suppress(ConnectorError):
                missing, differences = self._compared()
        except NotBackError as error:
            failure = str(error)
        except ConnectorError as error:
            failure = f"the ends cannot be compared: {error}"
        self._mover.stop()
        self._clean_up()
        return Result(
            source=self._source.title,
            destination=self._sink.title,
            mover=self._mover.name,
            seed=seed,
            namespaces=tuple(self._namespaces),
            documents=self._size,
            updates=self._updates,
            changing=self._changing,
            kills=tuple(self._flow.killed),
            starts=self._mover.starts,
            lost=missing,
            differences=differences,
            failure=self._redact(failure),
            notes=tuple(self._notes),
            seconds=time.monotonic() - began,
        )

    def _fill(self, workload: Workload) -> None:
        for namespace, documents in workload.initial.items():
            for start in range(0, len(documents), _PAGE):
                page = documents[start : start + _PAGE]
                request = WriteDataRequest(namespace=namespace, data=page, type=self._data_type)
                try:
                    repeated(lambda request=request: self._source.api.write_data(request))  # type: ignore[misc]
                except ConnectorError as error:
                    raise self._refused("WriteData", error) from None
                self._expected.write(namespace, page)

    def _phase(self, phase: str, calls: Sequence[Call]) -> tuple[Mismatch, Mismatch]:
        """Write a part of the workload, and make the kills that are due; returns what `_compared` finds then."""
        began = due = time.monotonic()
        for done, call in enumerate(calls):
            self._kill_those_due(done / len(calls))
            self._write(call)
            due += call.pause
            self._pause_until(due, done / len(calls))
            if self._amounts.rate is None:
                due = time.monotonic()
        self._changing += time.monotonic() - began
        self._wait_for_kills()
        found = self._settle()
        equal = not any(one.count for one in found)
        self._tell(f"{phase}: after {self._calls:,} calls the ends are {'' if equal else 'not '}equal")
        return found

    def _pause_until(self, due: float, done: float) -> None:
        """Wait until the next call is due. If it is late already, don't wait."""
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))
            self._kill_those_due(done)
        self._flow.check()

    def _wait_for_kills(self) -> None:
        """Wait until the remaining kills are made. If nothing arrives for long, those of the copy are made anyway."""
        before, deadline = self._held(), time.monotonic() + _COPY_SECONDS
        while self._waiting and not self._flow.finished:
            if (held := self._held()) != before:
                before, deadline = held, time.monotonic() + _COPY_SECONDS
            if time.monotonic() > deadline:
                self._kill(self._waiting.pop(0))
            self._kill_those_due(1.0)
            self._flow.check()
            time.sleep(_POLL_SECONDS / 10)

    def _kill_those_due(self, done: float) -> None:
        """Make the kills that are due once the share `done` of the calls has been made."""
        while self._waiting and self._is_due(self._waiting[0], done):
            self._kill(self._waiting.pop(0))

    def _is_due(self, kill: Kill, done: float) -> bool:
        if kill.phase == UPDATES:
            return kill.at <= done
        held = self._held()
        return held is not None and held > kill.at * self._size

    def _kill(self, kill: Kill) -> None:
        self._flow.kill(kill, self._calls, self._held())

    def _held(self) -> int | None:
        """How many documents the destination reports; None if it does not answer."""
        try:
            return sum(
                self._sink.api.get_namespace_metadata(GetNamespaceMetadataRequest(namespace=name)).count
                for name in self._counted
            )
        except ConnectorError:  # a namespace may be unknown before it is written to
            return None

    def _write(self, call: Call) -> None:
        request = WriteUpdatesRequest(namespace=call.namespace, updates=call.updates, type=self._data_type)
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

    def _settle(self) -> tuple[Mismatch, Mismatch]:
        """Wait until both ends hold what was written, or nothing has changed for the given time.

        Returns what then differs, as `_compared` does. Raises ConnectorError if an end cannot be listed.
        """
        while self._amounts.copies_only and not self._flow.finished:
            self._flow.check()
            time.sleep(_POLL_SECONDS)
        before: tuple[Mismatch, Mismatch] | None = None
        held = starts = -1
        changed = time.monotonic()
        while True:
            self._flow.check()
            began = time.monotonic()
            if (now_held := self._held()) != held and now_held is not None:
                held, changed = now_held, time.monotonic()  # documents arrive: a comparison would only slow them down
                time.sleep(_POLL_SECONDS)
                continue
            quiet = time.monotonic() > changed + self._quiet
            try:
                now = self._compared()
            except ConnectorError as error:
                if quiet or not error.retryable:
                    raise
                now = (Mismatch(-1), Mismatch(-1))
            if quiet or not (now[0].count or now[1].count):
                return now
            if starts != self._mover.starts or now != before:
                starts = self._mover.starts
                before, changed = now, time.monotonic()
            # Comparing many documents slows the flow down.
            time.sleep(max(_POLL_SECONDS, time.monotonic() - began))

    def _compared(self) -> tuple[Mismatch, Mismatch]:
        """How the source differs from what it acknowledged, and how the destination differs from the source."""
        source, sink = self._listed(self._source), self._listed(self._sink)
        return mismatch(self._expected, source), mismatch(source, sink)

    def _listed(self, end: ServedEnd) -> Contents:
        names = self._namespaces or (self._counted if end is self._sink else [])
        return listed(end.api, names, self._data_type, self._as_written)

    def _as_written(self, namespace: str, data: bytes) -> bytes:
        return self._documents[namespace].as_written(data) if namespace in self._documents else data

    def _clean_up(self) -> None:
        """Delete what was written, unless it is removed anyway."""
        if self._amounts.writes_nothing:
            if self._sink.harness is None:
                self._notes.append(f"{self._sink.title}: what was copied to {', '.join(self._counted)} is left there")
            return
        for end in (self._source, self._sink):
            if end.harness is not None:
                continue
            try:
                for namespace in self._namespaces:
                    self._delete(end, namespace)
            except (ConnectorError, TargetError) as error:
                reason = end.redact(str(error))
                self._notes.append(
                    f"{end.title}: what the run wrote to {', '.join(self._namespaces)} is still there: {reason}"
                )

    def _delete(self, end: ServedEnd, namespace: str) -> None:
        # What was deleted may still be at the destination.
        ever = self._expected.digests.keys() | self._expected.deleted
        ids = [decode_id(id_parts(key)[0]) for name, key in ever if name == namespace]
        parts = [encode_id(value, id_field(self._data_type)) for value in ids]
        for start in range(0, len(parts), _PAGE):
            updates = [Update(id=[part], type=UPDATE_TYPE_DELETE) for part in parts[start : start + _PAGE]]
            end.api.write_updates(WriteUpdatesRequest(namespace=namespace, updates=updates, type=self._data_type))

    def _redact(self, text: str) -> str:
        return self._source.redact(self._sink.redact(text))
