"""Write docs/rules.md from the rules and the catalogue of broken connectors; `--check` only compares."""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the catalogue is a part of the tests, which are not installed

from tests.rules.catalogue import FAULTS  # noqa: E402

from dsync_kit.conformance.rule import Rule  # noqa: E402
from dsync_kit.conformance.rules import RULES  # noqa: E402

PAGE = ROOT / "docs" / "rules.md"

HEAD = """# The rules

Generated from the rules themselves (`make rules`). A MUST follows from a sentence of [the contract](contract.md), on
which dsync relies; a SHOULD makes a better connector, and counts as a failure with `--strict` alone.
`dsync-kit explain ID` says the same of one rule. The last column counts the broken connectors of the kit's own tests
that the rule must find ([how well the kit finds them](detection.md)).
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD, f"There are {len(RULES)} rules, and {len(FAULTS)} broken connectors that they must find.\n"]
    for area, rules in groupby(RULES, key=lambda rule: rule.area):
        parts.append(f"## {area}\n")
        rows = ((f"`{rule.id}`", rule.level, rule.summary, _needs(rule), str(len(_faults(rule.id)))) for rule in rules)
        parts.append(_table(("rule", "level", "what it checks", "needs", "broken"), rows))
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


def _faults(rule: str) -> list[str]:
    return [fault.name for fault in FAULTS if fault.rule == rule]


def _needs(rule: Rule) -> str:
    return ", ".join(need.name.lower().replace("_", "-") for need in rule.needs) or "nothing"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def main() -> int:
    """Write the page, or with `--check` compare it: 1 if it differs."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/rules.md is not what the rules say: run `make rules`")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
