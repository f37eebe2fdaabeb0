"""A connector is held to the edition that it names; rules of newer editions only warn."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dsync_kit
from dsync_kit.conformance.results.outcome import Finding, Outcome, Result, Status
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.verdicts.consequences import outcomes_of
from dsync_kit.project import editions
from dsync_kit.project.editions import EDITIONS, Edition, edition_for, seed_for
from dsync_kit.registry import packaged_folder
from dsync_kit.usage import UsageError

ROOT = Path(__file__).parents[2]

NEWER = '''
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.results.outcome import Violation


@rule("info/newer", "every connector of the future sings", since="2026.2")
def sings(case: Case) -> None:
    """The connector sings."""
    raise Violation("it does not sing")


RULES = (sings,)
'''


@pytest.fixture(scope="session")
def newer_kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kit with an edition 2026.2, which has one more MUST rule that every connector violates."""
    folder = tmp_path_factory.mktemp("kit")
    package = folder / "dsync_kit"
    shutil.copytree(Path(dsync_kit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "_bundled"))
    names = package / "project" / "editions.py"
    text = names.read_text(encoding="utf-8")
    names.write_text(re.sub(r"(?m)^EDITIONS = .*$", 'EDITIONS = ("2026.1", "2026.2")', text), encoding="utf-8")
    info = package / "conformance" / "rules" / "info"
    (info / "newer.py").write_text(NEWER, encoding="utf-8")
    with (info / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\nfrom dsync_kit.conformance.rules.info import newer\nRULES = (*RULES, *newer.RULES)\n")
    return folder


@pytest.fixture
def connector(tmp_path: Path) -> Path:
    """`/dev/null` in the test's own folder; it names the edition 2026.1."""
    return Path(shutil.copytree(packaged_folder("examples") / "null", tmp_path / "null"))


def verify(kit: Path, connector: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON report of the rules about GetInfo."""
    command = [sys.executable, "-m", "dsync_kit.cli.kit", "verify", str(connector), "--rule", "info/*", *words]
    done = subprocess.run(
        [*command, "--report", "json=report.json", "--report", "markdown=report.md", "--report", "junit=report.xml"],
        cwd=connector.parent,
        env={**os.environ, "PYTHONPATH": str(kit)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (connector.parent / "report.json").is_file(), done.stdout + done.stderr
    return done.returncode, json.loads((connector.parent / "report.json").read_text(encoding="utf-8"))


def test_a_newer_rule_warns(newer_kit: Path, connector: Path) -> None:
    """With a kit that has one more MUST rule, a connector of the older edition stays green, and every report says which
    rule will count, and from which edition."""
    code, report = verify(newer_kit, connector)
    assert code == 0
    assert report["edition"] == {"name": "2026.1", "origin": "as its pyproject.toml says"}
    [newer] = [rule for rule in report["rules"] if rule["id"] == "info/newer"]
    assert (newer["level"], newer["status"], newer["since"], newer["counts_from"]) == (
        *("MUST", "failed", "2026.2", "2026.2"),
    )
    assert "a warning: 1 rule violated that counts from edition 2026.2" in report["verdict"]
    folder = connector.parent
    assert "a warning: counts from edition 2026.2" in (folder / "report.md").read_text(encoding="utf-8")
    assert "<failure" not in (junit := (folder / "report.xml").read_text(encoding="utf-8"))
    assert "a warning: counts from edition 2026.2" in junit


def test_the_latest_edition_counts_all(newer_kit: Path, connector: Path) -> None:
    """`--edition latest` shows what moving on would bring: the same connector is red."""
    code, report = verify(newer_kit, connector, "--edition", "latest")
    assert code == 1
    assert report["edition"]["name"] == "2026.2"
    assert report["verdict"].startswith("not conformant: 1 MUST rule violated; ")


def test_a_connector_without_an_edition_is_held_to_the_latest(newer_kit: Path, connector: Path) -> None:
    """If its pyproject.toml names none, all rules count, and the report says why."""
    (connector / "pyproject.toml").write_text(
        (connector / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.dsync-kit]")[0], encoding="utf-8"
    )
    code, report = verify(newer_kit, connector)
    assert code == 1
    assert report["edition"] == {"name": "2026.2", "origin": "the latest: its pyproject.toml names none"}


def test_an_unknown_edition(tmp_path: Path) -> None:
    """The error says where the edition is named, and which ones exist."""
    (tmp_path / "pyproject.toml").write_text('[tool.dsync-kit]\nedition = "2031.7"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject\.toml: there is no edition '2031\.7': expected '2026\.1'"):
        edition_for(tmp_path)
    with pytest.raises(UsageError, match=r"--edition: there is no edition 'x'"):
        edition_for(tmp_path, "x")
    (tmp_path / "pyproject.toml").write_text("[tool.dsync-kit]\nedition = 2026.1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"no edition 2026\.1: expected the text"):
        edition_for(tmp_path)


def test_what_has_no_folder_is_held_to_the_latest() -> None:
    """An address names no edition, unless the user does."""
    assert edition_for(None).name == EDITIONS[-1]
    assert edition_for(None, EDITIONS[0]).name == EDITIONS[0]


def test_the_seed_of_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same wherever the connector's folder is, and differs between connectors, and between editions."""
    monkeypatch.setattr(editions, "EDITIONS", ("2026.1", "2026.2"))
    for place, name in (("a/x", "s3"), ("b", "s3"), ("c", "pg")):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        points = f'[project.entry-points."dsync.connectors"]\n{name} = "p.registration:CONNECTOR"\n'
        (folder / "pyproject.toml").write_text(points, encoding="utf-8")
    seed = seed_for(tmp_path / "a/x", Edition("2026.1"))
    assert seed == seed_for(tmp_path / "b", Edition("2026.1"))
    assert seed != seed_for(tmp_path / "c", Edition("2026.1"))
    assert seed != seed_for(tmp_path / "b", Edition("2026.2"))


RULES = (
    RuleInfo("a/old", Level.MUST, "", after=("a/new",)),
    RuleInfo("a/new", Level.MUST, "", since="2026.2"),
    RuleInfo("a/newest", Level.SHOULD, "", since="2026.2"),
)


def _outcomes(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> dict[str, Outcome]:
    monkeypatch.setattr(editions, "EDITIONS", ("2026.1", "2026.2"))
    return {found.rule: found for found in outcomes_of(findings, RULES, Terms(Edition("2026.1")))}


def test_a_newer_rule_hides_no_failure_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that counts is not folded under a warning: it would vanish from the report, but fail the run."""
    new, old = (Finding(name, Level.MUST, Status.FAILED) for name in ("a/new", "a/old"))
    found = _outcomes(monkeypatch, new, old)
    assert (found["a/old"].cause, found["a/old"].counts_from) == ("", "")
    assert found["a/new"].counts_from == "2026.2"


def test_what_a_newer_rule_owns_warns_wherever_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an older rule notices a violation that a newer one owns, it still only warns."""
    new = Finding("a/new", Level.MUST, Status.FAILED)
    old = Finding("a/old", Level.MUST, Status.FAILED, owner="a/new")
    found = _outcomes(monkeypatch, new, old)
    assert (found["a/old"].cause, found["a/old"].counts_from) == ("a/new", "2026.2")
    assert Result("t", "d", 1, "quick", tuple(found.values()), 1.0).violations() == []


def test_strict_does_not_count_newer_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--strict` counts only the SHOULD rules of the connector's edition."""
    found = _outcomes(monkeypatch, Finding("a/newest", Level.SHOULD, Status.FAILED))
    assert Result("t", "d", 1, "quick", tuple(found.values()), 1.0, strict=True).violations() == []


def test_the_template_names_the_newest_edition() -> None:
    """A new connector is held to the newest edition; a later template changes its line, and so does an update."""
    template = (packaged_folder("template") / "shared" / "pyproject.toml.jinja").read_text(encoding="utf-8")
    assert f'\n[tool.dsync-kit]\nedition = "{EDITIONS[-1]}"\n' in template


@pytest.fixture
def tool() -> ModuleType:
    """tools/editions.py as a module."""
    spec = importlib.util.spec_from_file_location("editions_tool", ROOT / "tools" / "editions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_frozen_editions_are_as_they_were(tool: ModuleType) -> None:
    """No rule joined, left or moved within a frozen edition."""
    frozen = json.loads((ROOT / "tools" / "editions.json").read_text(encoding="utf-8"))
    assert list(tool.problems(frozen)) == []


def test_a_frozen_edition_cannot_change_silently(tool: ModuleType) -> None:
    """A rule that joins, leaves or becomes a MUST is noticed; a newer edition may have more and stricter rules."""
    both = ("2026.1", "2026.2")
    frozen = {"2026.1": {"a/must": "MUST", "a/should": "SHOULD"}}
    must, should = RuleInfo("a/must", Level.MUST, ""), RuleInfo("a/should", Level.SHOULD, "")
    joined, moved = RuleInfo("a/joined", Level.MUST, ""), RuleInfo("a/should", Level.MUST, "")
    later = RuleInfo("a/joined", Level.MUST, "", since="2026.2")
    promoted = RuleInfo("a/should", Level.MUST, "", since="2026.2")
    assert list(tool.problems(frozen, (must, should), both)) == []
    assert list(tool.problems(frozen, (must, promoted, later), both)) == []
    [new] = tool.problems(frozen, (must, should, joined), both)
    assert new == 'a/joined is new, and edition 2026.1 is frozen: give the rule since="2026.2"'
    [gone] = tool.problems(frozen, (should,), both)
    assert gone.startswith("a/must is part of the frozen edition 2026.1")
    [stricter] = tool.problems(frozen, (must, moved), both)
    assert stricter.startswith("a/should is a MUST, but a SHOULD in the frozen edition 2026.1")
