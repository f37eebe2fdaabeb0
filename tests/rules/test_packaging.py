"""The rules on packages find nothing wrong with rendered and bundled connectors."""

from pathlib import Path

import pytest

from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Result, Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions, select
from dsync_kit.registry import packaged_folder
from dsync_kit.scaffold.rendering import Answers, scaffold
from dsync_kit.targets.resolving import resolve
from dsync_kit.targets.target import Target

PACKAGING = select(RULES, ["packaging/*"])


def judged(target: Target) -> Result:
    """The outcomes of the area's rules for a target."""
    [finished] = [
        event for event in run(target, RunOptions(PACKAGING, PROFILES["quick"], 1)) if type(event) is RunFinished
    ]
    return finished.result


@pytest.mark.parametrize(
    "answers",
    [
        Answers(scheme="file", data_types=("bson",)),
        Answers(scheme="memory"),
        Answers(scheme="s3"),
        Answers(scheme="whole"),
        Answers(scheme="reader", sink=False, data_types=("json",)),
        Answers(scheme="writer", source=False),
    ],
    ids=lambda answers: answers.scheme,
)
def test_what_is_rendered_keeps_every_rule(answers: Answers, tmp_path: Path) -> None:
    """Each rule is exercised, and passes; a sink without options declines the rules about options."""
    result = judged(resolve(str(scaffold(answers, output=tmp_path / "made").folder)))
    assert result.problem == ""
    others = {outcome.rule: outcome.reason for outcome in result.outcomes if outcome.status is not Status.PASSED}
    declined = ("packaging/help", "packaging/secrets") if answers.source is False else ()
    assert others == dict.fromkeys(declined, "it has no options")


@pytest.mark.parametrize("name", ["null", "random", "reference"])
def test_the_examples_keep_every_rule(name: str) -> None:
    """Only test data is declined, by connectors that return no documents."""
    result = judged(resolve(str(packaged_folder("examples") / name)))
    others = {outcome.rule: outcome.reason for outcome in result.outcomes if outcome.status is not Status.PASSED}
    reason = "no document can be written and read back, so it needs no test data"
    assert others == ({} if name == "reference" else {"packaging/test-data": reason})


def test_what_is_not_a_folder_is_skipped_with_a_reason() -> None:
    """No rule of the area is left out without a reason."""
    result = judged(resolve("reference://"))
    assert {outcome.status for outcome in result.outcomes} == {Status.SKIPPED}
    assert len(result.outcomes) == len(PACKAGING)
    assert {outcome.reason for outcome in result.outcomes} == {
        "it is not a folder: only a connector's folder can be checked as a package"
    }


def test_invalid_documents_may_be_any_bytes(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are invalid, too; a file with an unknown extension is noted."""
    folder = scaffold(Answers(scheme="memory"), output=tmp_path / "made").folder
    for name in ("latin.jsonl", "latin.ejsonl", "notes.doc"):
        (folder / "test_data" / "invalid" / name).write_bytes(b'{"id": 1, "_id": 1, "name": "caf\xe9"}\r\n')
    result = judged(resolve(str(folder)))
    [outcome] = [outcome for outcome in result.outcomes if outcome.rule == "packaging/test-data"]
    assert outcome.status is Status.PASSED
    assert [note for note in outcome.notes if note.startswith("notes.doc was ignored")]


@pytest.mark.parametrize(("given", "status"), [((), Status.FAILED), (("other.table",), Status.SKIPPED)])
def test_the_id_of_tables_made_beforehand_is_judged(given: tuple[str, ...], status: Status, tmp_path: Path) -> None:
    """A second scratch area has the namespaces that conformance.py names, but perhaps not those that a user names."""
    folder = scaffold(Answers(scheme="tables"), output=tmp_path / "tables").folder
    connector, conformance = folder / "connector.py", folder / "conformance.py"
    connector.write_text(connector.read_text().replace("return str(found)", 'return "tables"'))
    named = '    namespaces = ("main.people",)\n\n    _folder: Path'
    conformance.write_text(conformance.read_text().replace("    _folder: Path", named, 1))
    options = RunOptions(select(RULES, ["identity/other-data"]), PROFILES["quick"], 1, namespaces=given)
    [finished] = [event for event in run(resolve(str(folder)), options) if type(event) is RunFinished]
    (outcome,) = finished.result.outcomes
    assert outcome.status is status
