"""Which namespaces hold the same documents: those of one example are all of one family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dsync_kit.conformance.documents.apart import apart
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Anything, Holding
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile, printed
from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.subject.holds.finding import FoundSchemas
from dsync_kit.protocol import DataType

__all__ = ["EVERY_NAMESPACE", "Family", "Schemas", "families"]

Schemas = SchemaFile | FoundSchemas
"""What a namespace holds, by data type: declared, or found out."""

EVERY_NAMESPACE = "*"
"""Stands for all namespaces that no schema is declared for."""


@dataclass(frozen=True, eq=False)
class Family:
    """Namespaces that hold the same documents. Without names it is whichever the connector makes or is offered."""

    names: tuple[str, ...]
    schema: Schemas | None = None
    kinds: dict[DataType, tuple[str, ...]] = field(default_factory=dict)
    """The kinds of ids, where no schema says what they are."""
    without: Features = ()
    """What its documents are drawn without."""
    _holdings: dict[DataType, Holding] = field(default_factory=dict)

    def apart(self, features: Features) -> "Family":
        """The same namespaces, whose documents are drawn without these features."""
        return Family(self.names, self.schema, self.kinds, features)

    def holding(self, data_type: DataType) -> Holding:
        """What is drawn for its namespaces. Raises UsageError where no document of this type fits the schema."""
        if data_type not in self._holdings:
            whole = (
                Anything(data_type, self.kinds[data_type])
                if self.schema is None
                else Filling(self.schema.of(data_type))
            )
            self._holdings[data_type] = apart(whole, self.without)
        return self._holdings[data_type]


def families(
    namespaces: Sequence[str], documents: Mapping[str, Schemas], kinds: dict[DataType, tuple[str, ...]]
) -> tuple[Family, ...]:
    """The namespaces by what they hold; those without a schema, and those of one schema, are a family each."""
    if not documents:
        return (Family(tuple(namespaces), kinds=kinds),)
    found: list[tuple[Schemas | None, list[str]]] = []
    for name in namespaces:
        schema = documents.get(name, documents.get(EVERY_NAMESPACE))
        known = next((names for other, names in found if _same(schema, other)), None)
        if known is None:
            found.append((schema, [name]))
        else:
            known.append(name)
    if not found:
        return (Family((), documents[EVERY_NAMESPACE]),)
    return tuple(Family(tuple(names), schema, kinds) for schema, names in found)


def _same(one: Schemas | None, other: Schemas | None) -> bool:
    if isinstance(one, SchemaFile) and isinstance(other, SchemaFile):
        return one.root == other.root and one.repeats == other.repeats
    if isinstance(one, FoundSchemas) and isinstance(other, FoundSchemas):
        return one.by_type.keys() == other.by_type.keys() and all(
            printed(one.of(kind)) == printed(other.of(kind)) for kind in one.by_type
        )
    return one is other
