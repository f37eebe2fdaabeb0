"""What was measured, as the tables of `docs/detection.md`."""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Measured", "write_report"]

_BEGIN, _END = "<!-- measured: written by benchmarks/score.py -->", "<!-- end of what was measured -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one connector. `good` is the right one: found, if it is broken; passed, if it is correct."""

    kind: str
    name: str
    profile: str
    seed: int
    good: bool
    detail: str
    seconds: float


def write_report(path: Path, measured: Sequence[Measured], *, catalogue: Any, selected: str) -> None:
    """Replace the tables between the file's markers."""
    text = "\n".join(_report(measured, catalogue, selected))
    known = path.read_text(encoding="utf-8") if path.exists() else f"# Detection\n\n{_BEGIN}\n{_END}\n"
    before, _, rest = known.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


def _report(measured: Sequence[Measured], catalogue: Any, selected: str) -> list[str]:
    faults = {fault.name: fault for fault in catalogue.FAULTS}
    found = [one for one in measured if one.kind == "fault"]
    areas = list(dict.fromkeys(fault.rule.partition("/")[0] for fault in catalogue.FAULTS))
    levels = ["any call", "special input", "rare"]
    return [
        f"Measured over {_number({one.name for one in found}, 'broken connector')} and "
        f"{_number({one.name for one in measured if one.kind == 'variant'}, 'unusual one')}"
        f"{'' if selected == '*' else f' (those of {selected})'}: {len(measured):,} verdicts, which one after another "
        f"take {sum(one.seconds for one in measured) / 60:.0f} minutes on {os.cpu_count()} cores "
        f"({platform.machine()}, Python {platform.python_version()}).",
        "",
        "### Found, by area",
        "",
        *_table("area", found, areas, lambda one: faults[one.name].rule.partition("/")[0]),
        "",
        "### Found, by difficulty",
        "",
        *_table("shown by", found, levels, lambda one: faults[one.name].difficulty),
        "",
        "### Not found",
        "",
        *_survivors(found, faults),
        "",
        "### By all rules, and over gRPC",
        "",
        *_sampled(measured, faults),
        "",
        "### False alarms",
        "",
        *_alarms([one for one in measured if one.kind == "variant"]),
    ]


def _table(title: str, found: Sequence[Measured], rows: Iterable[str], row_of: Callable[[Measured], str]) -> list[str]:
    """Rates by row and profile, over all seeds."""
    profiles = list(dict.fromkeys(one.profile for one in found))
    lines = [
        f"| {title} | broken connectors | " + " | ".join(f"{p} ({_seeds(found, p)})" for p in profiles) + " |",
        "|---|---:|" + "---:|" * len(profiles),
    ]
    for row in [*rows, "all"]:
        mine = [one for one in found if row in ("all", row_of(one))]
        if mine:
            rates = (_rate([one for one in mine if one.profile == profile]) for profile in profiles)
            lines.append(f"| {row} | {len({one.name for one in mine})} | " + " | ".join(rates) + " |")
    return lines


def _survivors(found: Sequence[Measured], faults: dict[str, Any]) -> list[str]:
    missed: dict[str, list[Measured]] = {}
    for one in found:
        if not one.good:
            missed.setdefault(one.name, []).append(one)
    if not missed:
        return ["Every one was found with every seed."]
    lines = ["| broken connector | its rule | shown by | missed with |", "|---|---|---|---|"]
    for name, ones in sorted(missed.items(), key=lambda item: -len(item[1])):
        profiles = dict.fromkeys(one.profile for one in ones)
        told = (f"{profile}: {_told([one for one in ones if one.profile == profile])}" for profile in profiles)
        lines.append(f"| {name} | `{faults[name].rule}` | {faults[name].difficulty} | {'; '.join(told)} |")
    return lines


def _told(missed: Sequence[Measured]) -> str:
    seeds = ", ".join(str(one.seed) for one in missed)
    others = {one.detail for one in missed} - {"passed"}
    return f"seed {seeds}" + (f" ({', '.join(sorted(others))})" if others else "")


def _sampled(measured: Sequence[Measured], faults: dict[str, Any]) -> list[str]:
    whole = [one for one in measured if one.kind == "fault, all rules"]
    if not whole:
        return ["Not measured."]
    wired = [one for one in measured if one.kind == "fault over gRPC"]
    judged = [one for one in wired if one.detail not in ("skipped", "not-exercised")]
    lines = [
        f"- Of {_number(whole, 'broken connector')} that were judged by all rules, {sum(one.good for one in whole)} "
        "have one failure: that of the rule that they name, or one under which that is folded."
    ]
    for one in whole:
        if not one.good:
            lines.append(f"  - {one.name} (`{faults[one.name].rule}`): {one.detail or 'none'}")
    lines.append(
        f"- Of {_number(wired, 'broken connector')} behind an address, {sum(one.good for one in judged)} are found "
        f"by the rule that they name; the rules of {len(wired) - len(judged)} need a second instance, or the process "
        "itself."
    )
    lines += [f"  - not found: {one.name} (`{faults[one.name].rule}`)" for one in judged if not one.good]
    return lines


def _alarms(variants: Sequence[Measured]) -> list[str]:
    if not variants:
        return ["Not measured."]
    bad = [one for one in variants if not one.good]
    runs = ", ".join(
        f"{_seeds(variants, profile)} in {profile}" for profile in dict.fromkeys(v.profile for v in variants)
    )
    lines = [f"{len(bad)} in {len(variants)} runs ({runs})."]
    lines += [f"- {one.name}, {one.profile}, seed {one.seed}: {one.detail}" for one in bad]
    return lines


def _rate(found: Sequence[Measured]) -> str:
    return f"{100 * sum(one.good for one in found) / len(found):.1f} %" if found else "not run"


def _seeds(measured: Sequence[Measured], profile: str) -> str:
    return _number({one.seed for one in measured if one.profile == profile}, "seed")


def _number(things: Any, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
