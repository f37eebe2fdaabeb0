"""The flow while it runs: its parts are killed and started again, and the mover is watched."""

import time

from dsync_kit.e2e.ends import ServedEnd
from dsync_kit.e2e.kills import KILLED, REPLACED, Kill
from dsync_kit.e2e.movers import Mover
from dsync_kit.e2e.results import Killed, Listener
from dsync_kit.usage import TargetError

__all__ = ["FlowFailedError", "NotBackError", "Supervisor"]


class FlowFailedError(Exception):
    """The mover ended by itself, although nothing had been killed since it was started."""


class NotBackError(Exception):
    """An end does not start again after it was killed."""


class Supervisor:
    """Starts the mover, and kills parts of the flow. `finite`: the mover ends when it has copied everything."""

    def __init__(self, source: ServedEnd, sink: ServedEnd, mover: Mover, listener: Listener, *, finite: bool) -> None:
        self._source = source
        self._sink = sink
        self._mover = mover
        self._tell = listener
        self._finite = finite
        self._excused = False  # something was killed since the mover was started
        self.killed: list[Killed] = []

    @property
    def finished(self) -> bool:
        """Whether the mover has copied everything, and ended."""
        return self._finite and self._mover.succeeded

    def start(self) -> None:
        """Start the mover. Raises TargetError if that fails."""
        self._mover.start()
        self._excused = False

    def check(self) -> None:
        """Start the mover again if it has ended because of a kill. Raises FlowFailedError if nothing was killed."""
        if self._mover.running or self.finished:
            return
        if not self._excused:
            raise FlowFailedError(f"{self._mover.name} ended by itself; its log says:\n{self._mover.last_words()}")
        self._tell(f"{self._mover.name} has ended after a kill, and is started again")
        self.start()

    def kill(self, kill: Kill, calls: int, held: int | None) -> None:
        """Kill a part of the flow, and bring it back; `calls` and `held` say when. Raises NotBackError."""
        self.killed.append(Killed(kill.victim, kill.phase, calls, held, kill.down, kill.manner))
        holds = "" if held is None else f", the destination holds {held:,} documents"
        down = "" if kill.manner == REPLACED else f" for {kill.down:.1f} s"
        self._tell(f"{kill.phase}: {kill.victim} {kill.manner}{down} after {calls:,} calls{holds}")
        self._excused = True
        if kill.victim == self._mover.name:
            self._mover.kill()
            time.sleep(kill.down)
            self.start()
            return
        end = self._source if kill.victim.startswith("source") else self._sink
        if kill.victim.endswith("backend") and end.outage is not None:
            end.outage(kill.down)
            return
        try:
            _bring_down_and_back(end, kill)
        except TargetError as error:
            raise NotBackError(f"the {kill.victim} does not start again after it was {kill.manner}: {error}") from None


def _bring_down_and_back(end: ServedEnd, kill: Kill) -> None:
    if kill.manner == REPLACED:
        end.process.replace()
        return
    if kill.manner == KILLED:
        end.process.kill()
    else:
        end.process.stop()
    time.sleep(kill.down)
    end.process.start()
