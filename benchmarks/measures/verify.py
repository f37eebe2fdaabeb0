"""The cost of verifying, compared with Hypothesis drawing the same data alone."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.results.events import RuleFinished, RuleStarted
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions
from dsync_kit.targets.resolving import resolve
from measures.measuring import BENCHMARKS, command, median, table, times

__all__ = ["measure"]

# What takes its time by itself: processes that are started and killed, and the folder's own text.
_LEFT_OUT = ("durability", "packaging")
_PROFILES = ("quick", "standard")
_FEW = 0.2
"""The share of a profile's examples below which a rule is about one large or long thing, and not about drawn data."""
_JOBS = 2

Examples = list[list[st.SearchStrategy[Any]]]
"""For each example of a rule, what was drawn."""


@dataclass(slots=True)
class _Run:
    """What a run did: for each rule its draws, and the seconds that it took."""

    drawn: dict[str, Examples] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def measure(runs: int) -> list[str]:
    """The section's lines."""
    rows = []
    # First: a process that is started begins with the memory of the one that starts it, and this one grows.
    peaks = {name: _peak(name) for name in _PROFILES}
    for name in _PROFILES:
        last = _Run()
        verified: dict[str, list[float]] = {part: [] for part in _PARTS}
        drawn: dict[str, list[float]] = {part: [] for part in _PARTS}
        together: list[float] = []
        for _ in range(runs):
            last = _verify(name)
            raw = {rule: _raw(examples) for rule, examples in last.drawn.items()}
            for part, bounds in _PARTS.items():
                verified[part].append(sum(last.seconds[rule] for rule in _rules(*bounds)))
                drawn[part].append(sum(raw[rule] for rule in _rules(*bounds)))
            together.append(_side_by_side(name))
        for number, (part, bounds) in enumerate(_PARTS.items()):
            wall, alone = median(verified[part]), median(drawn[part])
            examples = sum(len(last.drawn[rule]) for rule in _rules(*bounds))
            row = [part.format(count=len(_rules(*bounds))), f"{wall:.1f} s", f"{examples:,}", f"{examples / wall:,.0f}"]
            row += [f"{alone:.1f} s", times(wall / alone)] if bounds[1] > 1 else [f"{alone:.1f} s", ""]
            whole = [f"{median(together):.1f} s", f"{peaks[name]:.0f} MiB"]
            rows.append([name, *row, *whole] if not number else ["", *row, "", ""])
    heads = [
        "profile",
        "rules",
        "time",
        "examples",
        "examples/s",
        "drawing alone",
        "ratio",
        f"`--jobs {_JOBS}`",
        "memory",
    ]
    return [
        f"The in-memory reference connector, in one process; medians of {runs} runs. *Drawing alone* is Hypothesis "
        "with the same strategies in the same order, as many examples of each rule, and nothing done with them. "
        f"The areas {' and '.join(_LEFT_OUT)} are left out: they start processes, and read a folder. *Memory* is the "
        f"peak. `--jobs {_JOBS}` is the whole command, its start included.",
        "",
        *table(heads, rows),
    ]


_RULES = tuple(rule for rule in RULES if rule.area not in _LEFT_OUT)
_PARTS = {
    "all {count}": (0.0, math.inf),
    "{count} that draw data": (_FEW, math.inf),
    "{count} about one large or long thing": (0.0, _FEW),
}
"""The rules by their share of a profile's examples: from the one, below the other."""


def _rules(least: float, most: float) -> list[str]:
    return [rule.id for rule in _RULES if least <= rule.examples < most]


def _verify(profile: str) -> _Run:
    """A run, with its draws."""
    done = _Run()
    began = 0.0
    with _recorded() as examples_of_rule:
        for event in run(resolve("reference://"), RunOptions(rules=_RULES, profile=PROFILES[profile], seed=1)):
            if isinstance(event, RuleStarted):
                began = time.perf_counter()
            elif isinstance(event, RuleFinished):
                if event.outcome.failure is not None:
                    raise RuntimeError(f"the reference connector fails {event.outcome.rule}")
                done.seconds[event.outcome.rule] = time.perf_counter() - began
                done.drawn[event.outcome.rule] = list(examples_of_rule)
                examples_of_rule.clear()
    return done


def _side_by_side(profile: str) -> float:
    """The seconds of a command that judges several rules at once."""
    return command(_command(profile, jobs=_JOBS), folder=BENCHMARKS).wall


@contextmanager
def _recorded() -> Iterator[Examples]:
    """Record what each case draws: a list for each example."""
    kept: Examples = []
    make, draw = Case.__init__, Case.draw

    def recording_init(self: Case, *args: Any, **kwargs: Any) -> None:
        kept.append([])
        make(self, *args, **kwargs)

    def recording_draw(self: Case, strategy: Any, *args: Any, **kwargs: Any) -> Any:
        kept[-1].append(strategy)
        return draw(self, strategy, *args, **kwargs)

    Case.__init__, Case.draw = recording_init, recording_draw  # type: ignore[method-assign]
    try:
        yield kept
    finally:
        Case.__init__, Case.draw = make, draw  # type: ignore[method-assign]


def _raw(examples: Examples) -> float:
    """The seconds for drawing the same."""
    began = time.perf_counter()
    if examples:
        _draw_all(examples)
    return time.perf_counter() - began


def _draw_all(examples: Examples) -> None:
    @seed(1)
    @settings(
        max_examples=len(examples),
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def test(data: st.DataObject) -> None:
        # Which example: the same choices must lead to the same strategies.
        for strategy in examples[data.draw(st.integers(0, len(examples) - 1))]:
            data.draw(strategy)

    test()


def _peak(profile: str) -> float:
    """The peak memory of a separate process, in MiB."""
    return command(_command(profile), folder=BENCHMARKS).peak


def _command(profile: str, *, jobs: int = 1) -> str:
    script = (
        "import sys; from dsync_kit.cli.kit import main; "
        f"sys.argv[1:] = ['verify', 'reference://', '--profile', '{profile}', '--seed', '1', '--rule', '[!dp]*', "
        f"'--rule', 'plan/*', '--jobs', '{jobs}']; main()"
    )
    return f'exec {sys.executable} -c "{script}"'
