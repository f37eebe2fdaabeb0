"""A source in the middle of a flow: namespaces with documents, an update cursor, and further writes."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.documents import choosing, look_alikes, strategies
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.conformance.verdicts.copies import Held, held
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.documents import decode_id, id_of
from dsync_kit.errors import NotFound
from dsync_kit.protocol import UPDATE_TYPE_DELETE, UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, DataType, Update, UpdateType

__all__ = ["Scene", "many_updates"]


class Scene:
    """Namespaces with a few documents, and a plan of them, whose updates begin at `cursor`.

    Examples write to the `ids` in each namespace. Half of them are `present` at first, the others `absent`. `models`
    have what was written.
    """

    def __init__(
        self, case: Case, *, namespaces: int = 1, data_type: DataType | None = None, everything: bool = False
    ) -> None:
        self.data_type: DataType = case.data_type() if data_type is None else data_type
        self.ids: list[Any] = case.identifiers(self.data_type, min_size=2, max_size=5)
        half = (len(self.ids) + 1) // 2
        self.present, self.absent = self.ids[:half], self.ids[half:]
        self.models: dict[str, Model] = {}
        self._case = case
        self._marks = 0
        for _ in range(namespaces):
            self.add(self.document(value, "first") for value in self.present)
        self.asked: list[str] = [] if everything else list(self.models)
        self.before = self.wanted()
        """The documents of a sink that copied the plan's partitions."""
        self.cursor = self.plan()

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that are written to."""
        return list(self.models)

    def add(self, documents: Any = (), *, name: str = "") -> str:
        """Add a namespace with these documents; by default with a new name."""
        name = name or self._case.namespace()
        written = list(documents)
        self._case.write(name, written, self.data_type)
        self.models[name] = Model(self.data_type, written)
        return name

    def add_alike(self, name: str, content: Any) -> list[str]:
        """Add namespaces with the same ids and names that are easily confused with `name`, if they are not refused.

        One of them always has an unrelated name.
        """
        written = [self.document(value, content) for value in self.ids]
        added = [self.add(written)]
        if not self._case.subject.found.makes_namespaces:
            return added
        alike = [other for one, other in look_alikes.namespaces(name) if one == name]
        for other in self._case.draw(choosing.some(alike), "other namespaces"):
            if self._case.write_if_named(other, written, self.data_type):
                self.models[other] = Model(self.data_type, written)
                added.append(other)
        return added

    def plan(self) -> bytes:
        """The cursor at which all later updates begin. Raises Inapplicable if an empty namespace counts as unknown."""
        try:
            return self._case.driver.updates_partition(self.asked).cursor
        except NotFound as error:
            if all(self.models[name].documents for name in self.asked):
                raise
            raise self._case.decline(f"a namespace vanishes with its last document ({error})") from error

    def document(self, value: Any, content: Any = None, **fields: Any) -> bytes:
        """A document with this id."""
        return self._case.document(value, {"v": content, **fields}, self.data_type)

    def insert(self, value: Any, content: Any = None, **fields: Any) -> Update:
        """An INSERT of a document."""
        return self._update(UPDATE_TYPE_INSERT, value, content, **fields)

    def overwrite(self, value: Any, content: Any = None, **fields: Any) -> Update:
        """An UPDATE to a document."""
        return self._update(UPDATE_TYPE_UPDATE, value, content, **fields)

    def delete(self, value: Any) -> Update:
        """A DELETE."""
        return self._update(UPDATE_TYPE_DELETE, value)

    def change(self, namespace: str, updates: Sequence[Update]) -> None:
        """Write updates to the source."""
        self._case.update(namespace, updates, self.data_type)
        self.models[namespace].apply(updates)

    def write(self, namespace: str, documents: Sequence[bytes]) -> None:
        """Write a page of documents to the source."""
        self._case.write(namespace, documents, self.data_type)
        self.models[namespace].write(documents)

    def history(self, *, max_calls: int = 3, max_updates: int = 5) -> list[tuple[str, list[Update]]]:
        """Drawn calls of WriteUpdates to the ids, each with its namespace; not sent yet."""
        calls = self._case.histories(
            self.ids, self.data_type, label="updates", max_calls=max_calls, max_updates=max_updates
        )
        if len(self.models) == 1:
            return [(self.namespaces[0], call) for call in calls]
        places = st.lists(st.sampled_from(range(len(self.models))), min_size=len(calls), max_size=len(calls))
        chosen = self._case.draw(places, "in which namespace")
        return [(self.namespaces[place], call) for place, call in zip(chosen, calls, strict=True)]

    def mark(self) -> None:
        """Write a last document to each namespace: when it arrives, everything else has arrived."""
        self._marks += 1
        for name in self.models:
            (numbered,) = self._case.numbered(1, self.data_type, prefix=f"mark{self._marks}")
            self.change(name, [self.insert(decode_id(id_of(numbered, self.data_type)[0]), "mark")])

    def converge_from_cursor(self, follower: Follower, what: str) -> None:
        """Read until the sink holds what the source holds.

        If nothing written since the plan comes, but new writes do, then the stream began too late.
        """

        def owned() -> str:
            if follower.updates or follower.reader.ended:
                return ""
            self.mark()
            return Owner.STREAM_FROM_PLAN if follower.comes() else ""

        follower.converge(self.wanted(), what=what, owned=owned)

    def wanted(self) -> dict[str, Held]:
        """What each streamed namespace holds now."""
        return {name: held(model) for name, model in self.models.items() if not self.asked or name in self.asked}

    def follow(
        self,
        cursor: bytes | None = None,
        *,
        holding: dict[str, Held] | None = None,
        namespaces: Sequence[str] | None = None,
        driver: Driver | None = None,
        ahead: int = 0,
    ) -> Follower:
        """A sink that holds the initial documents (or `holding`), and streams from the plan's cursor (or `cursor`)."""
        return Follower(
            self._case,
            self.cursor if cursor is None else cursor,
            self.asked if namespaces is None else namespaces,
            self.data_type,
            holding=self.before if holding is None else holding,
            driver=driver,
            ahead=ahead,
        )

    def _update(self, kind: UpdateType, value: Any, content: Any = None, **fields: Any) -> Update:
        return strategies.update(kind, value, self.document(value, content, **fields), self.data_type)


def many_updates(case: Case, count: int, data_type: DataType, prefix: str = "many", **fields: Any) -> list[Update]:
    """INSERTs of numbered documents."""
    return strategies.inserts(case.numbered(count, data_type, prefix=prefix, **fields), data_type)
