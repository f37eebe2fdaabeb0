"""The scaffolded MongoDB connector survives the death of its server and its own: nothing is lost, nothing doubled."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from dsync_kit.e2e.ends import served
from dsync_kit.e2e.kills import COPY, UPDATES, Kill
from dsync_kit.e2e.movers import kit_run
from dsync_kit.e2e.results import Result
from dsync_kit.e2e.workload import Amounts
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.targets.resolving import resolve
from tests.e2e.flows import flow

NAMESPACES = ["dsynckit_kills.orders", "dsynckit_kills.customers"]


def run(folder: Path, kills: Sequence[Kill], amounts: Amounts) -> Result:
    """Copy from one server to another and follow the changes, each end in a process, with these kills."""
    connector = str(scaffold(Answers(scheme="mongodb"), output=folder / "mongodb").folder)
    with ExitStack() as stack:
        source, sink = (stack.enter_context(served(resolve(connector))) for _ in range(2))
        mover = kit_run(source, sink, NAMESPACES, folder, copies_only=False)
        return flow((source, sink), mover, NAMESPACES, kills, amounts, seed=13)


def five(victim: str, phase: str) -> list[Kill]:
    """Kills that are spread over a phase."""
    return [Kill(victim, phase, number / 5 + 0.05, 0.2) for number in range(5)]


def assert_survived(result: Result, kills: int) -> None:
    """Every kill came, the source kept what it acknowledged, and the destination holds just that."""
    assert not result.failure, result.failure
    assert len(result.kills) == kills
    assert result.lost.count == 0, result.lost
    assert result.differences.count == 0, result.differences


def test_each_server_is_killed_once_in_the_copy_and_once_in_the_stream(tmp_path: Path) -> None:
    """Nobody has to lend a hand, and both ends are equal."""
    kills = [
        Kill("source's backend", COPY, 0.3, 0.2),
        Kill("destination's backend", COPY, 0.6, 0.2),
        Kill("source's backend", UPDATES, 0.3, 0.2),
        Kill("destination's backend", UPDATES, 0.6, 0.2),
    ]
    assert_survived(run(tmp_path, kills, Amounts(documents=400, calls=40)), len(kills))


@pytest.mark.campaign
@pytest.mark.parametrize("victim", ["source's backend", "destination's backend", "source", "destination"])
def test_five_kills_in_the_copy_and_five_in_the_stream(tmp_path: Path, victim: str) -> None:
    """Of a server, or of the connector."""
    kills = [kill for phase in (COPY, UPDATES) for kill in five(victim, phase)]
    assert_survived(run(tmp_path, kills, Amounts(documents=5_000, calls=200)), len(kills))
