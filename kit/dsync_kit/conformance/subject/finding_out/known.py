"""What is known so far: each step gets it, and returns it with what it has found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from dsync_kit.conformance.documents.holding import Holding
from dsync_kit.conformance.documents.strategies import ID_KINDS, NARROWER
from dsync_kit.conformance.documents.taken import Taken
from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.subject.finding_out.access import Access
from dsync_kit.conformance.subject.holds.families import Family, Schemas, families
from dsync_kit.conformance.subject.namespaces import Namespaces
from dsync_kit.protocol import DataType

__all__ = ["Known"]


@dataclass(frozen=True)
class Known:
    """What is known about namespaces, documents and ids.

    - `offered`: the namespaces that the user offers; `makes_namespaces`: whether writing creates others
    - `schemas`: what namespaces hold, declared or found out; `unknown`: for others, why it is unknown
    - `taken`: the ids that documents of a namespace had before anything was written
    - `id_kinds`: the kinds of ids to draw in each type; `refuses_ids`: whether others were refused
    - `refuses`: values that were refused
    - `notes`: for the report
    """

    offered: tuple[str, ...]
    id_kinds: Mapping[DataType, tuple[str, ...]]
    schemas: Mapping[str, Schemas]
    makes_namespaces: bool = True
    unknown: Mapping[str, str] = field(default_factory=dict)
    taken: Mapping[str, Taken] = field(default_factory=dict)
    refuses_ids: bool = False
    refuses: Features = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def at_first(cls, access: Access, schemas: Mapping[str, Schemas]) -> Self:
        """What is known before anything is tried: `schemas` are the declared ones."""
        kinds = {
            data_type: tuple(kind for kind in ID_KINDS[data_type] if kind not in NARROWER)
            for data_type in access.declared.written_types
        }
        return cls(access.namespaces.offered, kinds, dict(schemas))

    def noting(self, *notes: str) -> Self:
        """The same with further notes for the report."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def accepts(self) -> bool:
        """False if namespaces are offered, and for none of them a document is known that it accepts."""
        return not self.offered or not self.unknown.keys() >= set(self.offered)

    @property
    def takes_anything(self) -> bool:
        """Whether there is a namespace to write to, and nothing is known about its documents."""
        return not self.schemas and self.accepts and (self.makes_namespaces or bool(self.offered))

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The namespaces by what they hold. Unless all are unknown, those that are unknown are left out."""
        names = [name for name in self.offered if not self.accepts or name not in self.unknown]
        found = families(names, self.schemas, dict(self.id_kinds), self.taken)
        return tuple(family.apart(self.refuses) for family in found)

    def holding(self, data_type: DataType) -> Holding:
        """The documents to draw for a new namespace."""
        return self.families[-1].holding(data_type)

    def namespace(self, namespaces: Namespaces) -> str:
        """A namespace for a document: a new one if possible, else the first that is offered."""
        return namespaces.fresh() if self.makes_namespaces else self.offered[0]
