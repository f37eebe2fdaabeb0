"""Write docs/rules.md from the rules themselves; `--check` only compares."""

import sys
from itertools import groupby
from pathlib import Path

from dsync_kit.conformance.rules import RULES

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"

HEAD = """# The rules

Generated from the rules themselves (`make rules`). A MUST follows from a sentence of [the contract](contract.md), on
which dsync relies; a SHOULD makes a better connector, and counts as a failure with `--strict` alone.
`dsync-kit explain ID` says the same of one rule.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD, f"There are {len(RULES)} rules.\n"]
    for area, rules in groupby(RULES, key=lambda rule: rule.area):
        parts.append(f"## {area}\n")
        parts.append("| rule | level | what it checks | the contract's sentence | needs |")
        parts.append("|---|---|---|---|---|")
        for rule in rules:
            needs = ", ".join(need.name.lower().replace("_", "-") for need in rule.needs) or "–"  # noqa: RUF001
            cells = (f"`{rule.id}`", rule.level, rule.summary, rule.sentence, needs)
            parts.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


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
