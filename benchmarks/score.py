"""Measures the conformance kit: how many broken connectors it finds, and how many correct ones it fails.

    python benchmarks/score.py [--profiles quick standard] [--seeds 5] [--whole 10] [--jobs 2] [--resume]

Each fault of `tests/rules` is judged by the rule that it names, in every profile and with every seed; it is found if
that rule fails. A sample of the faults is judged by all rules, and over gRPC. Each variant is judged by all rules:
an exit code other than 0 is a false alarm. The numbers go to `docs/detection.md` (with `--only`, to `build/score.md`),
after each part of the work and when it is interrupted; every verdict goes to `build/score.jsonl` at once, and
`--resume` takes from there what it has.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]  # `tests.rules` is no installed package

from detection import Measured, write_report  # noqa: E402 - beside this file

from dsync_kit.conformance.results.outcome import Result, Status  # noqa: E402
from dsync_kit.conformance.results.profile import PROFILES  # noqa: E402

Kind = Literal["fault", "fault over gRPC", "fault, all rules", "variant"]
_VERDICTS = ROOT / "build" / "score.jsonl"


@dataclass(frozen=True, slots=True)
class Task:
    """One connector to judge."""

    kind: Kind
    name: str
    profile: str
    seed: int


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write the report; 1 if a variant is failed."""
    options = _options(words)
    measured = _recorded() if options.resume else []
    _VERDICTS.parent.mkdir(exist_ok=True)
    with _VERDICTS.open("a" if options.resume else "w", encoding="utf-8") as verdicts:
        for part, tasks in _parts(options).items():
            known = {(one.kind, one.name, one.profile, one.seed) for one in measured}
            wanted = [task for task in tasks if (task.kind, task.name, task.profile, task.seed) not in known]
            print(f"{part}: {len(wanted)} to judge, {len(tasks) - len(wanted)} known", flush=True)
            try:
                # Each part has processes of its own: variants must not be hurried as faults are.
                with ProcessPoolExecutor(options.jobs) as pool:
                    for found in pool.map(measure, wanted):
                        measured.append(found)
                        print(json.dumps(asdict(found)), file=verdicts, flush=True)
                        if options.verbose or (found.kind == "variant" and not found.good):
                            print(found, flush=True)
            finally:
                write_report(_page(options.only), measured, catalogue=_catalogue(), selected=options.only)
    return int(any(found.kind == "variant" and not found.good for found in measured))


def _page(only: str) -> Path:
    """Where the numbers go: those of a part of the catalogue must not replace those of the whole."""
    return ROOT / "docs" / "detection.md" if only == "*" else ROOT / "build" / "score.md"


def _recorded() -> list[Measured]:
    """The verdicts of earlier runs."""
    if not _VERDICTS.exists():
        return []
    return [Measured(**json.loads(line)) for line in _VERDICTS.read_text(encoding="utf-8").splitlines()]


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", nargs="+", default=["quick", "standard"], choices=list(PROFILES))
    parser.add_argument("--seeds", type=int, default=5, help="seeds for each fault (default: 5)")
    parser.add_argument("--variant-profiles", nargs="*", default=["quick"], choices=list(PROFILES))
    parser.add_argument("--variant-seeds", type=int, default=5, help="seeds for each variant (default: 5)")
    parser.add_argument("--variant-every", type=int, default=1, help="one variant in so many is judged")
    parser.add_argument(
        "--whole", type=int, default=10, help="one fault in so many is judged by all rules, over gRPC too"
    )
    parser.add_argument("--only", default="*", help="the rules' ids, or the variants' names, as a glob")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the verdicts of the last run")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(words)


def _parts(options: argparse.Namespace) -> dict[str, list[Task]]:
    """The tasks, by part; the report is written after each part."""
    catalogue = _catalogue()
    faults = [fault for fault in catalogue.FAULTS if fnmatchcase(fault.rule, options.only)]
    variants = [
        variant
        for number, variant in enumerate(catalogue.VARIANTS)
        if (options.only == "*" or fnmatchcase(variant.name, options.only)) and number % options.variant_every == 0
    ]
    parts = {
        f"faults, {profile}, seed {seed}": [Task("fault", fault.name, profile, seed) for fault in faults]
        for profile in options.profiles
        for seed in range(1, options.seeds + 1)
    }
    sample = faults[:: options.whole]
    parts["faults by all rules"] = [Task("fault, all rules", fault.name, "quick", 1) for fault in sample]
    # Where a folder is broken, there is no other way to reach it.
    wired = [fault for fault in sample if fault.where != "folder"]
    parts["faults over gRPC"] = [Task("fault over gRPC", fault.name, "quick", 1) for fault in wired]
    for profile in options.variant_profiles:
        for seed in range(1, options.variant_seeds + 1):
            name = f"variants, {profile}, seed {seed}"
            parts[name] = [Task("variant", variant.name, profile, seed) for variant in variants]
    return parts


def measure(task: Task) -> Measured:
    """Judge one connector."""
    logging.lastResort = None  # what broken connectors log is for the rules alone
    catalogue = _catalogue()
    began = time.monotonic()
    if task.kind == "variant":
        (entry,) = (variant for variant in catalogue.VARIANTS if variant.name == task.name)
        result = catalogue.judge(entry, [], profile=PROFILES[task.profile], seed=task.seed)
        return _measured(task, result.exit_code == 0, _alarms(result), began)
    (entry,) = (fault for fault in catalogue.FAULTS if fault.name == task.name)
    _hurry()
    if task.kind == "fault, all rules":
        result = catalogue.judge(entry, [], profile=task.profile, seed=task.seed)
        first = [outcome.rule for outcome in result.outcomes if outcome.violated and not outcome.cause]
        named = any(outcome.rule == entry.rule and outcome.violated for outcome in result.outcomes)
        return _measured(task, named and len(first) == 1, ", ".join(first), began)
    # Shrinking makes a failure small, and changes no verdict of one rule.
    profile = replace(PROFILES[task.profile], shrinking=0.0)
    where = "grpc" if task.kind == "fault over gRPC" else None
    result = catalogue.judge(entry, [entry.rule], profile=profile, seed=task.seed, where=where)
    (outcome,) = result.outcomes or (None,)
    status = outcome.status if outcome is not None else result.problem
    return _measured(task, outcome is not None and outcome.violated, f"{status}", began)


def _hurry() -> None:
    """Wait for two seconds instead of ten: if these connectors send something, they send it at once."""
    from dsync_kit.conformance.case import hanging_up
    from dsync_kit.conformance.rules.lsn import stream_lsn
    from dsync_kit.conformance.subject import patience

    waits = {
        patience: ("_MOST", "_LEAST"),
        stream_lsn: ("_PATIENCE",),
        hanging_up: ("GRACE_SECONDS",),
    }
    for module, names in waits.items():
        for name in names:
            setattr(module, name, 2.0)


def _alarms(result: Result) -> str:
    failed = [outcome.rule for outcome in result.violations()]
    broken = [outcome.rule for outcome in result.outcomes if outcome.status is Status.ERRORED]
    return ", ".join([*failed, *broken]) or result.problem


def _measured(task: Task, good: bool, detail: str, began: float) -> Measured:
    return Measured(task.kind, task.name, task.profile, task.seed, good, detail, time.monotonic() - began)


@cache
def _catalogue() -> Any:
    from tests.rules import catalogue

    return catalogue


if __name__ == "__main__":
    sys.exit(main())
