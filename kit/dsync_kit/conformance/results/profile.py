"""How much a run may cost."""

from dataclasses import dataclass
from math import inf

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget.

    `examples` are the most that a rule draws, `seconds` the most that it may take for them (a slow connector gets
    fewer examples, and the report says how many), `shrinking` the most seconds for making a failure small. `bulk`
    scales large pages and documents: 1 is what every connector must stand. `total` are the seconds in which
    a run is to end, however slow the connector: its rules have as few examples as that takes.
    """

    name: str
    examples: int
    seconds: float
    shrinking: float
    bulk: int
    total: float = inf


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", examples=25, seconds=1.5, shrinking=3.0, bulk=1, total=120.0),
        Profile("standard", examples=100, seconds=5.0, shrinking=10.0, bulk=2, total=900.0),
        Profile("thorough", examples=500, seconds=60.0, shrinking=60.0, bulk=8, total=10800.0),
    )
}
