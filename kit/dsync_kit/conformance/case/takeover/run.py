"""What a connector does before one of its processes takes over from another, and the checks after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dsync_kit.conformance.calls.driver import Driver, updates_partition
from dsync_kit.conformance.calls.transcript import show_document, show_state
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.documents.strategies import removals, update_to
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import Violation
from dsync_kit.conformance.verdicts.copies import Held, held
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

__all__ = ["CRASH", "VERSIONS", "Run", "Topics"]

Topics = dict[str, Violation | None]
"""Each topic's violation, or None if all is well."""

_TRIED_CURSORS = 3


@dataclass(frozen=True, slots=True)
class Words:
    """How violations name the two processes."""

    first: str
    second: str
    then: str
    now: str
    lost: str


CRASH = Words(
    first="process",
    second="restarted process",
    then="before the process was killed",
    now="after a restart",
    lost="is lost with the process",
)
VERSIONS = Words(
    first="previous version",
    second="current version",
    then="with the previous version",
    now="with the current version",
    lost="is lost or altered with the current version",
)


class _Topic:
    """A context that notes what goes wrong in it as the topic's violation."""

    def __init__(self, topics: Topics, name: str, words: Words) -> None:
        self._topics = topics
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


class Run:
    """What a connector does before one process takes over from another, and the checks after it: only of its id."""

    def __init__(self, case: Case, topics: Topics, words: Words) -> None:
        self._case = case
        self._topics = topics
        self._words = words
        self._id = ""

    @classmethod
    def of(cls, case: Case, topics: Topics, number: int, words: Words, *, more: int = 0) -> "Run":
        """The run with this number, with data if any can be loaded: `more` documents for a listing to be continued."""
        return _DataRun(case, topics, number, words, more) if case.subject.declared.loads else cls(case, topics, words)

    def topic(self, name: str) -> _Topic:
        """A context for the checks of one topic."""
        return _Topic(self._topics, name, self._words)

    def before(self, process: Process) -> None:
        """Write, plan and stream. The last answer is to a write."""
        driver = self._driver(process, self._words.first)
        self._id = driver.api.get_info(GetInfoRequest()).id
        self._fill(driver)

    def after(self, process: Process) -> None:
        """Check everything that should have survived."""
        driver = self._driver(process, self._words.second)
        with self.topic("id"):
            self._same_id(driver.api.get_info(GetInfoRequest()).id)
        self._check(driver)

    def holds_anything(self, process: Process) -> bool:
        """Whether a process still has any of the written documents; True if there are none."""
        return True

    def _fill(self, driver: Driver) -> None:
        """Write, plan and stream."""

    def _check(self, driver: Driver) -> None:
        """Check the data."""

    def _driver(self, process: Process, name: str) -> Driver:
        return self._case.others.at(process.api, name)

    def _same_id(self, found: str) -> None:
        if found != self._id:
            raise Violation(
                f"GetInfo returns a different id {self._words.now}", expected=repr(self._id), seen=repr(found)
            )


class _DataRun(Run):
    """The same with data: what was written, planned and streamed."""

    def __init__(self, case: Case, topics: Topics, number: int, words: Words, more: int) -> None:
        super().__init__(case, topics, words)
        self._subject = case.subject
        self._number = number
        self._page: tuple[Partition, ListDataResponse] | None = None
        self._plan = GeneratePlanResponse()
        self._planned: Held = {}
        self._follower: Follower | None = None
        self._type = self._subject.declared.types[number % len(self._subject.declared.types)]
        documents = case.numbered(20, self._type)
        self._kept, self._changed, self._gone, self._new = (documents[i : i + 5] for i in (0, 5, 10, 15))
        self._late = case.numbered(5, self._type, prefix="late")
        self._more = case.numbered(more, self._type, prefix="more") if more else []
        self._model = Model(self._type)
        self._namespace = case.namespace()

    def _fill(self, driver: Driver) -> None:
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
            self._follower.converge({self._namespace: held(self._model)}, what=f"the stream {self._words.then}")
            self._follower.cancel()
        last: list[Callable[[], None]] = [
            lambda: self._load(driver, self._late),
            lambda: self._change(driver, UPDATE_TYPE_INSERT, self._new, also_gone=True),
        ]
        for write in last if self._number % 2 == 0 else last[::-1]:
            write()

    def _check(self, driver: Driver) -> None:
        if self._subject.declared.can_read:
            self._check_listing(driver)
        if self._page is not None and self._page[1].next_cursor:
            with self.topic("page-cursor"):
                self._listing_goes_on(driver, *self._page)
        if self._follower is not None:
            with self.topic("cursor"):
                self._mark(driver)
                cursor = updates_partition(self._plan).cursor
                self._converges(self._follow(driver, cursor, self._planned), "a stream from the plan's cursor")
            with self.topic("resume"):
                self._resumes(driver, self._follower)

    def _check_listing(self, driver: Driver) -> None:
        """Check what is listed now."""
        found: Held = {}
        with self.topic("write-data"):
            listed = self._subject.data.read(self._namespace, self._type, driver=driver, expected=self._expected)
            found = by_id(self._case.without_foreign(self._namespace, listed, self._type), self._type)
            self._holds(found, [*self._kept, *self._late, *self._more], "WriteData")
        if self._subject.declared.can_change and self._topics["write-data"] is None:
            with self.topic("write-updates"):
                self._holds(found, list(self._model.documents.values()), "WriteUpdates")
                if self._case.deletes:
                    self._holds_none(found, self._gone)
        with self.topic("plan"):
            self._plan_lasts(driver)

    def holds_anything(self, process: Process) -> bool:
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
            self._converges(self._follow(driver, cursor, state), "a stream from a sent cursor")

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
