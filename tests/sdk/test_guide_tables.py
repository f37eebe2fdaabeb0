"""The guide to a connector for tables: its connector and tables are verified exactly as printed."""

import re
from pathlib import Path

import pytest

from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Result, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions, select
from dsync_kit.targets.resolving import resolve

GUIDE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
JUDGED = ("write/r*", "updates/delete*", "updates/partial", "schema/*", "list/complete", "durability/*", "identity/*")


def judged(folder: Path, connector: str) -> Result:
    """The outcomes for a connector in a folder of its own, with the guide's tables."""
    _, conformance = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (folder / "registration.py").write_text(connector, encoding="utf-8")
    (folder / "conformance.py").write_text(conformance, encoding="utf-8")
    events = run(resolve(str(folder)), RunOptions(select(RULES, JUDGED), PROFILES["quick"], 1))
    [finished] = [event for event in events if isinstance(event, RunFinished)]
    assert finished.result.problem == ""
    return finished.result


@pytest.fixture
def connector() -> str:
    """The connector's code."""
    code, _ = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    return code


def test_the_connector_keeps_or_refuses_every_document(tmp_path: Path, connector: str) -> None:
    """No rule fails, and those that are about tables pass."""
    outcomes = {outcome.rule: outcome for outcome in judged(tmp_path, connector).outcomes}
    assert [rule for rule, outcome in outcomes.items() if outcome.violated] == []
    for rule in ("write/read-back", "schema/other-type", "schema/other-ids", "durability/write-data"):
        assert outcomes[rule].status is Status.PASSED, outcomes[rule].reason


def test_without_reading_rows_back_it_changes_values(tmp_path: Path, connector: str) -> None:
    """The protection that the guide describes is what makes the connector conformant."""
    comparison = "if kept is None or not same_document(kept.data, document.data, BSON):"
    assert comparison in connector
    failed = [outcome.rule for outcome in judged(tmp_path, connector.replace(comparison, "if False:")).violations()]
    assert "schema/other-type" in failed
