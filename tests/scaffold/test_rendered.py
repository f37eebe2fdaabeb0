"""Rendered connectors are complete, formatted, linted and typed; they hold nothing of this machine, and their tests
pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dsync_kit.conformance.results.events import RunFinished
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.rules import RULES
from dsync_kit.conformance.running.engine import run
from dsync_kit.conformance.running.options import RunOptions, select
from dsync_kit.registry import load_folder
from dsync_kit.scaffold.releases import current_version
from dsync_kit.scaffold.rendering import Answers
from dsync_kit.targets.resolving import resolve

from .checks import assert_all_own_tests_pass, assert_formatted_and_lints_clean, assert_own_tests_pass, assert_typed
from .checks import run as run_module
from .conftest import ANSWERS

Render = Callable[[Answers], Path]

FILES = (
    *(".copier-answers.yml", ".gitignore", "README.md", "pyproject.toml"),
    *("__init__.py", "conformance.py", "connector.py", "registration.py"),
    *("tests/conftest.py", "tests/test_conformance.py", "tests/test_connector.py"),
    "test_data/edge/nested-namespaces.txt",
)
DATA = ("valid/documents", "edge/empty", "edge/single", "edge/special-characters", "invalid/missing-id")
EXTENSIONS = {"bson": "ejsonl", "json": "jsonl"}

every_answer = pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: answers.name or answers.scheme)


@every_answer
def test_every_file_is_there(rendered: Render, answers: Answers) -> None:
    """The files that every connector has, and test data only of its document types."""
    folder = rendered(answers)
    assert [name for name in FILES if not (folder / name).is_file()] == []
    for data_type, extension in EXTENSIONS.items():
        found = {(folder / "test_data" / f"{name}.{extension}").is_file() for name in DATA}
        assert found == {data_type in (answers.data_types or EXTENSIONS)}
    assert not [path for path in folder.rglob("*") if path.suffix == ".jinja" or "{" in path.name or "%" in path.name]


@every_answer
def test_nothing_of_the_template_or_the_machine_is_left(rendered: Render, answers: Answers) -> None:
    """There are no template brackets, and no path of this machine."""
    here = (str(Path.home()), str(Path(__file__).parents[2]), str(rendered(answers).parent), "{%", "%}", "{{ ")
    for path in rendered(answers).rglob("*"):
        if path.is_file() and path.suffix not in (".pyc", ".ejsonl", ".jsonl"):
            text = path.read_text(encoding="utf-8")
            assert [word for word in here if word in text] == [], path.name
            assert not text or text.endswith("\n"), path.name
            assert not text.endswith("\n\n"), path.name


def test_the_answers_are_kept(rendered: Render) -> None:
    """With the origin of the template and its version, as an update needs them."""
    answers = yaml.safe_load((rendered(ANSWERS[3]) / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers == {
        "_src_path": "https://dsync-kit.invalid/template.git",
        "_commit": f"v{current_version()}",
        "_folder": "dsync_connector_file",
        "_checksum": answers["_checksum"],
        "scheme": "file",
        "name": "file",
        "archetype": "object-store",
        "data_types": ["json", "bson"],
        "ci": "none",
    }


def test_code_is_formatted_and_lints_clean(rendered: Render) -> None:
    """By the connector's own configuration."""
    (root,) = {rendered(answers).parent for answers in ANSWERS}
    assert_formatted_and_lints_clean(root)


def test_code_is_typed(rendered: Render) -> None:
    """mypy --strict has no complaints, not even about the tests."""
    (root,) = {rendered(answers).parent for answers in ANSWERS}
    assert_typed(root)


def test_its_own_tests_pass(rendered: Render) -> None:
    """Those that need no server pass; a warning is an error."""
    assert_own_tests_pass(rendered(ANSWERS[0]), "tests")


def test_the_tests_of_the_others_pass(rendered: Render) -> None:
    """For each object store, and each choice of types."""
    assert_all_own_tests_pass(rendered(answers) for answers in ANSWERS[1:])


@every_answer
def test_a_folder_is_a_connector_without_being_installed(rendered: Render, answers: Answers) -> None:
    """It has the requested name and scheme."""
    connector = load_folder(rendered(answers))
    assert connector.name == (answers.name or answers.scheme)
    assert connector.schemes == (answers.scheme,)
    assert connector.matches(f"{answers.scheme}://bucket/prefix")


def test_it_is_conformant(rendered: Render) -> None:
    """From the first minute, the kit finds nothing wrong with a few examples of each rule. (The demonstration has more
    of them, of all rules, on a real server.)"""
    areas = ("info", "plan", "list", "metadata", "write", "updates", "encoding", "errors", "lifecycle", "packaging")
    few = replace(PROFILES["quick"], examples=4)
    options = RunOptions(rules=select(RULES, [f"{area}/*" for area in areas]), profile=few, seed=1)
    *_, finished = run(resolve(str(rendered(ANSWERS[4]))), options)
    assert isinstance(finished, RunFinished)
    assert not finished.result.problem
    assert [outcome for outcome in finished.result.outcomes if outcome.violated] == []
    assert sum(outcome.status is Status.PASSED for outcome in finished.result.outcomes) > 100


@pytest.mark.campaign
def test_it_conforms_to_all_rules(rendered: Render) -> None:
    """Those that kill it, and those that explore, too."""
    folder = rendered(ANSWERS[4])
    run_module("dsync_kit.cli.kit", "verify", folder, "--profile", "quick", "--seed", "1", cwd=folder.parent)
