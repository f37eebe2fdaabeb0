"""An explorer's writes: good and bad pages and calls, and deletes of some or all documents."""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.bad_input import expect_final
from dsync_kit.conformance.case.exploring.operations import Kind, Operation
from dsync_kit.conformance.case.exploring.world import World
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.keys import key_of
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.documents import encode, id_of
from dsync_kit.errors import ConnectorError
from dsync_kit.partial import apply_partial_update
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_PARTIAL_UPDATE, Update

__all__ = ["Writer"]

W = TypeVar("W", bytes, Update)

_MANY = (33, 3, 260, 260)
"""Sizes of a large write: less than a small page, more, and several pages of the usual size."""

_KEPT = 4
"""How many of the latest writes may be repeated."""

_FEW = 2
"""The first of these are used if others write at the same time."""


class Writer:
    """Writes to the namespaces of a world, and notes it in their histories.

    Each of several threads has its own documents, because dsync sends all updates of one id through one writer.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._case = world.case
        self._deleted: dict[str, list[bytes]] = {}
        self._numbered: defaultdict[int, set[bytes]] = defaultdict(set)
        self._sent: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._marks = 0

    def page(self, operation: Operation, thread: int, threads: int) -> None:
        """A page of drawn documents; a bad page also has a malformed document, and must be refused."""
        chosen = {self._own(index, thread, threads): content for _, index, content in operation.items}
        documents = [self._world.document(index, content) for index, content in chosen.items()]
        bad = operation.kind is Kind.BAD_PAGE
        self.load(self._world.name(operation), documents, self._world.driver(operation), bad=bad)

    def call(self, operation: Operation, thread: int, threads: int) -> None:
        """A call of drawn updates."""
        kinds = self._case.update_kinds
        updates = [
            self._world.update(kinds[kind % len(kinds)], self._own(index, thread, threads), content)
            for kind, index, content in operation.items
        ]
        self.change(self._world.name(operation), updates, self._world.driver(operation))

    @property
    def partial_updates(self) -> bool:
        """Whether to try partial updates: of documents with any fields, if they are not known to be refused."""
        case = self._case
        known = case.declared.is_sink and case.offers(Need.CHANGING) and not case.subject.remembered.whole_only
        known = known and not case.showing.lacks(FeatureKind.WRITTEN_AGAIN)
        return known and not self._world.lags and case.holding(self._world.data_type).free

    def partial(self, operation: Operation, thread: int, threads: int) -> None:
        """A call of partial updates of drawn documents that are there: each sets fields, and removes one."""
        world, name = self._world, self._world.name(operation)
        history, contents = world.histories[name], world.contents
        if threads == 1:
            world.resolve()
        now, after, updates = world.clock.now(), dict[bytes, bytes](), []
        given: list[tuple[bytes, bytes]] = []
        for number, index, content in operation.items:
            whole = world.document(self._own(index, thread, threads), content)
            key = world.key(whole)
            states = [after[key]] if key in after else history.possible(key, now, now)
            if len(states) > 1 or (current := states[0]) is None:
                continue  # a refused call left it, nobody knows how, or it is not there
            changes = contents[content % len(contents)]
            others = [*contents[number % len(contents)], "nowhere"]
            gone = [field for field in others if field not in changes][:1]
            data = encode(changes, world.data_type)
            after[key] = apply_partial_update(current, data, gone, world.data_type)
            given.append((key, after[key]))
            parts = id_of(whole, world.data_type)
            updates.append(Update(id=parts, type=UPDATE_TYPE_PARTIAL_UPDATE, data=data, partial_update_unset=gone))
        if not updates:
            return
        self._sent.pop(name, None)  # repeated over a newer state, they would give another one
        writes, sure = history.begin(given), False
        try:
            self._case.update(name, updates, world.data_type)
            sure = True
        except ConnectorError as error:
            expect_final(self._case, error, "PARTIAL_UPDATE")
            self._case.subject.remembered.whole_only = True
        finally:
            history.end(writes, sure=sure)
        if not sure and threads == 1:
            world.resolve()

    def repeat(self, operation: Operation) -> None:
        """The latest writes to a namespace, from one of them to the newest: as after a retry, or a resume."""
        sent = self._sent[self._world.name(operation)]
        if sent:
            start = operation.which % len(sent)
            self._sent[self._world.name(operation)] = sent[:start]
            for again in sent[start:]:
                again()

    def many(self, operation: Operation, thread: int, threads: int) -> None:
        """A page of numbered documents; none if the store has too few ids."""
        if threads == 1:
            self._many(self._world.name(operation), _MANY[operation.which % len(_MANY)], operation)
        else:
            self._many(self._world.name(operation), _MANY[operation.which % _FEW], operation, thread=thread)

    def pages(self, name: str) -> None:
        """As many documents as usually fill several pages, also after half of them are deleted."""
        self._many(name, 2 * max(_MANY), Operation(Kind.MANY))

    def delete(self, operation: Operation, thread: int, threads: int) -> None:
        """Delete everything, or every second or third document."""
        world, name = self._world, self._world.name(operation)
        there = world.histories[name].model().documents
        if threads > 1:
            mine = {world.key(world.document(index, 0)) for index in range(thread, len(world.values), threads)}
            mine |= self._numbered[thread]
            there = {key: document for key, document in there.items() if key in mine}
        documents = list(there.values())
        if operation.kind is Kind.THIN_OUT:
            step = 2 + operation.which // 4
            documents = documents[operation.which % step :: step]
        else:
            self._deleted[name] = documents
        removals = [Update(id=id_of(item, world.data_type), type=UPDATE_TYPE_DELETE) for item in documents]
        self.change(name, removals, world.driver(operation))

    def refill(self, operation: Operation) -> None:
        """Write everything again after it was all deleted."""
        name = self._world.name(operation)
        if documents := self._deleted.pop(name, []):
            self.load(name, documents, self._world.driver(operation))

    def mark(self) -> None:
        """Write a last document to each namespace: when it arrives, everything else has arrived."""
        self._marks += 1
        with suppress(Inapplicable):  # the store has too few ids
            (mark,) = self._case.numbered(1, self._world.data_type, prefix=f"mark{self._marks}")
            updates = strategies.inserts([mark], self._world.data_type)
            for name in self._world.names:
                self.change(name, updates, self._case.driver)

    def load(self, name: str, documents: Sequence[bytes], driver: Driver, *, bad: bool = False) -> None:
        """WriteData. A bad page must be refused: what it leaves is checked as soon as nothing else is in flight."""
        case, world, history = self._case, self._world, self._world.histories[name]
        documents = self._allowed(name, documents, world.key)
        if not documents:
            return
        writes = history.begin((world.key(document), document) for document in documents)
        sure = False
        try:
            if bad:
                driver.write_data(name, [*documents, documents[-1][:-3]], world.data_type)
                raise case.decline("it accepts a page with a malformed document")
            case.write(name, documents, world.data_type, driver=driver)
            sure = True
        except ConnectorError:
            if not bad:
                raise
        finally:
            history.end(writes, sure=sure)
        self._note(name, lambda: self.load(name, documents, driver), sure=sure)
        if bad and threading.current_thread() is threading.main_thread():
            world.resolve()

    def change(self, name: str, updates: Sequence[Update], driver: Driver) -> None:
        """WriteUpdates."""
        case, world, history = self._case, self._world, self._world.histories[name]
        updates = self._allowed(name, updates, lambda update: key_of(update.id, world.data_type))
        if not updates:
            return
        writes = history.begin(
            (key_of(update.id, world.data_type), None if update.type == UPDATE_TYPE_DELETE else update.data)
            for update in updates
        )
        sure = False
        try:
            case.update(name, updates, world.data_type, driver=driver)
            sure = True
        finally:
            history.end(writes, sure=sure)
        self._note(name, lambda: self.change(name, updates, driver), sure=sure)

    def _note(self, name: str, again: Callable[[], None], *, sure: bool) -> None:
        """Keep an acknowledged write, so that it can be repeated. Writes of threads have no order to repeat them in."""
        if sure and threading.current_thread() is threading.main_thread():
            self._sent[name] = [*self._sent[name], again][-_KEPT:]
        else:
            self._sent.pop(name, None)

    def _allowed(self, name: str, writes: Sequence[W], key_of_write: Callable[[W], bytes]) -> Sequence[W]:
        """The writes without those of ids that were written before, if the example must not show such."""
        if not self._case.showing.lacks(FeatureKind.WRITTEN_AGAIN):
            return writes
        known, allowed = {*self._world.histories[name].written()}, []
        for write in writes:
            key = key_of_write(write)
            if key not in known or (isinstance(write, Update) and write.type == UPDATE_TYPE_DELETE):
                allowed.append(write)
            known.add(key)
        return allowed

    def _many(self, name: str, count: int, operation: Operation, *, thread: int | None = None) -> None:
        """Write numbered documents: those of one of several threads, or of all of them.

        The number decides whose a document is. Where ids are numbers, ids with different prefixes may be the same.
        """
        world, several = self._world, self._world.threads
        with suppress(Inapplicable):
            needed = count if thread is None else count * several
            numbered = self._case.numbered(needed, world.data_type, prefix="many", v=operation.place)
            drawn = {world.key(world.document(index, 0)) for index in range(len(world.values))}
            documents = []
            for number, document in enumerate(numbered):
                owner = number % several
                if thread in (None, owner) and (key := world.key(document)) not in drawn:
                    self._numbered[owner].add(key)
                    documents.append(document)
            self.load(name, documents, world.driver(operation))

    def _own(self, index: int, thread: int, threads: int) -> int:
        """An id that no other thread writes to."""
        mine = range(thread, len(self._world.values), threads)
        return mine[index % len(mine)]
