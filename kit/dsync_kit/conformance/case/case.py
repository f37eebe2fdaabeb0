"""`Case`: one example of a rule, as its author sees it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message
from hypothesis import strategies as st

from dsync_kit.bounds.patience import Patience, TooLong
from dsync_kit.client import ConnectorApi
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.transcript import Recorder
from dsync_kit.conformance.case.belongings import Belongings, remove
from dsync_kit.conformance.case.drawing import Drawing
from dsync_kit.conformance.case.other_instances import OtherInstances
from dsync_kit.conformance.documents.strategies import merge_key
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.conformance.results.outcome import DoesNotApply, Inapplicable, Violation
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.results.situations import Situation
from dsync_kit.conformance.subject.data import DECLINING_CODES
from dsync_kit.conformance.subject.needs import no_known_document, offers
from dsync_kit.conformance.subject.pace import Pace
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.conformance.verdicts.model import Model, by_id
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    DataType,
    Update,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["Case"]

T = TypeVar("T")

_TOO_FEW = "more namespaces that hold the same are needed: name them with --namespace, or in conformance.py"


class Case(Drawing):
    """A rule gets a case, with which it draws data, calls the connector as dsync does, and states what it expects.

    `declared` is what the connector declares, `found` what the kit found out about it. `api` has the plain RPCs,
    `driver` the calls as dsync makes them, `others` other instances; the transcript records all of them. `showing` has
    the features that the example must not show. `bulk` scales large pages, large documents and waits; every connector
    must be able to handle 1. `pace` is how much an explorer may do.
    """

    def __init__(self, subject: Subject, data: st.DataObject, *, bulk: int = 1, pace: Pace | None = None) -> None:
        super().__init__(subject, data)
        self.bulk = bulk
        self.pace = pace or Pace()
        self._belongings = Belongings(subject.remembered, subject.declared.written_types)
        self.recorder = Recorder(
            subject.api,
            subject.settling,
            check=self.showing.check,
            put=self.freedoms.wire.put,
            keeper=self._belongings,
        )
        self.api: ConnectorApi = self.recorder
        self.driver = Driver(self.recorder, subject.limits, order=self.freedoms.partitions)
        self.notes: list[str] = []
        self.checks = 0
        self.reached: Counter[Situation] = Counter()
        self._taken: set[str] = set()
        self._stack = ExitStack()
        self.others = OtherInstances(subject, self.recorder, self.driver, self._stack)

    def offers(self, need: Need) -> bool:
        """Whether the connector, and the way it is run, offer what a rule needs."""
        return offers(self.subject, need)

    @property
    def reads_back(self) -> bool:
        """Whether what was written can be read: some sinks cannot be listed, and some list nothing they took."""
        return self.offers(Need.READING) and self.found.shows

    def features(self) -> tuple[Feature, ...]:
        """The features that this example shows, and others can do without."""
        requests = (call.request for call in self.recorder.calls)
        return (*self.freedoms.features, *self.showing.features((value for _, value, _ in self._drawn), requests))

    # Places

    def namespace(self) -> str:
        """A namespace that looks empty to this example. Raises Inapplicable if there is none."""
        self.freedoms.namespace()
        if self.found.makes_namespaces:
            return self.subject.namespaces.fresh()
        free = self._free_names()
        if not free:
            offered = self.subject.namespaces.offered
            raise Inapplicable(_TOO_FEW if offered else self.found.notes[0])
        self._taken.add(free[0])
        self.subject.note_existing(free[0])
        return free[0]

    @property
    def has_free_namespace(self) -> bool:
        """Whether `namespace` can return another one."""
        return self.found.makes_namespaces or bool(self._free_names())

    def _free_names(self) -> list[str]:
        return [name for name in self.family.names if name not in self._taken]

    @property
    def deletes(self) -> bool:
        """Whether this example can change and delete documents."""
        return self.declared.can_change and self.may_delete

    # What dsync does

    def write(
        self, namespace: str, documents: Sequence[bytes], data_type: DataType, *, driver: Driver | None = None
    ) -> None:
        """Write as dsync does, with WriteData. For a source that is not a sink, use the harness's `seed`."""
        driver = driver or self.driver
        if self.declared.is_sink:
            driver.write_data(namespace, documents, data_type)
            return
        replaced = WriteDataRequest(namespace=namespace, data=documents, type=data_type)
        with self._by_harness(f"seed() of conformance.py: {len(documents)} documents into {namespace!r}", replaced):
            self.subject.data.load(namespace, documents, data_type, driver=driver)

    def write_for_good(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """Write documents for further examples, too: they are removed at the end of the run."""
        self.write(namespace, documents, data_type)
        self.subject.remembered.keep(namespace, data_type, documents)
        self._belongings.release(namespace, data_type, documents)

    def write_if_named(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> bool:
        """Write to a namespace with an unusual name; returns whether the store accepts the name.

        Any final code is a refusal; the rule errors/namespace-codes is about the best one.
        """
        if self.showing.lacks(FeatureKind.ODD_NAMESPACE):
            return False
        try:
            self.write(namespace, documents, data_type)
        except ConnectorError as error:
            if error.retryable:
                raise
            return False
        return True

    def write_if_accepted(self, namespace: str, documents: Sequence[bytes], data_type: DataType) -> None:
        """Write documents with ids that a store need not support. Raises Inapplicable if it refuses them."""
        with self.declined_if_refused("some of these ids"):
            self.write(namespace, documents, data_type)

    def write_groups(self, namespace: str, groups: Sequence[Sequence[Any]], data_type: DataType) -> Model:
        """Write a document for each id of some groups, one group per WriteData; returns what the namespace then holds.

        A store may refuse some groups. Raises Inapplicable if it refuses all of them, or keeps a part of a refused one:
        no rule says what a refused call leaves behind. Of numbers that it may take for the same id, one is written.
        """
        model, known, refusal = Model(data_type), set[Any](), None
        for group in groups:
            values = {merge_key(value): value for value in group if merge_key(value) not in known}
            page = [self.document(value, {"n": len(known) + n}, data_type) for n, value in enumerate(values.values())]
            try:
                self.write_if_accepted(namespace, page, data_type)
            except Inapplicable as declined:
                if by_id(page, data_type).keys() & by_id(self.read(namespace, data_type), data_type).keys():
                    raise
                refusal = declined
                continue
            known.update(values)
            model.write(page)
        if refusal is not None and not model.documents:
            raise refusal
        return model

    @contextmanager
    def declined_if_refused(self, what: str) -> Iterator[None]:
        """Raise Inapplicable if a call in the context is refused with a code that says that a store can't hold it."""
        try:
            yield
        except ConnectorError as error:
            if error.code not in DECLINING_CODES:
                raise
            raise self.decline(f"it refuses {what} ({error})") from error

    def own(self, namespace: str, data_type: DataType, documents: Sequence[bytes]) -> None:
        """Also remove documents with these ids at the end. Whatever is sent is removed under its own ids anyway."""
        self._belongings.own(namespace, data_type, documents)

    def owned(self, namespace: str, listed: Iterable[bytes], data_type: DataType) -> list[bytes]:
        """The listed documents whose ids this example has written: no others may be deleted."""
        return self._belongings.owned(namespace, data_type, listed)

    def update(
        self, namespace: str, updates: Sequence[Update], data_type: DataType, *, driver: Driver | None = None
    ) -> None:
        """Update as dsync does, with WriteUpdates. For a source that is not a sink, use the harness's `update`."""
        driver = driver or self.driver
        if self.declared.is_sink:
            driver.write_updates(namespace, updates, data_type)
            return
        replaced = WriteUpdatesRequest(namespace=namespace, updates=updates, type=data_type)
        with self._by_harness(f"update() of conformance.py: {len(updates)} updates in {namespace!r}", replaced):
            self.subject.data.change(namespace, updates, data_type, driver=driver)

    @contextmanager
    def _by_harness(self, what: str, replaced: Message) -> Iterator[None]:
        """A context for a write by the harness, which counts like the request that it replaces."""
        self.showing.goes_past(replaced)
        self.recorder.note(f"({what})")
        self._belongings.sends(replaced)
        settling, done = self.subject.settling, False
        settling.writes()
        try:
            yield
            done = True
        finally:
            settling.wrote(replaced, done=done)
        self._belongings.acknowledges(replaced)

    def read(
        self, namespace: str, data_type: DataType, *, expected: int = 0, driver: Driver | None = None
    ) -> list[bytes]:
        """The documents in the namespace, without those that were there before the kit."""
        listings = self.subject.remembered.listings
        since = listings.writes(namespace)
        listed = self.subject.data.read(namespace, data_type, driver=driver or self.driver, expected=expected)
        if driver is None and not self.found.makes_namespaces:
            listings.listed(namespace, data_type, listed, since=since)
        return self.without_foreign(namespace, listed, data_type)

    def expect(self, namespace: str, model: Model, what: str = "the listing afterwards") -> None:
        """Raise Violation unless the namespace equals the model; if reads lag, unless it soon does."""

        def look() -> None:
            model.check(self.read(namespace, model.data_type, expected=len(model.documents)), what=what)

        self.checks += 1
        self.settled(look)

    def expect_if_read(self, namespace: str, model: Model, after: str) -> None:
        """Raise Violation unless the namespace equals the model, as far as anybody can read it."""
        if self.reads_back:
            self.expect(namespace, model, f"the listing after {after}")
        else:
            self.checks += 1

    def settled(self, look: Callable[[], T]) -> T:
        """The result of `look`, which reads once, and raises Violation unless it sees what is expected.

        If reads lag behind writes, it is repeated until it succeeds, and must then keep succeeding.
        """
        return self.subject.settling.settled(look)

    def loaded(
        self, *, min_size: int = 0, max_size: int = 6, small: bool = False, data_type: DataType | None = None
    ) -> tuple[str, Model]:
        """A namespace with drawn documents, and its model; without a data type, in one that can be read, too."""
        data_type = self.data_type() if data_type is None else data_type
        documents = self.page(data_type, min_size=min_size, max_size=max_size, small=small)
        namespace = self.namespace()
        self.write(namespace, documents, data_type)
        return namespace, Model(data_type, documents)

    def listable(self, *, max_size: int = 30) -> tuple[str, DataType, int]:
        """A namespace with documents, its type, and about how many it has: a loaded one, or else an existing one."""
        if self.declared.loads:
            namespace, model = self.loaded(min_size=1, max_size=max_size, small=True)
            return namespace, model.data_type, len(model.documents)
        namespaces = self.subject.existing()
        namespace = namespaces[0] if len(namespaces) == 1 else self.draw(st.sampled_from(namespaces[:4]), "namespace")
        return namespace, self.data_type(self.declared.source_types), 100_000

    # Expectations

    def check(self, holds: bool, message: str, *, expected: object = "", seen: object = "", owner: str = "") -> None:
        """Raise Violation unless `holds`."""
        self.checks += 1
        if not holds:
            raise Violation(message, expected=str(expected), seen=str(seen), owner=owner)

    def within(self, seconds: float, call: Callable[[], T], what: str) -> T:
        """The call's result. Raises Violation if it takes longer: the connector hangs, and is not called again."""
        self.checks += 1
        liveness = self.subject.liveness
        try:
            if not liveness.hung:
                return Patience(seconds).call(call)
        except TooLong:
            liveness.hangs()
        raise Violation(what, expected=f"an answer within {seconds:.0f} seconds", seen="no answer")

    def decline(self, reason: str) -> Inapplicable:
        """An exception to raise if the connector legally declines what the example needs."""
        return Inapplicable(reason)

    def does_not_apply(self, reason: str) -> DoesNotApply:
        """An exception to raise if the connector's namespaces leave nothing to check in any example."""
        return DoesNotApply(reason)

    def decline_if_unknown(self) -> None:
        """Raise Inapplicable if no document is known that the connector accepts."""
        if not self.declared.accepts and all(family.schema is None for family in self.subject.families):
            raise self.decline(no_known_document(self.subject))

    def written_type(self) -> DataType:
        """A data type in which documents can be written, whether or not anybody can read them.

        Raises Inapplicable if no document is known that the connector accepts.
        """
        self.decline_if_unknown()
        return self.data_type(self.declared.types or self.declared.sink_types)

    def declines(self, error: ConnectorError) -> bool:
        """Whether a status means that the store legally declines the request."""
        return error.code in DECLINING_CODES

    def enter(self, context: Any) -> Any:
        """Enter a context; it is left when the example ends."""
        return self._stack.enter_context(context)

    def close(self) -> None:
        """Remove everything that the example wrote, and stop everything that it started."""
        self._stack.close()
        self.subject.kept(self._belongings.written)
        if self.subject.removes:
            remove(self.subject, self._belongings)

    def as_written(self, document: bytes, data_type: DataType, namespace: str = "") -> bytes:
        """A document that was read, of this namespace or the example's, without the fields that the store added."""
        family = self.subject.family_of(namespace)
        if family is None or family.schema is None:
            family = self._family
        return family.holding(data_type).as_written(document) if family is not None else document

    def foreign(self, namespace: str) -> dict[bytes, bytes]:
        """The documents, by key, that were in an offered namespace before this example."""
        return self._belongings.foreign(namespace)

    def foreign_in(self, namespace: str, data_type: DataType) -> dict[bytes, bytes]:
        """The same, as they were listed in one data type: each once, though its key may differ between types."""
        return self.subject.remembered.listed.get((namespace, data_type), {})

    def without_foreign(self, namespace: str, listed: list[bytes], data_type: DataType) -> list[bytes]:
        """The listed documents as they were written, without those that were there before this example."""
        return self._belongings.among(
            listed, namespace, data_type, lambda found: self.as_written(found, data_type, namespace)
        )
