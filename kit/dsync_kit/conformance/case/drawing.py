"""`Drawing`: draws documents, ids and updates that the example's namespaces can hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import strategies as st

from dsync_kit.conformance.calls.transcript import show_document, show_id
from dsync_kit.conformance.case.freedoms import Freedoms
from dsync_kit.conformance.case.showing import Showing
from dsync_kit.conformance.documents import choosing, identifiers, look_alikes, strategies
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Holding, TooFewError, histories
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.outcome import Inapplicable
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol import (
    UPDATE_TYPE_DELETE,
    UPDATE_TYPE_INSERT,
    UPDATE_TYPE_UPDATE,
    BsonValue,
    DataType,
    Update,
    UpdateType,
)
from dsync_kit.protocol.names import kind_name, type_name

__all__ = ["Drawing"]

T = TypeVar("T")

_CONTENTS = 4
"""How many different contents the numbered documents of a table have."""

_MOST_AT_ONCE = 4
"""So many tables can be reached by one example; of more, each example takes one."""


class Drawing:
    """The draws of one example. If it fails, each is shown.

    Methods that return documents or ids raise Inapplicable if the namespaces can hold too few of them.
    """

    def __init__(self, subject: Subject, data: st.DataObject) -> None:
        self.subject = subject
        self.declared = subject.declared
        self.found = subject.found
        self.showing = Showing(subject)
        self.freedoms = Freedoms(data.draw, self._show_freedom, self.showing.kept_plain)
        self._data = data
        self._drawn: list[tuple[str, Any, Callable[[Any], str] | None]] = []
        self._family: Family | None = None

    def draw(self, strategy: st.SearchStrategy[T], label: str, *, show: Callable[[Any], str] | None = None) -> T:
        """Draw a value from a strategy. If the example fails, it is shown under the label, each item by `show`."""
        value = self._data.draw(strategy)
        self._drawn.append((label, value, show))
        return value

    @property
    def example(self) -> tuple[tuple[str, str], ...]:
        """The labels and values of all draws, as text."""
        return tuple((label, _show(value, show)) for label, value, show in self._drawn)

    def data_type(self, types: Sequence[DataType] = ()) -> DataType:
        """A data type in which documents can be both written and read."""
        choices = list(types or self.declared.types)
        if not choices:
            raise Inapplicable("no data type can be both written and read")
        return choices[0] if len(choices) == 1 else self.draw(choosing.choice(*choices), "type", show=type_name)

    def page(
        self,
        data_type: DataType,
        *,
        min_size: int = 0,
        max_size: int = 6,
        small: bool = False,
        label: str = "documents",
    ) -> list[bytes]:
        """Encoded documents with ids that every store distinguishes."""
        if self.showing.lacks(FeatureKind.EMPTY_CALL):
            min_size = max(1, min_size)
        holding = self.holding(data_type)
        if max_size > 1 and self.freedoms.at_ends() and (known := self.ends(data_type)):
            values = self.draw(choosing.choice(*known), "ends")[:max_size]
            if (size := len(values)) >= min_size:
                contents = self.draw(st.lists(holding.contents(small=small), min_size=size, max_size=size), "fields")
                return [holding.document(*pair) for pair in zip(values, contents, strict=True)]
        pages = holding.pages(min_size=min_size, max_size=max_size, small=small)
        return self.draw(pages, label)

    def ends(self, data_type: DataType) -> list[tuple[Any, ...]]:
        """The ids at both ends of the range of each type that the namespaces accept as ids."""
        holding = self.holding(data_type)
        allowed = (
            tuple(value for value in identifiers.ends_of(kind) if holding.allows_id(kind, value))
            for kind in strategies.ID_KINDS[data_type]
        )
        return [values for values in allowed if len(values) > 1]

    def identifiers(self, data_type: DataType, *, min_size: int = 1, max_size: int = 4) -> list[Any]:
        """Ids, as Python values, that every store distinguishes."""
        several = self.holding(data_type).several_identifiers(min_size=min_size, max_size=max_size)
        return self.draw(several, "ids")

    def identifier(self, data_type: DataType) -> Any:
        """An id, as a Python value."""
        return self.draw(self.holding(data_type).identifiers, "id")

    def contents(self, data_type: DataType, *, small: bool = False) -> st.SearchStrategy[dict[str, Any]]:
        """A strategy for a document's fields, without the id."""
        return self.holding(data_type).contents(small=small)

    def document(self, identifier: Any, fields: Mapping[str, Any], data_type: DataType) -> bytes:
        """An encoded document with this id and, as far as the namespace allows, with these fields.

        Otherwise its other fields differ whenever the given ones do, so that versions of a document remain distinct.
        """
        return self.holding(data_type).document(identifier, fields)

    def look_alikes(self, groups: look_alikes.Groups, data_type: DataType, *, of_parts: bool = True) -> list[list[Any]]:
        """Most of the groups of ids that the namespace can hold; empty if it can hold no whole group.

        If its ids have parts, `of_parts` adds groups of such ids. The example keeps to namespaces that can hold some.
        """

        def known(holding: Holding) -> list[list[Any]]:
            more: look_alikes.Groups = ()
            with suppress(TooFewError):
                more = look_alikes.of_parts(holding.sample_id()) if of_parts else ()
            return look_alikes.allowed([*groups, *more], holding.allows_id)

        self.prefer(data_type, lambda holding: bool(known(holding)))
        return self.draw(look_alikes.some_of(known(self.holding(data_type))), "ids")

    def histories(
        self,
        values: list[Any],
        data_type: DataType,
        *,
        label: str = "history",
        max_calls: int = 4,
        max_updates: int = 5,
    ) -> list[list[Update]]:
        """The updates of several calls of WriteUpdates to a few ids."""
        holding = self.holding(data_type)
        kinds = self.update_kinds
        calls = histories(holding, values, kinds, max_calls=max_calls, max_updates=max_updates)
        if not any(map(self.showing.lacks, (FeatureKind.WRITTEN_AGAIN, FeatureKind.IN_ONE_CALL))):
            return self.draw(calls, label)
        drawn = self.draw(calls.map(lambda calls: self.showing.allowed(calls, data_type)), label)
        if not drawn:
            raise Inapplicable("all of these updates are about ids that must not be written again")
        return drawn

    def numbered(self, count: int, data_type: DataType, *, prefix: str = "doc", **fields: Any) -> list[bytes]:
        """`count` small encoded documents; their ids sort in the order of their numbers."""
        return self.of_ids(self.numbered_ids(count, data_type, prefix=prefix), data_type, **fields)

    def of_ids(self, values: Sequence[Any], data_type: DataType, **fields: Any) -> list[bytes]:
        """A small encoded document for each id, with its number in a field.

        In a table, few rows differ in their other columns, since a table may be partitioned by one of them.
        """
        holding = self.holding(data_type)
        contents = len(values) if holding.free else _CONTENTS
        return [holding.document(value, {"n": number % contents, **fields}) for number, value in enumerate(values)]

    def numbered_ids(self, count: int, data_type: DataType, *, prefix: str = "doc") -> list[Any]:
        """`count` ids that sort in the order of their numbers."""
        holding = self.holding(data_type)
        kind = self.freedoms.numbered_kind(holding.numbered_kinds)
        make = holding.numbered(prefix, count, kind)
        return [make(number) for number in range(count)]

    def long_field(self, size: int, data_type: DataType) -> str:
        """The name of a field for a text of this many characters. Raises Inapplicable if there is none."""
        if not (name := self.holding(data_type).long_field(size)):
            raise Inapplicable(f"its schema has no field for a text of {size:,} characters")
        return name

    def varied(self, count: int, data_type: DataType) -> list[Any]:
        """`count` ids that different sort orders arrange differently."""
        return self.holding(data_type).varied(count)

    @property
    def family(self) -> Family:
        """The namespaces of this example: they all accept the same documents."""
        if self._family is None:
            self._family = self._one_of(self.subject.families)
        return self._family

    def keep_to(self, namespace: str) -> None:
        """Draw what an offered namespace holds; call it before drawing. Raises Inapplicable if that is unknown."""
        self._family = self.subject.family_of(namespace)
        if self._family is None:
            raise Inapplicable(f"it is unknown what {namespace!r} holds")

    def prefer(self, data_type: DataType, fit: Callable[[Holding], bool]) -> None:
        """Take the example's namespaces from those whose documents `fit`, if there are any.

        Call it before anything is drawn that depends on what the namespaces hold.
        """
        if self._family is None:
            known = self.subject.families
            self._family = self._one_of([family for family in known if fit(family.holding(data_type))] or known)

    def each_holding(self, data_type: DataType, fit: Callable[[Holding], bool]) -> Iterator[Holding]:
        """What most of the namespaces hold whose documents `fit`, one after another: the example moves to each of them.

        Few examples then reach all of several tables. If none fits, it is what any of them holds.
        """
        known = [family for family in self.subject.families if fit(family.holding(data_type))]
        if self._family is None and 1 < len(known) <= _MOST_AT_ONCE:
            for family in self.draw(choosing.most(known), "namespaces", show=_names):
                self._family = family
                yield self.holding(data_type)
        else:
            self.prefer(data_type, fit)
            yield self.holding(data_type)

    def each_form(self, data_type: DataType) -> Iterator[Holding]:
        """The same for the namespaces that have a schema."""
        return self.each_holding(data_type, lambda holding: isinstance(holding, Filling))

    def _one_of(self, known: Sequence[Family]) -> Family:
        return known[0] if len(known) == 1 else self.draw(st.sampled_from(known), "namespaces", show=_names)

    def holding(self, data_type: DataType) -> Holding:
        """The documents that the example's namespaces can hold."""
        holding = self.family.holding(data_type)
        self.freedoms.documents(data_type, holding.numbered_kinds, any_number=self.any_number)
        return holding

    @property
    def any_number(self) -> bool:
        """Whether JSON may have 1.0 for 1: no schema gives the fields' types, and the store refuses no such numbers."""
        return self.family.schema is None and not self.showing.lacks(FeatureKind.FRACTIONS)

    def _show_freedom(self, dimension: str, value: str) -> None:
        self._drawn.append((dimension, value, str))

    @property
    def update_kinds(self) -> tuple[UpdateType, ...]:
        """The kinds of updates that the connector applies and the example may show, without PARTIAL_UPDATE."""
        kinds = (UPDATE_TYPE_INSERT, UPDATE_TYPE_UPDATE, UPDATE_TYPE_DELETE)
        return kinds if self.may_delete else kinds[:2]

    @property
    def may_delete(self) -> bool:
        """Whether the connector applies DELETEs, and the example may show them."""
        return self.found.deletes and not self.showing.lacks(FeatureKind.DELETES)


def _names(family: Family) -> str:
    return ", ".join(family.names)


def _show(value: Any, show: Callable[[Any], str] | None = None) -> str:
    if isinstance(value, bytes):
        return show_document(value)
    if isinstance(value, BsonValue):
        return show_id([value])
    if isinstance(value, Update):
        return f"{kind_name(value.type)} {show_id(list(value.id))}" + (
            f" {show_document(value.data)}" if value.data else ""
        )
    if isinstance(value, list | tuple):
        shown = ", ".join(_show(item, show) for item in value[:20])
        more = f", … {len(value) - 20} more" if len(value) > 20 else ""
        return f"[{shown}{more}]"
    return show(value) if show is not None else repr(value)
