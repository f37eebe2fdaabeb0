"""`dsync-new adopt` finds out what a connector was made from, adds what is missing, and changes nothing else."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dsync_kit.scaffold.rendering import Answers, scaffold

from .conftest import NEW, OLD, commit, git, replaced, tree
from .test_update import better_readme

Kit = Callable[..., None]
Run = Callable[..., int]
Out = pytest.CaptureFixture[str]

ANSWERS = ".copier-answers.yml"


def answers(folder: Path) -> dict[str, object]:
    """The answers in a folder's file, and its release."""
    fields = yaml.safe_load((folder / ANSWERS).read_text())
    return {name: value for name, value in fields.items() if name == "_commit" or not name.startswith("_")}


def test_a_connector_that_lost_its_answers_file(
    repository: Path, demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """Its release and answers are found, missing files except code come back, and it can be updated."""
    known = answers(demo)
    (demo / ANSWERS).unlink()
    (demo / "tests" / "test_connector.py").unlink()
    (demo / "test_data" / "edge" / "empty.jsonl").unlink()
    replaced(demo / "connector.py", "import sqlite3", "import json\nimport sqlite3")
    before = tree(demo)

    def edit(template: Path) -> None:
        better_readme(template)
        replaced(template / "blank" / "connector.py.jinja", "import sqlite3", "import os\nimport sqlite3")

    kit(edit)
    assert dsync_new("adopt", "connectors/demo", "--archetype", "blank", "--dry-run") == 0
    assert tree(demo) == before
    assert dsync_new("adopt", "connectors/demo") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"connectors/demo was made from the archetype blank of {OLD} (") for line in lines)
    after = tree(demo)
    assert set(after) - set(before) == {ANSWERS, "test_data/edge/empty.jsonl"}
    assert before.items() <= after.items()
    assert answers(demo) == known

    commit(repository)
    assert dsync_new("update") == 1
    assert "CONFLICT   connector.py" in capsys.readouterr().out
    assert b"rely on all of it" in (demo / "README.md").read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        Answers(scheme="zz", name="other", source=False, data_types=("json",), ci="github"),
        Answers(scheme="gs", data_types=("bson",)),
    ],
)
def test_the_answers_are_found_out(dsync_new: Run, tmp_path: Path, made: Answers) -> None:
    """Archetype, abilities, data types, workflow."""
    folder = scaffold(made, output=tmp_path / "made").folder
    known = answers(folder)
    (folder / ANSWERS).unlink()
    assert dsync_new("adopt", str(folder)) == 0
    assert answers(folder) == known


@pytest.fixture
def by_hand(repository: Path) -> Path:
    """A connector written by hand, with one file that the template also has."""
    folder = repository / "connectors" / "mine"
    (folder / "tests").mkdir(parents=True)
    (folder / "README.md").write_text("# Mine\n\nAll of this is mine.\n")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\n\n'
        '[project.entry-points."dsync.connectors"]\nmine = "mine.registration:CONNECTOR"\n'
    )
    (folder / "registration.py").write_text(
        "from dsync_kit.registry import RegisteredConnector\n\nfrom .impl import MineConnector, Settings\n\n"
        'CONNECTOR = RegisteredConnector(\n    name="mine", schemes=("mine", "my"), settings=Settings,\n'
        '    create=MineConnector, usage="mine://HOST"\n)\n'
    )
    (folder / "impl.py").write_text(
        "from dsync_kit.connector import Connector\nfrom dsync_kit.settings import ConnectorSettings\n\n\n"
        "class Settings(ConnectorSettings):\n    host: str\n\n\nclass MineConnector(Connector):\n    pass\n"
    )
    (folder / "tests" / "test_impl.py").write_text("def test_impl() -> None:\n    assert True\n")
    commit(repository)
    return folder


def test_a_connector_that_was_written_by_hand(
    repository: Path, by_hand: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """It gets the files that all connectors share, no code, and no text about another one. So do updates."""
    before = tree(by_hand)
    kit(better_readme, "1.0.0")
    assert dsync_new("adopt", "connectors/mine") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "connectors/mine was written by hand: updates will leave its code alone"
    assert "  yours  *.py: updates leave it alone" in lines
    after = tree(by_hand)
    assert before.items() <= after.items()
    added = set(after) - set(before)
    assert {ANSWERS, ".gitignore", "test_data/valid/documents.jsonl"} <= added
    assert {path for path in added if path.endswith(".py")} <= {"__init__.py", "tests/conftest.py"}
    assert (answers(by_hand)["scheme"], answers(by_hand)["name"]) == ("mine", "mine")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=by_hand, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    git(repository, "clean", "-qxdf", "--exclude", "*.*")
    commit(repository)

    def edit(template: Path) -> None:
        better_readme(template)
        (template / "blank" / "more.py.jinja").write_text("MORE = 1\n")
        with (template / "shared" / "gitignore.jinja").open("a") as file:
            file.write("*.tmp\n")

    kit(edit, NEW)
    before = tree(by_hand)
    assert dsync_new("update", "connectors/mine") == 0
    after = tree(by_hand)
    assert set(after) == set(before)
    assert {path for path in after if after[path] != before[path]} == {ANSWERS, ".gitignore"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("connectors/demo", "connectors/demo has its .copier-answers.yml already: `dsync-new update`"),
        ("connectors", "connectors is not a connector's folder: it has no registration.py"),
        ("absent", "absent is not a folder"),
        (
            "connectors/mine",
            "registration.py does not say the scheme of its URIs in a way that can be read: give --sch",
        ),
        ("connectors/mine --scheme mine --archetype absent", "there is no archetype 'absent'"),
        ("connectors/mine --scheme 3", "'3' is not a URI scheme"),
    ],
)
def test_what_cannot_be_adopted(
    by_hand: Path, repository: Path, dsync_new: Run, capsys: Out, words: str, message: str
) -> None:
    """The error has the reason; none of the connector's code is run, and nothing changes."""
    (by_hand / "registration.py").write_text("raise SystemExit('it runs')\n")
    before = tree(repository)
    assert dsync_new("adopt", *words.split()) == 2
    assert message in capsys.readouterr().err
    assert tree(repository) == before
