"""Which parts of the flow are killed, and when: drawn from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COPY", "UPDATES", "Kill", "draw_kills"]

COPY, UPDATES = "copy", "updates"
_LONGEST_DOWN = 1.5


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, `down` seconds long. In the copy, it comes when the destination holds the share `at` of the first
    documents; among the updates, after the share `at` of the calls."""

    victim: str
    phase: str
    at: float
    down: float


def draw_kills(seed: int, victims: Sequence[str], count: int) -> list[Kill]:
    """The `count` kills of a seed in the order in which they come; each victim once before any of them twice."""
    rng = random.Random(f"kills {seed}")
    kills: list[Kill] = []
    while len(kills) < count:
        for victim in rng.sample(list(victims), len(victims)):
            phase = rng.choice((COPY, UPDATES))
            kills.append(Kill(victim, phase, rng.random(), rng.uniform(0, _LONGEST_DOWN)))
    return sorted(kills[:count], key=lambda kill: (kill.phase != COPY, kill.at))
