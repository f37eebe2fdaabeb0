"""Groups namespaces that hold the same documents. All namespaces of an example are from one family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dsync_kit.conformance.documents.apart import apart
from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.holding import Anything, Holding
from dsync_kit.conformance.documents.schema.schema_file import SchemaFile, printed
from dsync_kit.conformance.documents.taken import NOTHING, Taken
from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.subject.holds.found_schemas import FoundSchemas
from dsync_kit.protocol import DataType

__all__ = ["EVERY_NAMESPACE", "Family", "Schemas", "families"]

Schemas = SchemaFile | FoundSchemas
"""What a namespace holds, by data type, declared or found out."""

EVERY_NAMESPACE = "*"
"""Stands for all namespaces without a declared schema."""


@dataclass(frozen=True, eq=False)
class Family:
    """Namespaces that hold the same documents. Without names, it stands for any that are created or offered."""

    names: tuple[str, ...]
    schema: Schemas | None = None
    kinds: dict[DataType, tuple[str, ...]] = field(default_factory=dict)
    """The kinds of ids, if no schema defines them."""
    taken: Taken = NOTHING
    """The ids that no document of the kit may have: documents had them before the run."""
    without: Features = ()
    """The features without which its documents are drawn."""
    _holdings: dict[DataType, Holding] = field(default_factory=dict)

    def apart(self, features: Features) -> "Family":
        """The same namespaces, with documents drawn without these features."""
        return Family(self.names, self.schema, self.kinds, self.taken, features)

    def holding(self, data_type: DataType) -> Holding:
        """The documents to draw for its namespaces. Raises UsageError if no document of this type fits the schema."""
        if data_type not in self._holdings:
            whole = (
                Anything(data_type, self.kinds[data_type], self.taken)
                if self.schema is None
                else Filling(self.schema.of(data_type), self.taken)
            )
            self._holdings[data_type] = apart(whole, self.without)
        return self._holdings[data_type]


def families(
    namespaces: Sequence[str],
    documents: Mapping[str, Schemas],
    kinds: dict[DataType, tuple[str, ...]],
    taken: Mapping[str, Taken],
) -> tuple[Family, ...]:
    """The namespaces by what they hold: one family for each schema, and one for those without a schema.

    `taken` has the ids that documents of each namespace had before the run.
    """
    if not documents:
        return (_family(namespaces, None, kinds, taken),)
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
    return tuple(_family(names, schema, kinds, taken) for schema, names in found)


def _family(
    names: Sequence[str],
    schema: Schemas | None,
    kinds: dict[DataType, tuple[str, ...]],
    taken: Mapping[str, Taken],
) -> Family:
    return Family(tuple(names), schema, kinds, Taken.union(taken.get(name, NOTHING) for name in names))


def _same(one: Schemas | None, other: Schemas | None) -> bool:
    if isinstance(one, SchemaFile) and isinstance(other, SchemaFile):
        return one.root == other.root and one.repeats == other.repeats
    if isinstance(one, FoundSchemas) and isinstance(other, FoundSchemas):
        return one.by_type.keys() == other.by_type.keys() and all(
            printed(one.of(kind)) == printed(other.of(kind)) for kind in one.by_type
        )
    return one is other
