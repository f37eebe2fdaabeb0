"""`--against REF`: two versions of a connector, each in its own process, one after the other on the same store."""

import json
from typing import Any

import pytest

from .conftest import Command, Repository

ONLY = ("--against", "HEAD", "--rule", "against/*", "--profile", "quick")


MEMORY = """
from dsync_kit.testing import Harness


class Memory(Harness):
    def start(self):
        return ["reference://"]

    def stop(self):
        pass


HARNESS = Memory
"""


@pytest.fixture
def connector(repository: Repository) -> Repository:
    """A repository with a copy of the reference connector, committed."""
    repository.copy("reference", "connectors/ref")
    repository.commit()
    return repository


def verify(dsync_kit: Command, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the rules of the JSON report."""
    done = dsync_kit("verify", "connectors/ref", *ONLY, "--report", "json=-", *words)
    assert done.stdout, done.stderr
    return done.returncode, {rule["id"]: rule for rule in json.loads(done.stdout)["rules"]}


@pytest.mark.usefixtures("connector")
def test_an_unchanged_connector_goes_on(dsync_kit: Command) -> None:
    """The earlier version writes, plans, lists and streams; the same code reads everything. Every rule has checked."""
    code, rules = verify(dsync_kit)
    assert code == 0
    assert {rule["status"] for rule in rules.values()} == {"passed"}


@pytest.mark.campaign
def test_a_changed_cursor_is_seen(dsync_kit: Command, connector: Repository) -> None:
    """Renaming a field of the update cursor loses every running stream: only `against/stream` sees that."""
    for name in ("cursors.py", "connector.py"):
        path = connector.folder / "connectors/ref" / name
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace("    sequence: int\n", "    number: int\n", 1)
            if name == "cursors.py"
            else text.replace("cursor.sequence", "cursor.number").replace(", sequence=sequence)", ", number=sequence)"),
            encoding="utf-8",
        )
    code, rules = verify(dsync_kit)
    assert code == 1
    assert rules["against/stream"]["status"] == "failed"
    assert {name for name, rule in rules.items() if rule["status"] != "passed"} == {"against/stream"}


@pytest.mark.campaign
def test_a_store_in_memory_cannot_be_compared(dsync_kit: Command, connector: Repository) -> None:
    """If the data is lost with the process, the rules are not exercised, and say why."""
    connector.write("connectors/ref/conformance.py", MEMORY)
    _, rules = verify(dsync_kit)
    assert {rule["status"] for rule in rules.values()} == {"not-exercised"}
    assert rules["against/plan"]["reason"] == "its data is lost with its process, so versions cannot be compared"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("connectors/ref", "--against", "nowhere"),
            "there is no commit 'nowhere' in the repository of connectors/ref",
        ),
        (("connectors/new", "--against", "HEAD"), "connectors/new is not a connector in HEAD"),
        (("grpc://127.0.0.1:1", "--against", "HEAD"), "--against needs a connector's folder in a git repository"),
    ],
)
def test_nothing_to_compare_with(
    dsync_kit: Command, connector: Repository, words: tuple[str, ...], message: str
) -> None:
    """A ref that is not a commit, a folder that did not exist yet, and an address are wrong usage."""
    connector.working_connector("connectors/new")
    done = dsync_kit("verify", *words)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_gate_compares_what_was_there(dsync_kit: Command, connector: Repository) -> None:
    """`ci --against` judges a new connector by itself, and the others against their earlier version."""
    connector.working_connector("connectors/new")
    connector.write("connectors/ref/more.txt")
    done = dsync_kit("ci", "--base", "HEAD", *ONLY, "--rule", "info/db-type", "--report", "json={name}.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {
        name: json.loads((connector.folder / f"connectors-{name}.json").read_text(encoding="utf-8"))["counts"]
        for name in ("new", "ref")
    }
    assert (found["new"]["passed"], found["new"]["skipped"]) == (1, 6)
    assert (found["ref"]["passed"], found["ref"]["skipped"]) == (7, 0)
