"""Which parts of the flow are killed or stopped, and when: drawn from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COPY", "KILLED", "REPLACED", "STOPPED", "UPDATES", "Kill", "draw_kills", "draw_stops", "in_order"]

COPY, UPDATES = "copy", "updates"
KILLED, STOPPED, REPLACED = "killed", "stopped", "replaced"
"""By SIGKILL; by SIGTERM; by SIGTERM, after a successor has started at the same address."""

_LONGEST_DOWN = 1.5


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, `down` seconds long. In the copy, it comes when the destination holds the share `at` of the first
    documents; among the updates, after the share `at` of the calls. `manner` is KILLED, STOPPED or REPLACED."""

    victim: str
    phase: str
    at: float
    down: float
    manner: str = KILLED


def draw_kills(seed: int, victims: Sequence[str], count: int, phases: Sequence[str] = (COPY, UPDATES)) -> list[Kill]:
    """The `count` kills of a seed in the order in which they come.

    No victim is killed twice before each was killed once, nor twice in one phase before once in each phase.
    """
    rng = random.Random(f"kills {seed}")
    left: dict[str, list[str]] = {victim: [] for victim in victims}
    kills: list[Kill] = []
    while victims and len(kills) < count:
        for victim in rng.sample(list(victims), len(victims)):
            left[victim] = left[victim] or rng.sample(list(phases), len(phases))
            kills.append(Kill(victim, left[victim].pop(), rng.random(), rng.uniform(0, _LONGEST_DOWN)))
    return in_order(kills[:count])


def draw_stops(seed: int, victims: Sequence[str], count: int, phases: Sequence[str] = (COPY, UPDATES)) -> list[Kill]:
    """The `count` stops of a seed, of the victims that can be replaced, in the order in which they come."""
    rng = random.Random(f"stops {seed}")
    kills = draw_kills(seed + 1, victims, count, phases)
    return [Kill(kill.victim, kill.phase, kill.at, kill.down, rng.choice((STOPPED, REPLACED))) for kill in kills]


def in_order(kills: Sequence[Kill]) -> list[Kill]:
    """Kills in the order in which they come."""
    return sorted(kills, key=lambda kill: (kill.phase != COPY, kill.at))
