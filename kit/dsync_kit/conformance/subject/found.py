"""What was found out about a connector by trying."""

from dataclasses import dataclass, field

from dsync_kit.conformance.subject.families import Family
from dsync_kit.protocol import DataType

__all__ = ["Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a connector's store holds, which GetInfo does not say.

    `makes_namespaces` says whether it takes a namespace that was not made beforehand, `id_kinds` which kinds of ids it
    takes in each type, `families` what its namespaces hold, `streams` whether its plans offer updates. `notes` are for
    the report.
    """

    makes_namespaces: bool = True
    id_kinds: dict[DataType, tuple[str, ...]] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    streams: bool = False
    notes: tuple[str, ...] = ()
