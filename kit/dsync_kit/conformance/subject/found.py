"""What was found out about a connector by trying."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.protocol import DataType

__all__ = ["Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a connector's store holds, which GetInfo does not say.

    `makes_namespaces` says whether it takes a namespace that was not made beforehand, `id_kinds` which kinds of ids it
    takes in each type, `families` what its namespaces hold, `streams` whether its plans offer updates. `copies_only`
    says that it applies no updates at all, `deletes` whether it applies deletes. `unknown` says of offered namespaces
    why it was not found out what they hold. `takes` is False where it has refused all documents that were tried.
    `misread` are types in which it lists what is no document of them. `shows` is
    False where nothing is listed of what was written. `notes` are for the report.
    """

    makes_namespaces: bool = True
    id_kinds: dict[DataType, tuple[str, ...]] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    streams: bool = False
    copies_only: bool = False
    deletes: bool = True
    unknown: Mapping[str, str] = field(default_factory=dict)
    takes: bool = True
    misread: tuple[DataType, ...] = ()
    shows: bool = True
    notes: tuple[str, ...] = ()

    @property
    def keeps(self) -> str:
        """Why nothing can be removed that was written; empty where it can."""
        if self.copies_only:
            return Need.APPLYING.value
        return "" if self.deletes else Need.DELETING.value
