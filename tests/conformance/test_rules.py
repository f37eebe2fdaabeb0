"""The rules as a set: each stands on the contract, and can be read."""

import re
from pathlib import Path

import pytest

from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.rules import RULES

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("**", "").replace("`", ""))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_sentence_of_a_rule_stands_in_the_contract(rule: Rule):
    """What a rule quotes is the contract's, word for word; an ellipsis leaves words out."""
    contract = _plain(CONTRACT.read_text(encoding="utf-8")).lower()
    for part in re.split(r"\s*…\s*", _plain(rule.sentence)):
        assert part.strip(" .()").lower() in contract


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_can_be_read(rule: Rule):
    """A rule has an id of area and kebab-case name, says what it checks in one line, and names a likely cause."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*/[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert rule.summary.endswith(".")
    assert len(rule.summary) <= 120
    assert rule.hint
    assert rule.examples > 0


def test_rules_come_after_rules_that_there_are():
    """What explains a rule's failure is a rule, and another one."""
    known = {rule.id for rule in RULES}
    for rule in RULES:
        assert set(rule.after) <= known - {rule.id}, rule.id


def test_ids_are_unique_and_areas_together():
    """No id stands twice, and the rules of an area stand side by side."""
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    areas = [rule.area for rule in RULES]
    changes = [area for area, before in zip(areas, ["", *areas], strict=False) if area != before]
    assert len(set(changes)) == len(changes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_id_of_a_rule_leads_to_its_file(rule: Rule):
    """A rule is written in the folder that is called like its area."""
    folder = f"dsync_kit.conformance.rules.{rule.area.replace('-', '_')}."
    assert rule.check.__module__.startswith(folder)
