"""Executes an explorer's steps, one after another or several at once, and compares everything at the end."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.exploring.copying import Copier
from dsync_kit.conformance.case.exploring.operations import AtOnce, Focus, Kind, Operation, Step, shown, steps
from dsync_kit.conformance.case.exploring.reading import Reader
from dsync_kit.conformance.case.exploring.streaming import Streamer
from dsync_kit.conformance.case.exploring.world import World
from dsync_kit.conformance.case.exploring.writing import Writer
from dsync_kit.conformance.case.outage import during_outage, throttle
from dsync_kit.conformance.documents import choosing
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.results.situations import Meeting, Situation
from dsync_kit.errors import ConnectorError

__all__ = ["explore"]

_THREADS = 4
"""The most threads that make operations at once."""

_SWITCHING_SECONDS = 2e-5
"""How often Python switches threads: with its usual 5 ms, most calls of a connector end undisturbed."""

_LOOKUPS, _OFTEN = frozenset({Kind.LOOK_UP, Kind.LSN, Kind.PAGE}), 3
"""Operations that are drawn more often, by these factors, if lookups are judged."""

_NAMESPACES = {
    Focus.EVERYTHING: st.integers(1, 3),
    Focus.LISTINGS: st.integers(1, 2),
    Focus.STREAMS: st.integers(2, 3),
    Focus.LOOKS: st.integers(1, 2),
}
_SEVERAL_PAGES = {True: 5, False: 1}
"""How many of six examples begin with several pages of documents: those about listings, and others."""

_OUTAGE_SECONDS = 1.0
"""How long an outage lasts: as a rule, a call is repeated when it is over."""

_BETWEEN = {Kind.RESTART: Meeting.RESTART, Kind.OUTAGE: Meeting.OUTAGE, Kind.THROTTLE: Meeting.THROTTLE}


def explore(case: Case, *, at_once: bool = False, elsewhere: bool = False, lookups: bool = False) -> None:
    """Make drawn steps, and compare everything with the model afterwards.

    `at_once` makes some of them at the same time, `elsewhere` some on another instance, with restarts and outages in
    between. `lookups` judges GetByIds and StreamLSN, which dsync does not need; otherwise they are only called.
    """
    focuses = (Focus.EVERYTHING, Focus.LOOKS) if lookups else (Focus.EVERYTHING, Focus.STREAMS, Focus.LISTINGS)
    focus = case.draw(choosing.choice(*focuses), "mostly about", show=str)
    explorer = _Explorer(case, focus, at_once=at_once, elsewhere=elsewhere, lookups=lookups)
    kinds = explorer.kinds(elsewhere=elsewhere)
    if lookups:
        kinds += tuple(kind for kind in kinds if kind in _LOOKUPS) * _OFTEN
    drawn = steps(kinds, focus, lists=case.pace.lists, at_once=at_once, elsewhere=elsewhere)
    made = case.draw(drawn if case.pace.outages else drawn.map(_without_outages), "steps", show=shown)
    try:
        explorer.make_all(made)
        case.recorder.note("(at the end everything is compared)")
        explorer.agree()
    finally:
        case.reached.update(explorer.reached)


def _without_outages(drawn: list[Step]) -> list[Step]:
    return [step for step in drawn if isinstance(step, AtOnce) or step.kind is not Kind.OUTAGE]


class _Explorer:
    """Namespaces with a few documents, and their writers and readers."""

    def __init__(self, case: Case, focus: Focus, *, at_once: bool, elsewhere: bool, lookups: bool) -> None:
        self._case = case
        namespaces = case.draw(_NAMESPACES[focus], "namespaces")
        few = case.draw(st.integers(0, 5), "several pages of documents at first")
        pages = 1 <= few <= _SEVERAL_PAGES[focus is Focus.LISTINGS]
        empty = namespaces > 1 and case.draw(st.booleans(), "the last namespace is empty at first")
        self._world = World(case, threads=_THREADS if at_once else 1)
        self._writer = Writer(self._world)
        self._reader = Reader(self._world, lookups=lookups)
        self._copier = Copier(self._world)
        self._streamer = Streamer(self._world, self._copier, counts=lookups)
        self._disturbances = 0
        self.reached: Counter[Situation] = Counter()
        for number in range(namespaces):
            if number and not case.has_free_namespace:
                break
            name = self._world.add()
            if empty and number == namespaces - 1:
                continue
            self._writer.load(name, [self._world.document(0, 0)], case.driver)
            if pages and not number:
                self._writer.pages(name)

    def kinds(self, *, elsewhere: bool) -> tuple[Kind, ...]:
        """The operations that this connector supports."""
        case, streams = self._case, self._world.streams
        changes, source = case.offers(Need.CHANGING), case.offers(Need.SOURCE)
        offered = {
            Kind.PAGE: True,
            Kind.CALL: changes,
            Kind.PARTIAL: self._writer.partial_updates,
            Kind.REPEAT: True,
            Kind.MANY: True,
            Kind.THIN_OUT: changes and case.deletes,
            Kind.EMPTY: changes and case.deletes,
            Kind.REFILL: changes and case.deletes,
            Kind.BAD_PAGE: case.declared.is_sink and not self._world.lags,
            Kind.LIST: True,
            Kind.LOOK_UP: source and case.offers(Need.GET_BY_IDS),
            Kind.COUNT: source,
            Kind.PLAN: source,
            Kind.COPY: source,
            Kind.BEGIN: source,
            Kind.GO_ON: source,
            Kind.STREAM: streams,
            Kind.RESUME: streams,
            Kind.READ: streams,
            Kind.CATCH_UP: streams,
            Kind.CANCEL: streams,
            Kind.LSN: streams and case.offers(Need.LSN),
            Kind.RESTART: elsewhere and case.subject.target.stop is not None,
            Kind.OUTAGE: elsewhere and case.offers(Need.OUTAGE),
            Kind.THROTTLE: elsewhere and case.offers(Need.THROTTLE),
        }
        return tuple(kind for kind, there in offered.items() if there)

    def make_all(self, made: Sequence[Step]) -> None:
        """Make the steps, and note which operations met."""
        last: Kind | None = None
        between: Meeting | None = None
        for step in made:
            if isinstance(step, AtOnce):
                self._at_once(step)
                last = None
                continue
            self._make(step)
            if (meeting := _BETWEEN.get(step.kind)) is not None:
                between = meeting
                continue
            if last is not None:
                where = Meeting.ELSEWHERE if step.elsewhere and self._world.second is not None else Meeting.THEN
                self.reached[Situation(last.value, between or where, step.kind.value)] += 1
            last, between = step.kind, None

    def agree(self) -> None:
        """Check everything while nothing is in flight."""
        driver = self._case.driver
        for name in self._world.names:
            self._reader.listing(name, driver, alone=True)
            if self._case.offers(Need.SOURCE):
                self._reader.count(name, driver, alone=True)
                if self._case.offers(Need.GET_BY_IDS):
                    self._reader.lookup(name, driver, alone=True)
        if self._streamer.used:
            self._writer.mark()
            self._streamer.agree()

    def _make(self, operation: Operation, *, thread: int = 0, threads: int = 1) -> None:
        """Make an operation, in the first thread or in one of several."""
        alone = threads == 1
        name, driver = self._world.name(operation), self._world.driver(operation)
        if alone:
            self._case.recorder.note(f"({shown(operation)})")
        match operation.kind:
            case Kind.PAGE | Kind.BAD_PAGE:
                self._writer.page(operation, thread, threads)
            case Kind.CALL:
                self._writer.call(operation, thread, threads)
            case Kind.PARTIAL:
                self._writer.partial(operation, thread, threads)
            case Kind.REPEAT:
                self._writer.repeat(operation)
            case Kind.MANY:
                self._writer.many(operation, thread, threads)
            case Kind.THIN_OUT | Kind.EMPTY:
                self._writer.delete(operation, thread, threads)
            case Kind.REFILL:
                self._writer.refill(operation)
            case Kind.LIST:
                self._reader.listing(name, driver, alone=alone)
            case Kind.LOOK_UP:
                self._reader.lookup(name, driver, alone=alone)
            case Kind.COUNT:
                self._reader.count(name, driver, alone=alone)
            case Kind.PLAN:
                self._copier.plan(operation, alone=alone)
            case Kind.COPY:
                self._copier.copy(operation)
            case Kind.BEGIN:
                self._copier.begin(operation)
            case Kind.GO_ON:
                self._copier.go_on(operation, alone=alone)
            case Kind.STREAM:
                self._streamer.open(operation, alone=alone)
            case Kind.RESUME:
                self._streamer.resume(operation)
            case Kind.READ:
                self._streamer.read(operation)
            case Kind.CATCH_UP:
                self._streamer.catch_up(operation)
            case Kind.CANCEL:
                self._streamer.cancel(operation)
            case Kind.LSN:
                self._streamer.open_lsn(operation)
            case Kind.RESTART:
                self._streamer.close()
                self._case.subject.instances.restart()
            case Kind.OUTAGE | Kind.THROTTLE:
                self._disturbed(operation)

    def _disturbed(self, operation: Operation) -> None:
        """Write a page while the backend is away or throttles; repeat a refused page afterwards, as dsync does.

        Once per example: an outage is long if calls wait for its end.
        """
        self._disturbances += 1
        if self._disturbances > 1:
            return
        world, name = self._world, self._world.name(operation)
        chosen = [world.document(operation.which + number, operation.place) for number in range(2)]
        page = list({world.key(document): document for document in chosen}.values())
        writes = world.histories[name].begin((world.key(document), document) for document in page)
        error = self._refusal(operation, name, page)
        world.histories[name].end(writes, sure=error is None)
        if error is not None:
            self._writer.load(name, page, self._case.driver)

    def _refusal(self, operation: Operation, name: str, page: Sequence[bytes]) -> ConnectorError | None:
        """The refusal of a page in the meantime; None for OK."""

        def write() -> None:
            self._case.write(name, page, self._world.data_type)

        if operation.kind is Kind.OUTAGE:
            return during_outage(self._case, write, _OUTAGE_SECONDS).error
        with throttle(self._case):
            try:
                write()
            except ConnectorError as error:
                return error
        return None

    def _at_once(self, step: AtOnce) -> None:
        """Make the operations of all threads at once. Raises what the first thread raised."""
        threads = step.threads
        begun = threading.Barrier(len(threads))
        errors: list[BaseException] = []

        def work(number: int) -> None:
            begun.wait()
            for operation in threads[number]:
                if errors:
                    return
                try:
                    time.sleep(operation.pause / 1000)
                    self._make(operation, thread=number, threads=len(threads))
                except BaseException as error:  # raised again in the first thread
                    errors.append(error)

        self._case.recorder.note(f"({shown(step)})")
        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(threads))]
        with _switching_often():
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        self._case.recorder.note("(all of these have ended)")
        for number, mine in enumerate(threads):
            for one in mine:
                for two in (other for thread in threads[number + 1 :] for other in thread):
                    first, second = sorted((one.kind.value, two.kind.value))
                    self.reached[Situation(first, Meeting.AT_ONCE, second)] += 1
        if errors:
            raise errors[0]


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCHING_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
