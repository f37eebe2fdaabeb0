"""Kills a process of a connector, or ends an earlier version, and starts another in its place."""

from collections.abc import Callable
from dataclasses import dataclass, field

from dsync_kit.conformance.calls.transcript import Call, Note
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.takeover.run import CRASH, VERSIONS, Run, Topics
from dsync_kit.conformance.results.outcome import KitError, Violation
from dsync_kit.errors import ConnectorError
from dsync_kit.targets.process import Process
from dsync_kit.usage import TargetError

__all__ = ["Takeover"]

_IN_ITS_PLACE = "(ended, since no second process can run beside it; another one starts in its place)"

_MORE_DOCUMENTS = 250
"""The additional documents if a listing is to be continued: most connectors return them in several pages."""


@dataclass
class Takeover:
    """The result: what was found on each topic that applies, or why it was `declined`; and the recorded calls."""

    topics: Topics = field(default_factory=dict)
    declined: str = ""
    calls: tuple[Call | Note, ...] = ()

    @classmethod
    def after_crash(cls, case: Case, number: int) -> "Takeover":
        """The result of the crash with this number. All rules share it, because each costs two starts of a process."""
        return _shared(case, case.subject.remembered.crashes, number, _crash)

    @classmethod
    def between_versions(cls, case: Case, number: int) -> "Takeover":
        """The same for an earlier version that ends in order, and the current one that takes over. Shared, too."""
        return _shared(case, case.subject.remembered.handovers, number, _handover)


def _shared(case: Case, known: dict[int, Takeover], number: int, make: Callable[[Case, int], Takeover]) -> Takeover:
    """The known takeover with this number, whose calls are then shown in this example, too; or a new one."""
    if number in known:
        case.recorder.include(known[number].calls)
    else:
        known[number] = found = make(case, number)
        found.calls = case.recorder.entries()
    return known[number]


def _handover(case: Case, number: int) -> Takeover:
    target = case.subject.target
    if target.process is None or target.earlier is None:
        raise KitError("the two versions cannot be started as processes")
    earlier, now, found = target.earlier(), target.process(), Takeover()
    # Before there is room: finding a free namespace takes the current instance.
    run = Run.of(case, found.topics, number, VERSIONS, more=_MORE_DOCUMENTS)
    try:
        with case.subject.instances.room(earlier) as alone:
            if alone:
                case.recorder.note(_IN_ITS_PLACE)
            return _taken_over(case, run, found, earlier, now)
    except TargetError as error:
        return Takeover(declined=f"the previous version cannot be started: {_brief(error)}")


def _taken_over(case: Case, run: Run, found: Takeover, earlier: Process, now: Process) -> Takeover:
    try:
        try:
            run.before(earlier)
        finally:
            earlier.stop()
    except (TargetError, ConnectorError, Violation) as error:
        return Takeover(declined=f"the previous version does not support what this rule compares: {_brief(error)}")
    case.recorder.note("(the previous version has ended; the current version starts)")
    try:
        with run.topic("starts-again"):
            now.start()
        if found.topics["starts-again"] is None:
            run.after(now)
    finally:
        now.kill()
    if found.topics.get("write-data") is not None:
        with earlier:
            if not run.holds_anything(earlier):
                return Takeover(declined="its data is lost with its process, so versions cannot be compared")
    return found


def _brief(error: Exception) -> str:
    """The message that a process printed, without Python's traceback."""
    first, *rest = str(error).splitlines()
    return f"{first} {rest[-1].strip()}" if rest else first


def _crash(case: Case, number: int) -> Takeover:
    if case.subject.target.process is None:
        raise KitError("the connector cannot be started as a separate process")
    process, found = case.subject.target.process(), Takeover()
    # Before there is room: finding a free namespace takes the current instance.
    run = Run.of(case, found.topics, number, CRASH)
    try:
        with case.subject.instances.room(process) as alone:
            if alone:
                case.recorder.note(_IN_ITS_PLACE)
            _kill(case, run, process, found)
    except TargetError as error:
        if not found.topics:
            return Takeover(declined=f"it cannot be started as a separate process: {_brief(error)}")
        # Its own successor does not start, either: the topic on that says so.
    return found


def _kill(case: Case, run: Run, process: Process, found: Takeover) -> None:
    try:
        run.before(process)
        process.kill()
        case.recorder.note("(SIGKILL, then restarted)")
        with run.topic("starts-again"):
            process.start()
        if found.topics["starts-again"] is None:
            run.after(process)
    finally:
        process.kill()
