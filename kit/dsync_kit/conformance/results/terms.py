"""What a connector is held to: an edition of the rules, less the failures that its author has listed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dsync_kit.project.editions import Edition

__all__ = ["KnownFlaky", "Terms"]


@dataclass(frozen=True, slots=True)
class KnownFlaky:
    """Why a rule is flaky. The entry holds until the end of the day `until`; then it has `expired`."""

    reason: str
    until: date
    expired: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """`known_failures` and `known_flaky` map rule ids, or globs, to the reasons. `examples` are the files that keep an
    example of a known failure, by the rule's id.
    """

    edition: Edition = field(default_factory=Edition)
    known_failures: Mapping[str, str] = field(default_factory=dict)
    known_flaky: Mapping[str, KnownFlaky] = field(default_factory=dict)
    examples: Mapping[str, Path] = field(default_factory=dict)
