"""An explorer's world: its namespaces, each with its history, and the documents written to them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.exploring.operations import Operation
from dsync_kit.conformance.documents import strategies
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.history import Clock, History
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.protocol import Update, UpdateType

__all__ = ["World"]

_CONTENTS = 4


class World:
    """Namespaces with their `histories`, by which all reads are judged, and the ids that are written.

    `clock` orders all calls. `second` is a driver of another instance, once one was called. `threads` is the most
    threads that write at once.
    """

    def __init__(self, case: Case, *, threads: int = 1) -> None:
        self.case = case
        self.threads = threads
        self.clock = Clock()
        self.data_type = case.data_type()
        # Each thread has its own: with one or two, it could not write pages that differ.
        most = 6 if threads == 1 else 2 * threads
        self.values = case.identifiers(self.data_type, min_size=max(2, threads), max_size=most)
        fields = case.contents(self.data_type, small=True)
        drawn = case.draw(st.lists(fields, min_size=2, max_size=_CONTENTS), "contents")
        self.contents = [{"v": number, **found} for number, found in enumerate(drawn)]
        self.histories: dict[str, History] = {}
        self.second: Driver | None = None

    @property
    def names(self) -> list[str]:
        """The namespaces that get writes."""
        return list(self.histories)

    @property
    def lags(self) -> bool:
        """Whether reads lag behind writes."""
        return bool(self.case.subject.settling.seconds)

    @property
    def streams(self) -> bool:
        """Whether the connector streams what is written."""
        return self.case.offers(Need.UPDATES) and self.case.offers(Need.CHANGING)

    def name(self, operation: Operation) -> str:
        """The namespace that an operation is about."""
        return self.names[operation.place % len(self.names)]

    def add(self) -> str:
        """A further namespace, empty as far as the example can see."""
        name = self.case.namespace()
        self.histories[name] = History(self.data_type, self.clock, self.case.foreign_in(name, self.data_type))
        return name

    def driver(self, operation: Operation) -> Driver:
        """A driver of the instance that an operation calls."""
        if not operation.elsewhere or self.case.subject.instances.alone or self.case.subject.target.second is None:
            return self.case.driver
        if self.second is None:
            self.second = self.case.others.second()
        return self.second

    # Documents

    def document(self, index: int, content: int) -> bytes:
        """The document with an id and one of the contents, given by their numbers."""
        value = self.values[index % len(self.values)]
        return self.case.document(value, self.contents[content % len(self.contents)], self.data_type)

    def update(self, kind: UpdateType, index: int, content: int) -> Update:
        """An update of an id to one of the contents, given by their numbers."""
        value = self.values[index % len(self.values)]
        return strategies.update(kind, value, self.document(index, content), self.data_type)

    def key(self, document: bytes) -> bytes:
        """The key of a document's id."""
        return document_key(document, self.data_type)

    # What reads may see

    def since(self) -> int:
        """The moment up to which acknowledged writes must be visible; the beginning if reads lag."""
        return 0 if self.lags else self.clock.now()

    def may_be_empty(self, name: str, since: int) -> bool:
        """Whether the namespace may have been empty at some moment since then, and so may be gone."""
        history, until = self.histories[name], self.clock.now()
        return all(None in history.possible(key, since, until) for key in history.written())

    def keyed(self, listed: Sequence[bytes], history: History, since: int) -> dict[bytes, bytes]:
        """Listed documents by their keys; one written meanwhile may be there twice."""
        found: dict[bytes, bytes] = {}
        twice: list[bytes] = []
        for document in listed:
            key = self.key(document)
            if key in found and len(history.possible(key, since, self.clock.now())) == 1:
                twice += [found[key], document]
            found[key] = document
        by_id(twice, self.data_type)
        return found

    def resolve(self) -> None:
        """Find out, while nothing is in flight, what refused calls left: from now on it must not change."""
        for name, history in self.histories.items():
            if history.unsure:
                since = self.clock.now()
                listed = by_id(self.case.read(name, self.data_type), self.data_type)
                history.check_listing(listed, since, self.clock.now(), "the listing after a refused page")
                history.settle(listed)
