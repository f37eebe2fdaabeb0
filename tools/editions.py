"""The frozen editions of the rules, in tools/editions.json: `--freeze` freezes the newest one, `--check` says whether
the rules still are what the frozen editions hold."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.rules import RULES
from dsync_kit.project.editions import EDITIONS

FROZEN = Path(__file__).with_name("editions.json")

Frozen = Mapping[str, Mapping[str, str]]
"""Of each frozen edition the ids of its rules, with their levels."""


def rules_of(edition: str, rules: Iterable[RuleInfo] = RULES, editions: tuple[str, ...] = EDITIONS) -> dict[str, str]:
    """The rules that an edition holds, with their levels."""
    known = editions[: editions.index(edition) + 1]
    return {rule.id: rule.level.value for rule in rules if rule.since in known}


def problems(frozen: Frozen, rules: Iterable[RuleInfo] = RULES, editions: tuple[str, ...] = EDITIONS) -> Iterable[str]:
    """How the rules differ from the frozen editions, with a sentence for each difference."""
    rules = tuple(rules)
    open_edition = editions[-1] if editions[-1] not in frozen else ""
    advice = f'since="{open_edition}"' if open_edition else "a new edition, which EDITIONS in editions.py must name"
    levels = {rule.id: rule.level for rule in rules}
    for edition, then in frozen.items():
        now = rules_of(edition, rules, editions)
        for rule in now.keys() - then.keys():
            yield f"{rule} is new, and edition {edition} is frozen: give the rule {advice}"
        for rule in then.keys() - now.keys():
            # A SHOULD may become a MUST: that counts from a newer edition.
            if rule not in levels or then[rule] == Level.MUST:
                yield f"{rule} is part of the frozen edition {edition}, and no longer there"
        for rule in then.keys() & now.keys():
            if then[rule] != now[rule]:
                yield f"{rule} is a {now[rule]}, but a {then[rule]} in the frozen edition {edition}: give it {advice}"


def main() -> int:
    """Freeze or check; returns 1 if there is a problem."""
    frozen = json.loads(FROZEN.read_bytes())
    if "--freeze" in sys.argv[1:]:
        if EDITIONS[-1] in frozen:
            print(f"edition {EDITIONS[-1]} is frozen already")
            return 0
        frozen[EDITIONS[-1]] = dict(sorted(rules_of(EDITIONS[-1]).items()))
        FROZEN.write_text(json.dumps(frozen, indent=1) + "\n", encoding="utf-8")
        print(f"edition {EDITIONS[-1]} is frozen: {len(frozen[EDITIONS[-1]])} rules")
        return 0
    found = sorted(problems(frozen))
    for problem in found:
        print(problem)
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
