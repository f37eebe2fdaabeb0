"""The document archetype: whatever the answers, a connector that is tidy, typed and complete, on a real server."""

from pathlib import Path

import pytest

from dsync_kit.registry import load_folder
from dsync_kit.scaffold.rendering import Answers

from .checks import (
    SHAPES,
    SKIPPED,
    assert_conforms,
    assert_formatted_and_lints_clean,
    assert_no_dead_code,
    assert_no_template_left,
    assert_own_tests_pass,
    assert_typed,
    first_of,
    render_all,
)

TYPES: tuple[tuple[str, ...], ...] = (("bson",), ("json",), ("bson", "json"))
ALL = [
    Answers(
        scheme="mongodb", name=f"{name}_{'_'.join(types)}", data_types=types, source=source, sink=sink, stream=stream
    )
    for name, (source, sink, stream) in SHAPES.items()
    for types in TYPES
]
ALL.append(Answers(scheme="mongodb", name="mongodb"))
ALL.append(Answers(scheme="mongodb+srv", name="atlas"))
ALL.append(
    Answers(scheme="a-scheme.of+thirty-characters-", name="a_name_of_thirty_characters_ab", archetype="document")
)
ANSWERS = {answers.name: answers for answers in ALL}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a connector for each of the answers, each in the folder of its package's name."""
    return render_all(ALL, tmp_path_factory.mktemp("document"))


def test_nothing_of_the_template_is_left(rendered: Path) -> None:
    """No brackets of the template, and no gaps where something was left out."""
    assert_no_template_left(rendered)


def test_code_is_formatted_and_lints_clean(rendered: Path) -> None:
    """By the connector's own configuration: no import, name or argument is left over, whatever was left out."""
    assert_formatted_and_lints_clean(rendered)


def test_code_is_typed(rendered: Path) -> None:
    """mypy --strict has no complaints, not even about the tests."""
    assert_typed(rendered)


@pytest.mark.parametrize("name", ANSWERS)
def test_no_code_is_dead(rendered: Path, name: str) -> None:
    """Each constant, function and class of the connector is used, or exported to other modules in `__all__`."""
    assert_no_dead_code(rendered / f"dsync_connector_{name}")


def test_it_is_read_in_fifteen_minutes(rendered: Path) -> None:
    """No module has more than 220 lines, and all of the connector's code has less than 1,260."""
    folder = rendered / "dsync_connector_mongodb"
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("*.py")}
    assert max(lines.values()) <= 220
    assert sum(lines.values()) < 1_260


def test_it_is_registered_by_its_schemes(rendered: Path) -> None:
    """By both of MongoDB's, whichever was requested, and by any other that was."""
    for name in ("mongodb", "atlas"):
        found = load_folder(rendered / f"dsync_connector_{name}")
        assert found.matches("mongodb://host/db")
        assert found.matches("MongoDB+SRV://host/db")
    other = load_folder(rendered / "dsync_connector_a_name_of_thirty_characters_ab")
    assert other.matches("a-scheme.of+thirty-characters-://host")
    assert not other.matches("mongodb://host")


def test_options_are_those_that_apply(rendered: Path) -> None:
    """Options about reading exist only for a connector that reads."""
    flags = {
        name: [option.flag for option in load_folder(rendered / f"dsync_connector_{name}").settings.options()]
        for name in ("writes_bson", "reads_bson")
    }
    assert flags == {"writes_bson": ["--password"], "reads_bson": ["--page-size", "--partitions", "--password"]}


@pytest.mark.parametrize("name", first_of("both_bson_json", "copies_json", "streams_bson", "writes_bson_json"))
def test_its_own_tests_pass(rendered: Path, name: str) -> None:
    """The tests of its code pass, on the server that its conformance.py starts; a warning is an error."""
    assert_own_tests_pass(rendered / f"dsync_connector_{name}", "tests")


@pytest.mark.parametrize("name", first_of("both_bson_json", "streams_json", "writes_bson_json"))
def test_it_conforms(rendered: Path, name: str, tmp_path: Path) -> None:
    """Rules that need each part of the harness pass where they apply; its own tests and the demonstration run all."""
    assert_conforms(rendered / f"dsync_connector_{name}", skipped=SKIPPED[name], folder=tmp_path)
