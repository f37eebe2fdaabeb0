"""The blank archetype: whatever the answers, a connector that works, is tidy, and says what to replace."""

import re
from pathlib import Path

import pytest

from dsync_kit.registry import load_folder
from dsync_kit.scaffold.rendering import Answers, scaffold

from .checks import (
    SHAPES,
    assert_all_own_tests_pass,
    assert_formatted_and_lints_clean,
    assert_no_template_left,
    assert_own_tests_pass,
    assert_typed,
    render_all,
    statuses,
)

TYPES: tuple[tuple[str, ...], ...] = (("bson",), ("json",), ("bson", "json"), ("json", "bson"))
ALL = [
    Answers(scheme=name, name=f"{name}_{'_'.join(types)}", data_types=types, source=source, sink=sink, stream=stream)
    for name, (source, sink, stream) in SHAPES.items()
    for types in TYPES
]
ALL.append(Answers(scheme="a-scheme.of+thirty-characters-", name="a_name_of_thirty_characters_ab"))
ALL.append(Answers(scheme="X", name="x"))
ANSWERS = {answers.name: answers for answers in ALL}
# Each shape once, and each choice of types.
SOME = ("both_bson_json", "copies_json", "streams_json_bson", "reads_bson", "writes_bson_json", "x")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a connector for each of the answers, each in the folder of its package's name."""
    return render_all(ALL, tmp_path_factory.mktemp("blank"))


def test_nothing_of_the_template_is_left(rendered: Path) -> None:
    """No brackets of the template in any file or name, and one newline at the end of each file."""
    assert_no_template_left(rendered)


def test_code_is_formatted_and_lints_clean(rendered: Path) -> None:
    """By the connector's own configuration."""
    assert_formatted_and_lints_clean(rendered)


def test_code_is_typed(rendered: Path) -> None:
    """mypy --strict has no complaints, not even about the tests."""
    assert_typed(rendered)


def test_its_own_tests_pass(rendered: Path) -> None:
    """The tests of its code pass; a warning is an error."""
    assert_own_tests_pass(rendered / f"dsync_connector_{SOME[0]}")


def test_the_tests_of_all_shapes_pass(rendered: Path) -> None:
    """For each shape, and each choice of types."""
    assert_all_own_tests_pass(rendered / f"dsync_connector_{name}" for name in SOME[1:])


@pytest.mark.parametrize("name", ["both_bson_json", "streams_json_bson", "writes_bson_json"])
def test_it_conforms(rendered: Path, name: str, tmp_path: Path) -> None:
    """Rules that need each part of the harness pass where they apply; the connector's own tests run them all."""
    asked = {"plan/self-contained", "list/complete", "write/read-back", "stream/from-plan", "durability/write-data"}
    kept = {"streams_json_bson": {"write", "durability"}, "writes_bson_json": {"plan", "list", "stream"}}
    found = statuses(rendered / f"dsync_connector_{name}", asked, tmp_path)
    skipped = {rule for rule in asked if rule.partition("/")[0] in kept.get(name, ())}
    assert found == {rule: "skipped" if rule in skipped else "passed" for rule in asked}


def marked(path: Path) -> list[str]:
    """The marked functions of a file, in order."""
    return re.findall(r"# REPLACE: .*\n(?:\s*@.*\n)?\s*def (\w+)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_readme_lists_what_is_to_be_replaced(rendered: Path, name: str) -> None:
    """It lists exactly the marked methods, those of connector.py in their order there."""
    folder = rendered / f"dsync_connector_{name}"
    table = (folder / "README.md").read_text(encoding="utf-8").partition("| Step |")[2].partition("\n\n")[0]
    places = [line.split("|")[2] for line in table.splitlines()[2:]]
    in_harness = [place.partition(":")[2] for place in places if "`conformance.py`" in place]
    in_connector = [place for place in places if "`conformance.py`" not in place]
    listed = re.findall(r"`(?:Settings\.)?(\w+)`", " ".join(in_connector))
    assert listed == marked(folder / "connector.py")
    assert set(re.findall(r"`(\w+)`", " ".join(in_harness))) == {*marked(folder / "conformance.py"), "outage"}
    steps = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert [step for step in steps if step] == [str(number) for number in range(1, len(set(steps) - {""}) + 1)]


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_small(rendered: Path, name: str) -> None:
    """There is one file to edit, readable in ten minutes, and few others beside it."""
    folder = rendered / f"dsync_connector_{name}"
    made = scaffold(ANSWERS[name], output=folder, force=True, dry_run=True)
    assert len([path for path in made.files if path.parts[0] != "test_data"]) <= 12
    assert len((folder / "connector.py").read_text(encoding="utf-8").splitlines()) <= 280


@pytest.mark.parametrize("name", ANSWERS)
def test_no_code_is_dead(rendered: Path, name: str) -> None:
    """Whatever was left out, each constant and helper of connector.py is used."""
    code = (rendered / f"dsync_connector_{name}" / "connector.py").read_text(encoding="utf-8")
    defined = re.findall(r"^(_[A-Z]+)\b.* =|def (_[a-z]\w*)", code, re.MULTILINE)
    for helper in {constant or function for constant, function in defined}:
        assert len(re.findall(rf"\b{helper}\b", code)) > 1, helper


def test_each_type_of_document_has_its_test_data(rendered: Path) -> None:
    """There is no test data of types that the connector does not accept."""
    for name, answers in ANSWERS.items():
        data = rendered / f"dsync_connector_{name}" / "test_data"
        extensions = {path.suffix for path in data.rglob("*") if path.is_file()} - {".txt", ".base64"}
        assert extensions == {
            {"bson": ".ejsonl", "json": ".jsonl"}[kind] for kind in answers.data_types or ("bson", "json")
        }


def test_it_is_registered_by_its_scheme(rendered: Path) -> None:
    """The scheme ignores case, and its options match its abilities."""
    found = load_folder(rendered / "dsync_connector_x")
    assert found.name == "x"
    assert found.matches("X:///tmp/data.db")
    assert found.matches("x:///tmp/data.db")
    assert [option.flag for option in found.settings.options()] == ["--page-size", "--partitions"]
    assert load_folder(rendered / "dsync_connector_writes_bson").settings.options() == []
