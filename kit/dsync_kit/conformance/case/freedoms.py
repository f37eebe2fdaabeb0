"""What an example draws of the dimensions of `documents/dimensions.py`, as it comes to need them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from hypothesis import strategies as st

from dsync_kit.conformance.documents.dimensions import (
    COUNTS,
    JSON_NUMBERS,
    NAMESPACE_ORDER,
    PARTITION_ORDER,
    Dimension,
)
from dsync_kit.conformance.documents.wire import Form, Wire, dimensions_of
from dsync_kit.conformance.results.features import Feature, FeatureKind
from dsync_kit.protocol import DataType, Partition

__all__ = ["Freedoms"]


class Freedoms:
    """The values of one example. `draw` draws one, and shows it where the example fails.

    Of `kept_plain` the plainest values are taken: what these features break is known, or is to be left out.
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
        self.wire = Wire()

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the example has shown by them."""
        return tuple(Feature(kind) for kind in sorted(self.wire.features))

    def documents(self, data_type: DataType, *, any_number: bool) -> None:
        """Documents of a type are made. `any_number` says whether JSON may have 1.0 for 1."""
        if data_type in self.wire.forms:
            return
        self.wire.forms[data_type] = Form(data_type)
        values = {
            dimension: self._value(dimension, plain=kind in self._kept_plain)
            for dimension, kind in dimensions_of(data_type).items()
            if any_number or dimension is not JSON_NUMBERS
        }
        self.wire.forms[data_type] = Form(data_type, values)

    def namespace(self) -> None:
        """One more namespace is taken."""
        self._namespaces += 1
        if self._namespaces == 1:
            self._partitions = self._value(PARTITION_ORDER)
        elif self._namespaces == 2:
            self.wire.namespaces = self._value(NAMESPACE_ORDER)

    def partitions(self, partitions: Sequence[Partition]) -> Sequence[Partition]:
        """The partitions of a plan in the order in which they are listed."""
        ordered: Sequence[Partition] = PARTITION_ORDER.values[self._partitions](partitions)
        return ordered

    def count(self, most: int) -> int:
        """How many documents a page or a call has."""
        return int(COUNTS.values[self._value(COUNTS, lambda count: count <= most)])

    def _value(
        self, dimension: Dimension[Any], among: Callable[[Any], bool] | None = None, *, plain: bool = False
    ) -> str:
        """The name of a value; drawn even where it is not taken, so that an example is replayed by the same draws."""
        names = dimension.names if among is None else dimension.names.filter(lambda name: among(dimension.values[name]))
        name: str = self._draw(names)
        if plain or name == dimension.plain:
            return dimension.plain if plain else name
        self._shown(dimension.name, name)
        return name
