"""An explorer's streams: opened, read slowly or not at all, cancelled, and resumed from any earlier cursor."""

import threading
from collections.abc import Callable
from functools import partial

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.exploring.copying import Copier
from dsync_kit.conformance.case.exploring.operations import Operation
from dsync_kit.conformance.case.exploring.records import Counting, Origin, Reading
from dsync_kit.conformance.case.exploring.world import World
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.copies import Held, held

__all__ = ["Streamer"]

_MOST_OPEN = 4
_KEPT = 8
_RESUMED = 4
_SOON = 0.05


class Streamer:
    """Opens streams from the cursors of a copier's plans, and from those received in messages.

    `counts` says whether StreamLSN is judged, or only called.
    """

    def __init__(self, world: World, copier: Copier, *, counts: bool) -> None:
        self._world = world
        self._case = world.case
        self._copier = copier
        self._counts = counts
        self._open: list[Reading] = []
        self._past: list[Origin] = []
        self._countings: list[Counting] = []
        self._one_only = False
        self._lock = threading.RLock()

    def open(self, operation: Operation, *, alone: bool) -> None:
        """Open a stream from a plan's cursor."""
        if alone and not self._planned():
            self._copier.plan(operation, alone=True)
        self._follow(self._planned(), operation)

    def resume(self, operation: Operation) -> None:
        """Open a stream from a received cursor, or from that of a copied plan; if there is none, from a plan's."""
        with self._lock:
            come = [origin for reading in self._open for origin in reading.cursors()]
        if origins := [*come, *self._past, *self._copier.copied]:
            self._follow(origins, operation)
        else:
            self.open(operation, alone=True)

    def read(self, operation: Operation) -> None:
        """Read one message, if one comes soon; where nothing is missing, if one has come."""
        if (reading := self._chosen(operation)) is not None:
            soon = _SOON if reading.follower.behind(self._wanted(reading)) else 0.0
            self._guarded(reading, partial(reading.follower.message, soon))

    def catch_up(self, operation: Operation) -> None:
        """Read a stream until a sink holds what the source holds."""
        if (reading := self._chosen(operation)) is not None:
            self._converge(reading, "reading an open stream")

    def cancel(self, operation: Operation) -> None:
        """Hang up; received cursors are kept."""
        if (reading := self._chosen(operation)) is not None:
            self._close(reading)

    def open_lsn(self, operation: Operation) -> None:
        """Open a StreamLSN from a plan's cursor."""
        origins = self._planned()
        if origins and len(self._countings) < _MOST_OPEN:
            origin = origins[operation.which % len(origins)]
            stream = self._world.driver(operation).stream_lsn(origin.cursor, origin.asked)
            self._countings.append(Counting(self._case.enter(stream)))

    def close(self) -> None:
        """Hang up all streams."""
        for reading in self._open[:]:
            self._close(reading)
        for counting in self._countings:
            counting.reader.cancel()
        self._countings.clear()

    @property
    def used(self) -> bool:
        """Whether there is anything to stream."""
        return bool(self._open or self._past or self._copier.copied or self._planned())

    def agree(self) -> None:
        """Read open streams to their end, then from some of the earlier cursors, the newest first."""
        for counting in self._countings if self._counts else ():
            self._read_lsn(counting)
        for reading in self._open[:]:
            self._converge(reading, "reading an open stream")
            self._close(reading)
        origins = [*reversed(self._past), *reversed(self._copier.copied), *reversed(self._planned())]
        for number, origin in enumerate(origins[:: max(1, len(origins) // _RESUMED)][:_RESUMED]):
            reading = self._opened(origin, self._case.driver, turned=number % 2 == 0)
            self._converge(reading, f"a stream from {origin.what}")
            reading.follower.cancel()

    def _planned(self) -> list[Origin]:
        return [plan.origin for plan in self._copier.plans if plan.origin is not None]

    def _follow(self, origins: list[Origin], operation: Operation) -> None:
        if not origins:
            return
        origin = origins[operation.which % len(origins)]
        with self._lock:
            if self._one_only or len(self._open) >= _MOST_OPEN:
                for reading in self._open[:]:
                    self._close(reading)
            ahead = 1 if operation.slowly else 0
            driver = self._world.driver(operation)
            self._open.append(self._opened(origin, driver, turned=operation.turned, ahead=ahead))
            self._copier.streaming = True
            if len(self._open) > 1:  # of several open streams, any one may be refused
                for reading in self._open:
                    reading.beside = True

    def _opened(self, origin: Origin, driver: Driver, *, turned: bool, ahead: int = 0) -> Reading:
        asked = tuple(reversed(origin.asked)) if turned else origin.asked
        follower = Follower(
            self._case,
            origin.cursor,
            asked,
            self._world.data_type,
            holding=origin.holding(),
            driver=driver,
            ahead=ahead,
        )
        return Reading(follower, Origin(origin.cursor, asked, origin.covers, origin.holding, origin.what))

    def _chosen(self, operation: Operation) -> Reading | None:
        return self._open[operation.which % len(self._open)] if self._open else None

    def _converge(self, reading: Reading, what: str) -> None:
        self._world.resolve()
        wanted = self._wanted(reading)
        self._guarded(reading, lambda: reading.follower.converge(wanted, what=what))

    def _wanted(self, reading: Reading) -> dict[str, Held]:
        """What a sink holds that has everything of a stream."""
        return {name: held(self._world.histories[name].model()) for name in reading.origin.covers}

    def _guarded(self, reading: Reading, read: Callable[[], object]) -> None:
        """Read a stream. If only one is possible, give it up if it is refused, or end the others if it waits."""
        try:
            read()
        except Violation:
            follower = reading.follower
            if reading.closed:
                return  # by another caller
            if follower.updates or not reading.beside:
                raise
            if follower.reader.error is not None:
                self._remove(reading)
            elif others := [other for other in self._open if other is not reading]:
                for other in others:
                    self._close(other)
                read()
            else:
                raise
            self._one_only = True

    def _close(self, reading: Reading) -> None:
        reading.closed = True
        reading.follower.cancel()
        self._remove(reading)
        cursors = list(reading.cursors())
        # The first, a middle one and the newest.
        chosen = (*cursors[-1:], *cursors[len(cursors) // 2 :][:1], *cursors[:1])
        unique = {origin.cursor: origin for origin in chosen}
        self._past = [*self._past, *unique.values()][-_KEPT:]

    def _remove(self, reading: Reading) -> None:
        with self._lock:
            self._open = [other for other in self._open if other is not reading]
            self._copier.streaming = bool(self._open)

    def _read_lsn(self, counting: Counting) -> None:
        """Read the received counts: they never decrease."""
        while (message := counting.reader.next(0.0)) is not None:
            self._case.check(
                message.lsn >= counting.last,
                "the count of a StreamLSN decreases",
                expected=f"{counting.last} or more",
                seen=message.lsn,
                owner=Owner.LSN_MONOTONE,
            )
            counting.last = message.lsn
