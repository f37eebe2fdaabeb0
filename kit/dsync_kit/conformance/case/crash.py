"""One process of a connector takes over from another: after a kill, or from an earlier version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dsync_kit.conformance.calls.driver import Driver, updates_partition
from dsync_kit.conformance.calls.transcript import Call, Note, show_document, show_state
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower, Held, held
from dsync_kit.conformance.documents.strategies import removals, update_to
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import KitError, Violation
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.documents import same_document
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    GeneratePlanResponse,
    GetInfoRequest,
    ListDataResponse,
    Partition,
    UpdateType,
)
from dsync_kit.targets.process import Process
from dsync_kit.usage import TargetError

__all__ = ["Crash"]

_TRIED_CURSORS = 3

_IN_ITS_PLACE = "(ended, since no second process can run beside it; another one starts in its place)"

_MORE_DOCUMENTS = 250
"""The additional documents if a listing is to be continued: most connectors return them in several pages."""


@dataclass(frozen=True, slots=True)
class _Words:
    """How violations name the two processes."""

    first: str
    second: str
    then: str
    now: str
    lost: str


_CRASH = _Words(
    first="process",
    second="restarted process",
    then="before the process was killed",
    now="after a restart",
    lost="is lost with the process",
)
_VERSIONS = _Words(
    first="previous version",
    second="current version",
    then="with the previous version",
    now="with the current version",
    lost="is lost or altered with the current version",
)


@dataclass
class Crash:
    """The result of a crash: each topic's violation, or None if all is well. Inapplicable topics are missing."""

    topics: dict[str, Violation | None] = field(default_factory=dict)
    declined: str = ""
    calls: tuple[Call | Note, ...] = ()

    @classmethod
    def of(cls, case: Case, number: int) -> "Crash":
        """The crash with this number. All rules share it, because each costs two starts of a process."""
        known: dict[int, Crash] = case.subject.remembered.crashes
        if number in known:
            case.recorder.include(known[number].calls)
        else:
            known[number] = found = _crash(case, number)
            found.calls = case.recorder.entries()
        return known[number]

    @classmethod
    def of_versions(cls, case: Case, number: int) -> "Crash":
        """The same for an earlier version that ends in order, and the current one that takes over. Shared, too."""
        known: dict[int, Crash] = case.subject.remembered.handovers
        if number in known:
            case.recorder.include(known[number].calls)
        else:
            known[number] = found = _handover(case, number)
            found.calls = case.recorder.entries()
        return known[number]


def _handover(case: Case, number: int) -> Crash:
    target = case.subject.target
    if target.process is None or target.earlier is None:
        raise KitError("the two versions cannot be started as processes")
    earlier, now = target.earlier(), target.process()
    try:
        with case.subject.room(earlier) as alone:
            if alone:
                case.recorder.note(_IN_ITS_PLACE)
            return _taken_over(case, number, earlier, now)
    except TargetError as error:
        return Crash(declined=f"the previous version cannot be started: {_brief(error)}")


def _taken_over(case: Case, number: int, earlier: Process, now: Process) -> Crash:
    crash = Crash()
    run = _Run(case, crash, number, _VERSIONS, more=_MORE_DOCUMENTS)
    try:
        try:
            run.before(earlier)
        finally:
            earlier.stop()
    except (TargetError, ConnectorError, Violation) as error:
        return Crash(declined=f"the previous version does not support what is compared: {_brief(error)}")
    case.recorder.note("(the previous version has ended; the current version starts)")
    try:
        with run.topic("starts-again"):
            now.start()
        if crash.topics["starts-again"] is None:
            run.after(now)
    finally:
        now.kill()
    if crash.topics.get("write-data") is not None:
        with earlier:
            if not run.holds_anything(earlier):
                return Crash(declined="its data is lost with its process, so versions cannot be compared")
    return crash


def _brief(error: Exception) -> str:
    """The message that a process printed, without Python's traceback."""
    first, *rest = str(error).splitlines()
    return f"{first} {rest[-1].strip()}" if rest else first


def _crash(case: Case, number: int) -> Crash:
    if case.subject.target.process is None:
        raise KitError("the connector cannot be started as a separate process")
    process, crash = case.subject.target.process(), Crash()
    try:
        with case.subject.room(process) as alone:
            if alone:
                case.recorder.note(_IN_ITS_PLACE)
            _kill(case, number, process, crash)
    except TargetError as error:
        if not crash.topics:
            return Crash(declined=f"it cannot be started as a separate process: {_brief(error)}")
        # Its own successor does not start, either: the topic on that says so.
    return crash


def _kill(case: Case, number: int, process: Process, crash: Crash) -> None:
    try:
        run = _Run(case, crash, number, _CRASH)
        run.before(process)
        process.kill()
        case.recorder.note("(SIGKILL, then restarted)")
        with run.topic("starts-again"):
            process.start()
        if crash.topics["starts-again"] is None:
            run.after(process)
    finally:
        process.kill()


class _Topic:
    """A context that notes what goes wrong in it as the topic's violation."""

    def __init__(self, crash: Crash, name: str, words: _Words) -> None:
        self._topics = crash.topics
        self._words = words
        self._name = name

    def __enter__(self) -> None:
        self._topics[self._name] = None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Violation):
            # A violation of this topic's rule, whichever rule would own it elsewhere.
            self._topics[self._name] = Violation(
                error.message, expected=error.expected, seen=error.seen, rests_on=error.rests_on
            )
        elif isinstance(error, ConnectorError | TargetError):
            message = f"the connector refuses valid requests {self._words.now}"
            self._topics[self._name] = Violation(message, expected="OK", seen=str(error))
        return isinstance(error, Violation | ConnectorError | TargetError)


class _Run:
    """The writes before one process takes over from another, and the checks after it."""

    def __init__(self, case: Case, crash: Crash, number: int, words: _Words, *, more: int = 0) -> None:
        self._words = words
        self._page: tuple[Partition, ListDataResponse] | None = None
        self._more: Sequence[bytes] = ()
        self._case = case
        self._subject = case.subject
        self._crash = crash
        self._number = number
        self._id = ""
        self._plan = GeneratePlanResponse()
        self._planned: Held = {}
        self._follower: Follower | None = None
        if not self._subject.declared.loads:
            return
        self._type = self._subject.declared.types[number % len(self._subject.declared.types)]
        documents = case.numbered(20, self._type)
        self._kept, self._changed, self._gone, self._new = (documents[i : i + 5] for i in (0, 5, 10, 15))
        self._late = case.numbered(5, self._type, prefix="late")
        self._more = case.numbered(more, self._type, prefix="more") if more else ()
        self._model = Model(self._type)
        self._namespace = case.namespace()

    def topic(self, name: str) -> _Topic:
        """A context for the checks of one topic."""
        return _Topic(self._crash, name, self._words)

    def before(self, process: Process) -> None:
        """Write, plan and stream. The last answer is to a write."""
        driver = self._driver(process, self._words.first)
        self._id = driver.api.get_info(GetInfoRequest()).id
        if not self._subject.declared.loads:
            return
        self._load(driver, [*self._kept, *self._changed, *self._gone, *self._more])
        if self._subject.declared.is_source:
            self._plan = driver.plan([self._namespace], updates=self._subject.found.streams)
            if self._more and self._plan.partitions:
                partition = self._plan.partitions[0]
                self._page = partition, driver.first_page(partition, self._type)
        self._planned = held(self._model)
        self._change(driver, UPDATE_TYPE_UPDATE, self._case.numbered(10, self._type, again=True)[5:])
        if self._plan.updates_partitions and self._subject.declared.can_change:
            self._follower = self._follow(driver, updates_partition(self._plan).cursor, self._planned)
            self._follower.converge({self._namespace: held(self._model)}, what="the stream before the crash")
            self._follower.cancel()
        last: list[Callable[[], None]] = [
            lambda: self._load(driver, self._late),
            lambda: self._change(driver, UPDATE_TYPE_INSERT, self._new, also_gone=True),
        ]
        for write in last if self._number % 2 == 0 else last[::-1]:
            write()

    def after(self, process: Process) -> None:
        """Check everything that should have survived."""
        driver = self._driver(process, self._words.second)
        with self.topic("id"):
            self._same_id(driver.api.get_info(GetInfoRequest()).id)
        if not self._subject.declared.loads:
            return
        if self._subject.declared.can_read:
            self._check_listing(driver)
        if self._page is not None and self._page[1].next_cursor:
            with self.topic("page-cursor"):
                self._listing_goes_on(driver, *self._page)
        if self._follower is not None:
            with self.topic("cursor"):
                self._mark(driver)
                cursor = updates_partition(self._plan).cursor
                self._converges(self._follow(driver, cursor, self._planned), "streaming from the plan's cursor")
            with self.topic("resume"):
                self._resumes(driver, self._follower)

    def _check_listing(self, driver: Driver) -> None:
        """Check what is listed now."""
        found: Held = {}
        with self.topic("write-data"):
            listed = self._subject.data.read(self._namespace, self._type, driver=driver, expected=self._expected)
            found = by_id(self._case.without_foreign(self._namespace, listed, self._type), self._type)
            self._holds(found, [*self._kept, *self._late, *self._more], "WriteData")
        if self._subject.declared.can_change and self._crash.topics["write-data"] is None:
            with self.topic("write-updates"):
                self._holds(found, list(self._model.documents.values()), "WriteUpdates")
                if self._case.deletes:
                    self._holds_none(found, self._gone)
        with self.topic("plan"):
            self._plan_lasts(driver)

    def holds_anything(self, process: Process) -> bool:
        """Whether a process still has any of the written documents."""
        driver = self._driver(process, self._words.first)
        listed = self._subject.data.read(self._namespace, self._type, driver=driver, expected=self._expected)
        return bool(self._case.without_foreign(self._namespace, listed, self._type))

    @property
    def _expected(self) -> int:
        return 25 + len(self._more)

    def _listing_goes_on(self, driver: Driver, partition: Partition, page: ListDataResponse) -> None:
        """A listing that begins with a page of the first process has all that the second one lists from the start."""
        unchanged = by_id([*self._kept, *self._more], self._type)
        rest = driver.pages(partition, self._type, cursor=page.next_cursor, expected=self._expected)
        listed = [*page.data, *(document for documents in rest for document in documents)]
        ids = [name for document in listed if (name := next(iter(by_id([document], self._type)))) in unchanged]
        whole = by_id(driver.list_partition(partition, self._type, expected=self._expected), self._type)
        twice = len(ids) - len(set(ids))
        lacking = [unchanged[name] for name in whole if name in unchanged and name not in set(ids)]
        if twice or lacking:
            raise Violation(
                f"a listing that began {self._words.then} does not continue {self._words.now}",
                expected="each document of the partition once",
                seen=f"{twice} documents twice" if twice else f"without {show_document(lacking[0])}",
                rests_on=Evidence.LISTING,
            )

    def _resumes(self, driver: Driver, follower: Follower) -> None:
        sent = {seen.cursor: seen for seen in reversed(follower.sent)}
        for cursor, seen in list(sent.items())[:_TRIED_CURSORS]:
            state = follower.held_after(seen.updates)[self._namespace]
            self._converges(self._follow(driver, cursor, state), "streaming from a sent cursor")

    def _converges(self, follower: Follower, what: str) -> None:
        follower.converge({self._namespace: held(self._model)}, what=f"{what} {self._words.then}")
        follower.cancel()

    def _plan_lasts(self, driver: Driver) -> None:
        if not self._subject.declared.is_source:
            return
        documents = [
            item
            for found in self._plan.partitions
            for item in driver.list_partition(found, self._type, expected=self._expected)
        ]
        documents = self._case.without_foreign(self._namespace, documents, self._type)
        self._holds(by_id(documents, self._type), self._kept, f"a plan's partitions, listed {self._words.now},")

    def _holds(self, found: Held, documents: Sequence[bytes], what: str) -> None:
        for document in documents:
            have = found.get(next(iter(Model(self._type, [document]).documents)))
            if have is None or not same_document(have, document, self._type):
                raise Violation(
                    f"a document that {what} had acknowledged {self._words.lost}"
                    if what.startswith("Write")
                    else f"{what} lack documents",
                    expected=show_document(document),
                    seen=show_state(have),
                    rests_on=Evidence.LISTING,
                )

    def _holds_none(self, found: Held, documents: Sequence[bytes]) -> None:
        left = [document for document in documents if next(iter(Model(self._type, [document]).documents)) in found]
        if left:
            raise Violation(
                "a document that WriteUpdates had deleted is back",
                expected=show_state(None),
                seen=show_document(left[0]),
                rests_on=Evidence.LISTING,
            )

    def _driver(self, process: Process, name: str) -> Driver:
        return self._case.instance(process.api, name)

    def _follow(self, driver: Driver, cursor: bytes, holding: Held) -> Follower:
        state = {self._namespace: holding}
        return Follower(self._case, cursor, [self._namespace], self._type, holding=state, driver=driver)

    def _load(self, driver: Driver, documents: Sequence[bytes]) -> None:
        self._case.write(self._namespace, documents, self._type, driver=driver)
        self._model.write(documents)

    def _change(self, driver: Driver, kind: UpdateType, documents: Sequence[bytes], *, also_gone: bool = False) -> None:
        if not self._subject.declared.can_change:
            return
        updates = [update_to(kind, item, self._type) for item in documents]
        if also_gone and self._case.deletes:
            updates += removals(self._gone, self._type)
        self._case.update(self._namespace, updates, self._type, driver=driver)
        self._model.apply(updates)

    def _mark(self, driver: Driver) -> None:
        (mark,) = self._case.numbered(1, self._type, prefix="mark")
        self._change(driver, UPDATE_TYPE_INSERT, [mark])

    def _same_id(self, found: str) -> None:
        if found != self._id:
            raise Violation(
                f"GetInfo returns a different id {self._words.now}", expected=repr(self._id), seen=repr(found)
            )
