"""Write docs/rules.md from the rules and the catalogue of broken connectors, and conformance/rules.json, which
`dsync-kit rules` and `explain` read; `--check` only compares."""

import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the catalogue is a part of the tests, which are not installed

from dsync_kit.conformance.case.rule import Rule  # noqa: E402
from dsync_kit.conformance.documents.dimensions import DIMENSIONS, Dimension  # noqa: E402
from dsync_kit.conformance.rules import RULES  # noqa: E402
from tests.rules.catalogue import FAULTS  # noqa: E402

PAGE = ROOT / "docs" / "rules.md"
INDEX = ROOT / "kit" / "dsync_kit" / "conformance" / "rules.json"

HEAD = """# The rules

Generated from the rules themselves (`make rules`). A MUST follows from a sentence of [the contract](contract.md), on
which dsync relies; a SHOULD makes a better connector, and counts as a failure with `--strict` alone.
`dsync-kit explain ID` says the same of one rule. The last column counts the broken connectors of the kit's own tests
that the rule must find ([how well the kit finds them](detection.md)).

`since` is the first edition of the rules in which it counts. A connector names the edition that it is held to in its
pyproject.toml (`[tool.dsync-kit] edition = "2026.1"`); a rule of a newer edition runs, but only warns
([editions](ci.md#editions)).
"""


DRAWN = """## What is drawn for all rules

What the contract leaves free is drawn for each example, not fixed. A failing example shrinks to the first value of each
dimension; where the failure depends on another one, the example names it, and the calls show it.
"""

MOST_VALUES = 12


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD, f"There are {len(RULES)} rules, and {len(FAULTS)} broken connectors that they must find.\n"]
    for area, rules in groupby(RULES, key=lambda rule: rule.area):
        parts.append(f"## {area}\n")
        rows = (
            (f"`{rule.id}`", rule.level, rule.since, rule.summary, _needs(rule), str(len(_faults(rule.id))))
            for rule in rules
        )
        parts.append(_table(("rule", "level", "since", "what it checks", "needs", "broken"), rows))
    parts.append(DRAWN)
    free = ((found.name, found.drawn, found.freedom, _values(found)) for found in DIMENSIONS)
    parts.append(_table(("dimension", "drawn by", "why it is free", "values"), free))
    parts.append("## From the contract's sentences to the rules\n")
    sentences: dict[str, list[Rule]] = {}
    for rule in RULES:
        sentences.setdefault(rule.sentence, []).append(rule)
    by_sentence = (
        (
            sentence,
            ", ".join(f"`{rule.id}`" for rule in rules),
            ", ".join(name for rule in rules for name in _faults(rule.id)) or "none",
        )
        for sentence, rules in sentences.items()
    )
    parts.append(_table(("sentence", "rules", "broken connectors that trip them"), by_sentence))
    return "\n".join(parts).rstrip() + "\n"


def index() -> str:
    """The rules for the commands, as JSON."""
    rules = [
        {
            "id": rule.id,
            "level": rule.level,
            "sentence": rule.sentence,
            "checks": rule.summary,
            "needs": [need.name.lower().replace("_", "-") for need in rule.needs],
            "hint": rule.hint,
            "after": rule.after,
            "since": rule.since,
        }
        for rule in RULES
    ]
    return json.dumps(rules, ensure_ascii=False, indent=2) + "\n"


def _faults(rule: str) -> list[str]:
    return [fault.name for fault in FAULTS if fault.rule == rule]


def _values(dimension: Dimension[Any]) -> str:
    names = list(dimension.values)
    more = [f"… ({len(names)} in all)"] if len(names) > MOST_VALUES else []
    return ", ".join([*names[:MOST_VALUES], *more])


def _needs(rule: Rule) -> str:
    return ", ".join(need.name.lower().replace("_", "-") for need in rule.needs) or "nothing"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def main() -> int:
    """Write the files, or with `--check` compare them: 1 if one differs."""
    files = {PAGE: page(), INDEX: index()}
    if "--check" not in sys.argv[1:]:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what the rules say: run `make rules`")
    return int(bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
