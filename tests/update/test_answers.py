"""The answers file decides what an update does; if it cannot be trusted, nothing is guessed."""

import os
import pty
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsync_kit.scaffold import migrations, releases
from dsync_kit.scaffold.migrations import MIGRATIONS, Migration

from .conftest import NEW, commit, replaced, tree

Kit = Callable[..., None]
Run = Callable[..., int]
Out = pytest.CaptureFixture[str]

ANSWERS = ".copier-answers.yml"


def rewrite(demo: Path, **changes: object) -> None:
    """Write the answers file as version 0.1.0 did, without a checksum, and with changes; None removes a field."""
    fields = yaml.safe_load((demo / ANSWERS).read_text()) | {"_checksum": None} | changes
    (demo / ANSWERS).write_text(yaml.safe_dump({name: value for name, value in fields.items() if value is not None}))
    commit(demo)


def asked_for(template: Path) -> None:
    """A release with a new question, whose answer is in the README."""
    with (template / "copier.yml").open("a") as file:
        file.write("\nowner:\n  type: str\n  help: Who owns it?\n  default: nobody\n")
    with (template / "blank" / "README.md.jinja").open("a") as file:
        file.write("\n## Owner\n\nIt belongs to {{ owner }}.\n")


def test_a_new_question_takes_its_default_where_none_can_be_asked(demo: Path, kit: Kit, dsync_new: Run) -> None:
    """The answer is saved; given answers are not asked for again."""
    kit(asked_for)
    assert dsync_new("update", "--defaults") == 0
    assert (demo / "README.md").read_text().endswith("It belongs to nobody.\n")
    answers = yaml.safe_load((demo / ANSWERS).read_text())
    assert (answers["owner"], answers["scheme"], answers["stream"]) == ("nobody", "demo", True)


def test_a_new_question_is_asked_on_a_terminal(demo: Path, kit: Kit, bundle: Path, tmp_path: Path) -> None:
    """Only that one; the answer is saved, and in the files."""
    kit(asked_for)
    code = (
        "from pathlib import Path; from dsync_kit.cli import new; from dsync_kit.scaffold import releases\n"
        f"releases.BUNDLE, releases.__version__ = Path({str(bundle)!r}), {NEW!r}\n"
        f"releases.packaged_folder = Path({str(tmp_path)!r}).joinpath\n"
        "import sys; sys.argv = ['dsync-new', 'update']; new.main()"
    )
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606
    shown, typed = b"", False
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if b"Who owns it?" in shown and not typed:
            os.write(terminal, b" but us\r")
            typed = True
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, shown.decode()
    assert b"scheme of the connector's URIs" not in shown
    assert yaml.safe_load((demo / ANSWERS).read_text())["owner"] == "nobody but us"
    assert (demo / "README.md").read_text().endswith("It belongs to nobody but us.\n")


@pytest.fixture
def two_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newer release's migrations: two moved files and a changed answer; and one that the connector has had."""

    def newest_first(answers: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**answers, "data_types": "all" if len(answers["data_types"]) == 2 else answers["data_types"]}

    def fail(answers: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError(f"the connector is newer than this: {answers}")

    monkeypatch.setattr(
        migrations,
        "MIGRATIONS",
        (
            Migration(number=1, release="1.0.0", summary="long ago", answers=fail),
            Migration(number=2, release=NEW, summary="data types in a word", answers=newest_first),
            Migration(
                number=3,
                release=NEW,
                summary="store.py holds the connector",
                moved={"connector.py": "store.py", "tests/test_connector.py": "tests/unit/test_store.py"},
            ),
        ),
    )


def moved_and_renamed(template: Path) -> None:
    """The case for migrations: hardly a line of the moved files stays."""
    (template / "blank" / "connector.py.jinja").unlink()
    (template / "blank" / "store.py.jinja").write_text("# All is new here.\n\n\nSTORE = 1\n")
    (template / "blank" / "tests" / "unit").mkdir()
    tests = template / "blank" / "tests"
    (tests / "test_connector.py.jinja").rename(tests / "unit" / "test_store.py.jinja")
    text = (template / "copier.yml").read_text()
    start = text.index("data_types:\n")
    question = 'data_types:\n  type: str\n  choices: ["all", "bson", "json"]\n\n'
    (template / "copier.yml").write_text(text[:start] + question + text[text.index("ci:\n") :])


@pytest.mark.usefixtures("two_migrations")
def test_migrations_move_files_with_their_edits_and_translate_answers(
    demo: Path, kit: Kit, dsync_new: Run, capsys: Out
) -> None:
    """Each runs once, in order, without those of older releases; edits are at the new place."""
    with (demo / "connector.py").open("a") as file:
        file.write("\nMINE = 1\n")
    with (demo / "tests" / "test_connector.py").open("a") as file:
        file.write("\n\ndef test_mine() -> None:\n    assert True\n")
    commit(demo)
    kit(moved_and_renamed)
    assert dsync_new("update") == 1  # the end of connector.py was rewritten, and edited
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "migration" in line] == [
        "  migration  2: data types in a word",
        "  migration  3: store.py holds the connector",
    ]
    assert "  moved      tests/test_connector.py → tests/unit/test_store.py" in lines
    assert [line.split()[1] for line in lines if "CONFLICT" in line] == ["store.py:"]
    text = (demo / "store.py").read_text()
    assert "MINE = 1\n" in text
    assert "STORE = 1\n" in text
    assert "def test_mine()" in (demo / "tests" / "unit" / "test_store.py").read_text()
    assert not (demo / "connector.py").exists()
    assert not (demo / "tests" / "test_connector.py").exists()
    assert yaml.safe_load((demo / ANSWERS).read_text())["data_types"] == "all"


def test_migrations_are_numbered_and_of_known_releases() -> None:
    """1, 2, 3, …, each release's after those of earlier ones, and none for a version that is long gone."""
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    of = [releases.Version(migration.release) for migration in MIGRATIONS]
    assert of == sorted(of)
    assert all(version > releases.released()[0] for version in of)


def test_without_an_answers_file_nothing_is_guessed(demo: Path, kit: Kit, dsync_new: Run, capsys: Out) -> None:
    """The message says how to get one."""
    (demo / ANSWERS).unlink()
    commit(demo)
    kit()
    assert dsync_new("update", str(demo)) == 2
    error = capsys.readouterr().err
    assert f"{demo} has no {ANSWERS}" in error
    assert "restore the file, or have dsync-kit find out with `dsync-new adopt`" in error


def test_an_edited_answers_file_is_refused(demo: Path, kit: Kit, dsync_new: Run, capsys: Out) -> None:
    """A changed answer would be taken as one that was always given."""
    kit()
    replaced(demo / ANSWERS, "stream: true", "stream: false")
    commit(demo)
    before = tree(demo)
    assert dsync_new("update") == 2
    assert "has been edited since dsync-kit wrote it: its checksum differs; restore" in capsys.readouterr().err
    assert tree(demo) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<<<<<< HEAD\n_commit: v1.0.0\n=======\n", "cannot be read: mapping values are not allowed here"),
        ("", "was not written by dsync-kit: expected `_src_path: https://dsync-kit.invalid/template.git`"),
        ("_src_path: /home/me/template\n", "was not written by dsync-kit"),
        (
            "_src_path: https://dsync-kit.invalid/template.git\n",
            "`_commit` is None: expected a release, such as v0.1.0",
        ),
        ("_src_path: https://dsync-kit.invalid/template.git\n_commit: main\n", "`_commit` is 'main'"),
        ("\0", "cannot be read"),
    ],
)
def test_an_answers_file_of_something_else_is_refused(
    demo: Path, kit: Kit, dsync_new: Run, capsys: Out, text: str, message: str
) -> None:
    """The error says what was found, what was expected, and what to do."""
    (demo / ANSWERS).write_text(text)
    commit(demo)
    kit()
    assert dsync_new("update") == 2
    error = capsys.readouterr().err
    assert message in error
    assert "restore an earlier version" in error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_commit": "v9.0.0"}, "was made by dsync-kit 9.0.0, and this is 1.1.0: install a newer one"),
        ({"_commit": "v1.0.5"}, "says release 1.0.5, which this kit does not know: expected one of 1.0.0"),
        ({"archetype": "absent"}, "absent"),
        ({"scheme": None}, 'Question "scheme" is required'),
        ({"scheme": "3s"}, "a scheme is a letter"),
    ],
)
def test_answers_that_cannot_be_honoured_are_refused(
    demo: Path, kit: Kit, dsync_new: Run, capsys: Out, changes: Mapping[str, object], message: str
) -> None:
    """So are those of a newer kit, whose changes are not known here."""
    rewrite(demo, **changes)
    kit()
    before = tree(demo)
    assert dsync_new("update") == 2
    error = capsys.readouterr().err
    assert message in error
    assert ANSWERS in error or "newer" in error
    assert tree(demo) == before


def test_a_connector_of_a_development_version(demo: Path, kit: Kit, dsync_new: Run, capsys: Out) -> None:
    """Its template is not kept, so the previous release stands in, and the output says so. The same template has no
    update."""
    kit(asked_for, "1.1.0.dev0")
    assert dsync_new("update") == 0
    commit(demo)
    assert dsync_new("update") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "connectors/demo is up to date (1.1.0.dev0)"

    def changed_again(template: Path) -> None:
        asked_for(template)
        replaced(template / "blank" / "README.md.jinja", "It belongs to", "Its owner is")

    kit(changed_again, "1.1.0")
    assert dsync_new("update") == 1
    out = capsys.readouterr().out
    assert "1.1.0.dev0 was not released: your files were compared with 1.0.0" in out
    assert "CONFLICT   README.md" in out
