"""The rules as a set: each is based on the contract, and can be read."""

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules import RULES

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("**", "").replace("`", ""))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_sentence_of_a_rule_stands_in_the_contract(rule: Rule):
    """A rule quotes the contract word for word; an ellipsis leaves words out."""
    contract = _plain(CONTRACT.read_text(encoding="utf-8")).lower()
    for part in re.split(r"\s*…\s*", _plain(rule.sentence)):
        assert part.strip(" .()").lower() in contract


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_can_be_read(rule: Rule):
    """Its id is an area and a kebab-case name; it says what it checks in one line, and names a likely cause."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*/[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert rule.summary.endswith(".")
    assert len(rule.summary) <= 120
    assert rule.hint
    assert rule.examples > 0


def test_rules_come_after_rules_that_there_are():
    """`after` names existing rules, and never the rule itself."""
    known = {rule.id for rule in RULES}
    for rule in RULES:
        assert set(rule.after) <= known - {rule.id}, rule.id


def test_ids_are_unique_and_areas_together():
    """No id occurs twice, and the rules of an area are adjacent."""
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    areas = [rule.area for rule in RULES]
    changes = [area for area, before in zip(areas, ["", *areas], strict=False) if area != before]
    assert len(set(changes)) == len(changes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_id_of_a_rule_leads_to_its_file(rule: Rule):
    """A rule is in the folder named like its area."""
    folder = f"dsync_kit.conformance.rules.{rule.area.replace('-', '_')}."
    assert rule.check.__module__.startswith(folder)


ROOT = Path(__file__).parents[2]
AREAS = tuple(dict.fromkeys(rule.area for rule in RULES))
ID = re.compile(rf"(?<![\w./%-])(?:{'|'.join(AREAS)})/[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w./-]|\*)")


MADE_UP = {
    *("info/db-tipe", "info/dbtype", "list/absent"),  # typed wrong
    *("info/warns", "info/x", "stream/ends", "stream/other", "write/large", "write/odd"),  # of runs that never happened
    "info/newer",  # of an edition to come
}
"""Ids that tests name although they are no rules."""


def _named_ids(text: str) -> set[str]:
    """Words that look like a rule's id: an area, a slash, words joined by hyphens; paths of files do not."""
    return {found.rstrip("-") for found in ID.findall(text)}


def _pages() -> list[Path]:
    found = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("kit", "tests", "docs", "skills", "examples", "benchmarks", "template"):
        found += [path for ending in ("*.py", "*.md", "*.jinja") for path in (ROOT / folder).rglob(ending)]
    return sorted(path for path in found if path != Path(__file__))


def test_every_id_that_is_named_is_a_rule():
    """Code, tests and pages name only existing rules, except those that tests make up."""
    known = {rule.id for rule in RULES}
    named = {path.relative_to(ROOT): _named_ids(path.read_text(encoding="utf-8")) for path in _pages()}
    allowed = {path: known | MADE_UP if path.parts[0] == "tests" else known for path in named}
    assert {str(path): ids - allowed[path] for path, ids in named.items() if not ids <= allowed[path]} == {}
    assert known <= set().union(*named.values())
    assert set().union(*named.values()) - known >= MADE_UP


def test_an_id_without_a_rule_is_seen():
    """In code, in a sentence, in a command."""
    assert _named_ids('owner="list/typo", `plan/none-such` and --rule stream/odd') == {
        "list/typo",
        "plan/none-such",
        "stream/odd",
    }
    assert _named_ids("rules/list/listing.py, list/*, errors/writes.py, tests/flow/ends") == set()


@pytest.mark.parametrize("folder", ["calls", "documents", "verdicts", "subject", "case", "running"])
def test_only_results_and_rules_spell_ids(folder: str):
    """The engine names an owner or a kind of evidence, never a rule's id."""
    known = {rule.id for rule in RULES}
    for path in (ROOT / "kit" / "dsync_kit" / "conformance" / folder).rglob("*.py"):
        strings = {node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _is_text(node)}
        assert strings & known == set(), path


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
