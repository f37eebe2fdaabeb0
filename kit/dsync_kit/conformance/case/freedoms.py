"""Draws an example's values of the dimensions in `documents/dimensions.py`, as it needs them."""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.documents.dimensions import (
    COUNTS,
    JSON_NUMBERS,
    LARGE_BYTES,
    NAMESPACE_ORDER,
    NUMBERED_IDS,
    PAGE_IDS,
    PARTITION_ORDER,
    UNSET,
    Dimension,
)
from dsync_kit.conformance.documents.wire import Form, Wire, dimensions_of
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.protocol import DataType, Partition

__all__ = ["Freedoms"]

_FEW = 130
_FOUR = 4
_ONE_IN_FOUR = st.integers(0, _FOUR - 1)
"""How often a page or a call may have more than a few documents."""


class Freedoms:
    """The values of one example. `draw` draws one, and shows it if the example fails.

    Features in `kept_plain` get the plainest values: they are known to break, or to be left out.
    """

    def __init__(
        self,
        draw: Callable[[st.SearchStrategy[Any]], Any],
        shown: Callable[[str, str], None],
        kept_plain: Collection[FeatureKind],
    ) -> None:
        self._draw = draw
        self._shown = shown
        self._kept_plain = kept_plain
        self._namespaces = 0
        self._partitions = PARTITION_ORDER.plain
        self._numbered: dict[tuple[str, ...], str] = {}
        self._named: set[tuple[str, ...]] = set()
        self.wire = Wire()

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that these values show."""
        return tuple(Feature(kind) for kind in sorted(self.wire.features))

    def documents(self, data_type: DataType, numbered: tuple[str, ...], *, any_number: bool) -> None:
        """Draw the form of a type's documents before any is made. `any_number` says whether JSON may have 1.0 for 1.

        `numbered` are the kinds of ids that may be numbered. One is drawn here: threads number ids, but never draw.
        """
        if data_type in self.wire.forms:
            return
        self.wire.forms[data_type] = Form(data_type)
        dimensions = dimensions_of(data_type)
        left_out = None if any_number else JSON_NUMBERS
        free = tuple(dimension for dimension in dimensions if dimension is not left_out)
        *names, kind = self._draw(_names_of(free, numbered))
        self._numbered.setdefault(numbered, kind)
        values = {
            dimension: self._taken(dimension, name, dimension.plain, plain=dimensions[dimension] in self._kept_plain)
            for dimension, name in zip(free, names, strict=True)
        }
        self.wire.forms[data_type] = Form(data_type, values)

    def namespace(self) -> None:
        """Prepare for one more namespace."""
        self._namespaces += 1
        if self._namespaces == 1:
            self._partitions = self._value(PARTITION_ORDER)
        elif self._namespaces == 2:
            self.wire.namespaces = self._value(NAMESPACE_ORDER)

    def partitions(self, partitions: Sequence[Partition]) -> Sequence[Partition]:
        """A plan's partitions in the order in which to list them."""
        ordered: Sequence[Partition] = PARTITION_ORDER.values[self._partitions](partitions)
        return ordered

    def count(self, most: int, *, least: int = 0) -> int:
        """How many documents a page, a call or a namespace has."""
        if self._draw(_ONE_IN_FOUR) < _FOUR - 1:
            most = min(most, _FEW)  # large ones cost most of a run's time
        names = tuple(name for name, count in COUNTS.values.items() if least <= count <= most)
        return COUNTS.values[self._value(COUNTS, names)]

    def document_bytes(self) -> int:
        """How many bytes a document has; 0 for one with only its id."""
        return LARGE_BYTES.values[self._value(LARGE_BYTES)]

    def unset(self, there: Sequence[str], missing: Sequence[str]) -> list[str]:
        """The names of fields that a partial update removes: of those that its document has, and of those it lacks."""
        one, other = UNSET.values[self._value(UNSET)]
        return [*(there[:1] if one else ()), *(missing[:1] if other else ())]

    def numbered_kind(self, kinds: tuple[str, ...]) -> str:
        """The kind of the example's numbered ids, drawn from `kinds` once; empty if there are no kinds.

        Call `documents` first.
        """
        kind = self._numbered[kinds]
        if kinds not in self._named:
            self._named.add(kinds)
            self._taken(NUMBERED_IDS, kind, next(iter(kinds), ""), plain=False)
        return kind

    def number_by(self, kinds: tuple[str, ...], kind: str) -> None:
        """Use the kind of existing documents for numbered ids, instead of the drawn one."""
        self._numbered[kinds] = kind
        self._named.add(kinds)

    def at_ends(self) -> bool:
        """Whether a page has the ids at both ends of the range of a type."""
        return PAGE_IDS.values[self._value(PAGE_IDS)]

    def _value(self, dimension: Dimension[Any], names: tuple[str, ...] = ()) -> str:
        """The name of a value; drawn even if it is not used, so that the same draws replay an example."""
        name: str = self._draw(dimension.among(names) if names else dimension.names)
        return self._taken(dimension, name, names[0] if names else dimension.plain, plain=False)

    def _taken(self, dimension: Dimension[Any], name: str, first: str, *, plain: bool) -> str:
        if plain or name == first:
            return first
        self._shown(dimension.name, name)
        return name


@cache
def _names_of(dimensions: tuple[Dimension[Any], ...], numbered: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """A name of each dimension, and a kind of numbered ids, in one draw, since starting a draw takes longest."""
    kinds = NUMBERED_IDS.among(numbered) if numbered else st.just("")
    return st.tuples(*(dimension.names for dimension in dimensions), kinds)
