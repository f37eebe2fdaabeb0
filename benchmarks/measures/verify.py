"""What verifying costs, against what Hypothesis alone takes to draw the same data."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from dsync_kit.conformance.case import Case
from dsync_kit.conformance.engine import Plan, run
from dsync_kit.conformance.events import RuleFinished
from dsync_kit.conformance.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.target import resolve
from measures.measuring import BENCHMARKS, command, interleaved, median, table, times

__all__ = ["measure"]

# What takes its time by itself: processes that are started and killed, and the folder's own text.
_LEFT_OUT = ("durability", "packaging")
_PROFILES = ("quick", "standard")

Drawn = dict[str, list[list[st.SearchStrategy[Any]]]]
"""For each rule, and each example of it, what was drawn."""


def measure(runs: int) -> list[str]:
    """The section's lines."""
    rows = []
    # First: a process that is started begins with the memory of the one that starts it, and this one grows.
    peaks = {name: _peak(name) for name in _PROFILES}
    for name in _PROFILES:
        seen: dict[str, float] = {}
        found = interleaved(
            {f"{name}, verify": lambda name=name, seen=seen: _verify(name, seen), f"{name}, raw": lambda: _raw(_drawn)},  # type: ignore[misc]
            runs,
        )
        verify, raw = median(found[f"{name}, verify"]), median(found[f"{name}, raw"])
        rows.append(
            [
                name,
                f"{verify:.1f} s",
                f"{seen['examples']:,.0f}",
                f"{seen['examples'] / verify:,.0f}",
                f"{raw:.1f} s",
                times(verify / raw),
                f"{peaks[name]:.0f} MiB",
            ]
        )
    heads = ["profile", "all rules", "examples", "examples/s", "drawing alone", "ratio", "peak of memory"]
    return [
        f"The in-memory reference connector, in one process; medians of {runs} runs. *Drawing alone* is Hypothesis "
        "with the same strategies in the same order, as many examples of each rule, and nothing done with them. "
        f"The areas {' and '.join(_LEFT_OUT)} are left out: they start processes, and read a folder.",
        "",
        *table(heads, rows),
    ]


_drawn: Drawn = {}


def _verify(profile: str, seen: dict[str, float]) -> float:
    """The seconds of a run; what it draws is kept for the raw run after it."""
    rules = tuple(rule for rule in RULES if rule.area not in _LEFT_OUT)
    plan = Plan(rules=rules, profile=PROFILES[profile], seed=1)
    _drawn.clear()
    examples = 0
    with _recorded() as examples_of_rule:
        began = time.perf_counter()
        for event in run(resolve("reference://"), plan):
            if isinstance(event, RuleFinished):
                if event.outcome.failure is not None:
                    raise RuntimeError(f"the reference connector fails {event.outcome.rule}")
                examples += event.outcome.examples
                _drawn[event.outcome.rule] = list(examples_of_rule)
                examples_of_rule.clear()
        seconds = time.perf_counter() - began
    seen["examples"] = examples
    return seconds


@contextmanager
def _recorded() -> Iterator[list[list[st.SearchStrategy[Any]]]]:
    """Keep what each case draws: a list for each example."""
    kept: list[list[st.SearchStrategy[Any]]] = []
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


def _raw(drawn: Drawn) -> float:
    began = time.perf_counter()
    for examples in drawn.values():
        if examples:
            _draw_all(examples)
    return time.perf_counter() - began


def _draw_all(examples: list[list[st.SearchStrategy[Any]]]) -> None:
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
    """MiB that a process of its own has at its peak."""
    script = (
        "import sys; from dsync_kit.cli.kit import main; "
        f"sys.argv[1:] = ['verify', 'reference://', '--profile', '{profile}', '--seed', '1', '--rule', '[!d]*']; main()"
    )
    return command(f'exec {sys.executable} -c "{script}"', folder=BENCHMARKS).peak
