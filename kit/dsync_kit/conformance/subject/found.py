"""What the kit found out about a connector by trying."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dsync_kit.conformance.results.features import Features
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.subject.holds.families import Family
from dsync_kit.protocol import DataType

__all__ = ["FirstPlan", "Found"]


@dataclass(frozen=True, slots=True)
class FirstPlan:
    """The update position of a namespace, planned before the kit had written anything."""

    namespace: str
    cursor: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a connector's store can do, beyond what GetInfo reports.

    - `makes_namespaces`: whether writing creates a namespace
    - `id_kinds`: the kinds of ids that it accepts in each type
    - `families`: what its namespaces hold
    - `plans_updates`: whether its plans have updates; None if no plan has shown it, as GeneratePlan fails
    - `copies_only`: whether it applies no updates at all; `deletes`: whether it applies deletes
    - `vain_deletes`: how it refuses every DELETE, if with a code that dsync repeats; empty if it does not
    - `unknown`: for offered namespaces, why it is unknown what they hold
    - `accepts`: False if it has refused all documents that were tried
    - `misread`: types in which it lists something other than documents of the type
    - `shows`: False if nothing that was written is listed
    - `refuses`: values that it may refuse, and does, so that nothing holds them
    - `first_plan`: what was planned before anything was written; None if that was not possible
    - `refuses_ids`: whether it refuses some kinds of ids, and takes others
    - `notes`: for the report
    """

    makes_namespaces: bool = True
    id_kinds: dict[DataType, tuple[str, ...]] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    plans_updates: bool | None = False
    copies_only: bool = False
    deletes: bool = True
    vain_deletes: str = ""
    unknown: Mapping[str, str] = field(default_factory=dict)
    accepts: bool = True
    misread: tuple[DataType, ...] = ()
    shows: bool = True
    refuses: Features = ()
    first_plan: FirstPlan | None = None
    refuses_ids: bool = False
    notes: tuple[str, ...] = ()

    @property
    def streams(self) -> bool:
        """Whether to judge its streams: until a plan shows that it has no updates, it may have some."""
        return self.plans_updates is not False

    @property
    def keeps(self) -> str:
        """Why written documents cannot be removed; empty if they can."""
        if self.copies_only:
            return Need.APPLYING.value
        return "" if self.deletes else self.vain_deletes or Need.DELETING.value
