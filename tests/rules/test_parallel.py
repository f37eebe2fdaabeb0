"""How many rules run at the same time: as many as were asked for, unless they would disturb each other."""

from dataclasses import replace

import pytest

from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Result
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.running.processes import judging
from dsync_kit.conformance.running.processes.crew import Crew
from dsync_kit.conformance.running.processes.judging import judge_apart
from dsync_kit.conformance.running.processes.messages import Named, Orders
from dsync_kit.server import ConnectorServer

from .fault import SETTINGS
from .typed_connector import TypedConnector
from .typed_tables import TABLES
from .variants_stores import ReadsLag

RULES = ("metadata/count", "list/complete", "write/read-back")
BRIEF = replace(PROFILES["quick"], examples=1)


def judged(connector: type, crew: Crew, *namespaces: str) -> Result:
    """The result of some rules, with a connector that runs behind an address."""
    served = connector(SETTINGS.Settings.parse(["reference://"], {})[0])
    with ConnectorServer(served) as server, crew:
        orders = Orders(Named(f"grpc://{server.address}", insecure=True), BRIEF, 1, rules=RULES, namespaces=namespaces)
        *_, last = judge_apart(orders, crew, str)
    assert isinstance(last, RunFinished)
    assert not last.result.problem
    return last.result


def test_rules_that_write_to_the_same_namespaces_run_one_after_another() -> None:
    """Otherwise each would count and list what the others write; the report says why they don't."""
    crew = Crew(3)
    result = judged(TypedConnector, crew, TABLES[0].namespace)
    assert result.violations() == []
    assert [note for note in result.notes if "one after another, despite --jobs" in note]
    assert crew.members[1].status is not None


def test_where_reads_lag_more_rules_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """They only wait most of the time."""
    monkeypatch.setattr(judging, "_LONG_LAG", 0.1)
    monkeypatch.setattr(judging, "_WAITING", 2)
    crew = Crew()
    assert judged(ReadsLag, crew).violations() == []
    assert len(crew.members) == 2


def test_whoever_asks_for_one_job_gets_one() -> None:
    """No more processes are hired then."""
    with Crew(1) as crew:
        assert crew.hire(3) == []
        assert len(crew.members) == 1
