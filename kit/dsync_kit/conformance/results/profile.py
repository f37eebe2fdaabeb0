"""How much time a run may take."""

from dataclasses import dataclass
from math import inf

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A budget.

    A rule draws at most `examples` and takes at most `seconds` for them: a slow connector gets fewer examples, and the
    report says how many. `shrinking` is the most seconds for shrinking a failure. `bulk` scales large pages and
    documents; every connector must be able to handle 1. A run of all rules should end after `total` seconds even with a
    slow connector: its rules then get fewer examples. `exploring` is the fraction of a run's time for the rules that
    explore.
    """

    name: str
    examples: int
    seconds: float
    shrinking: float
    bulk: int
    total: float = inf
    exploring: float = 0.1


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", examples=18, seconds=1.5, shrinking=3.0, bulk=1, total=40.0),
        Profile("standard", examples=54, seconds=5.0, shrinking=10.0, bulk=2, total=180.0, exploring=1 / 3),
        Profile("thorough", examples=500, seconds=60.0, shrinking=60.0, bulk=8, total=10800.0, exploring=0.7),
    )
}
