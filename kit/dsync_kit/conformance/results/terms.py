"""What a connector is held to: an edition of the rules, less the failures that its author has listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dsync_kit.project.editions import Edition

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """`known_failures` maps rule ids, or globs, to the reasons why they fail."""

    edition: Edition = field(default_factory=Edition)
    known_failures: Mapping[str, str] = field(default_factory=dict)
