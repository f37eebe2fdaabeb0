"""`dsync-new connector`: all or nothing, with clear errors."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from dsync_kit.cli import new
from dsync_kit.errors import UsageError
from dsync_kit.registry import packaged_folder
from dsync_kit.scaffold import releases
from dsync_kit.scaffold.rendering import Answers, scaffold


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is empty."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def dsync_new(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["dsync-new", *words])
    with pytest.raises(SystemExit) as ended:
        new.main()
    return int(ended.value.code or 0)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_the_default_place_and_the_next_three_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """connectors/NAME below the working folder, and the commands to run next."""
    assert dsync_new(monkeypatch, "connector", "--scheme", "s3", "--defaults") == 0
    assert Path("connectors/s3/connector.py").is_file()
    files, _, steps = capsys.readouterr().out.partition("\n\n")
    assert sorted(files.splitlines()) == sorted(str(path) for path in Path("connectors").rglob("*") if path.is_file())
    assert steps.splitlines() == [
        "Next:",
        "  pip install --editable './connectors/s3[test]'",
        "  dsync-kit verify ./connectors/s3",
        "  dsync-kit serve ./connectors/s3",
    ]
    assert list(Path("connectors").iterdir()) == [Path("connectors/s3")]


def test_a_dry_run_lists_the_files_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list equals the real run's."""
    assert dsync_new(monkeypatch, "connector", "--scheme", "file", "--defaults", "--dry-run") == 0
    listed = capsys.readouterr().out.splitlines()
    assert tree(Path()) == {}
    made = scaffold(Answers(scheme="file"))
    assert listed == [str(made.folder / file) for file in made.files]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--scheme is missing"),
        ("--scheme 3s", "'3s' is not a URI scheme: expected a letter, then letters, digits, '+', '.' or '-'"),
        ("--scheme s_3", "'s_3' is not a URI scheme"),
        ("--scheme s3://", "'s3://' is not a URI scheme"),
        ("--scheme s3 --name my-s3", "'my-s3' cannot be a connector's name: expected an identifier"),
        ("--scheme s3 --name 3s", "'3s' cannot be a connector's name: expected an identifier"),
        ("--scheme s3 --name \u00e4", "cannot be a connector's name: expected an identifier of ASCII letters"),
        ("--scheme s3 --name class", "'class' cannot be a connector's name, since it is a Python keyword"),
        ("--scheme class", "'class' cannot be a connector's name, since it is a Python keyword"),
        ("--scheme null", "the name 'null' is taken by a registered connector: give another with --name"),
        ("--scheme s3 --name Random", "the name 'Random' is taken by a registered connector"),
        (f"--scheme {'x' * 31}", "name"),
        ("--scheme s3 --archetype lake", "there is no archetype 'lake': expected object-store, document, sql or blank"),
        ("--scheme s3 --data-type xml", "there is no data type 'xml': expected bson or json"),
        ("--scheme s3 --stream", "--stream: an object store has no log of changes to stream"),
        ("--scheme s3 --no-source", "--no-source: an object-store connector is a source and a sink"),
        ("--scheme s3 --no-sink", "--no-sink: an object-store connector is a source and a sink"),
        ("--scheme x --no-sink --no-source", "--no-source and --no-sink leave nothing"),
        ("--scheme x --no-source --stream", "--stream needs a source"),
        ("--scheme s3 --output ../work", "../work is the working folder, or holds it"),
        ("--scheme s3 --nonsense", "No such option"),
    ],
)
def test_what_cannot_be_done_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    """One clear error, exit code 2, nothing written."""
    assert dsync_new(monkeypatch, "connector", "--defaults", *words.split()) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert output.out == ""
    assert tree(Path()) == {}


def test_the_name_of_a_module_of_the_standard_library_is_allowed() -> None:
    """The package has another name: dsync_connector_json."""
    assert scaffold(Answers(scheme="file", name="json")).folder == Path("connectors/json")


def test_the_readme_names_the_folder() -> None:
    """Its commands work wherever the folder is."""
    folder = scaffold(Answers(scheme="zed"), output=Path("here/mine")).folder
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "dsync-kit verify ./mine" in readme
    assert "dsync-kit verify ./zed" not in readme


def test_a_folder_that_is_not_empty_is_refused() -> None:
    """With advice; an empty folder is accepted."""
    Path("mine").mkdir()
    assert scaffold(Answers(scheme="s3"), output=Path("mine")).folder == Path("mine")
    before = tree(Path())
    for dry_run in (False, True):
        with pytest.raises(
            UsageError, match=r"mine exists and is not empty: .* --output, or overwrite it with --force"
        ):
            scaffold(Answers(scheme="file"), output=Path("mine"), dry_run=dry_run)
    Path("file").touch()
    with pytest.raises(UsageError, match="file is a file: choose another place with --output"):
        scaffold(Answers(scheme="file"), output=Path("file"), force=True)
    assert tree(Path()) == before | {"file": b""}


def test_force_replaces_what_the_template_wrote() -> None:
    """Nothing of the old connector stays, whatever its answers were, nor do files that tools recreate at any time."""
    scaffold(Answers(scheme="zed", stream=True, ci="github"), output=Path("mine"))
    Path("mine/connector.py").write_text("# changed\n")
    Path("mine/tests/__pycache__").mkdir()
    Path("mine/tests/__pycache__/x.pyc").touch()
    made = scaffold(Answers(scheme="file"), output=Path("mine"), force=True)
    assert {path.relative_to("mine") for path in Path("mine").rglob("*") if path.is_file()} == set(made.files)
    assert list(Path().iterdir()) == [Path("mine")]


@pytest.mark.parametrize("dry_run", [False, True])
def test_force_deletes_nothing_else(dry_run: bool) -> None:
    """Files that the template did not write are named, with advice, and all files are unchanged."""
    scaffold(Answers(scheme="s3"), output=Path("mine"))
    for name in (".git/HEAD", ".env", "tests/data/mine.txt", "notes/a.txt", "connector.py.orig"):
        Path("mine", name).parent.mkdir(parents=True, exist_ok=True)
        Path("mine", name).write_text("precious")
    Path("mine/link.py").symlink_to("connector.py")
    before = tree(Path())
    with pytest.raises(UsageError) as refused:
        scaffold(Answers(scheme="s3"), output=Path("mine"), force=True, dry_run=dry_run)
    assert str(refused.value) == (
        "mine holds files that the template did not write, and --force would delete them: .git/, notes/, .env, "
        "connector.py.orig, link.py and 1 more; move it elsewhere first, or choose another place with --output"
    )
    assert tree(Path()) == before


def test_force_deletes_nothing_of_a_folder_that_was_not_made_here() -> None:
    """Without the saved answers, files of the same names belong to somebody else."""
    Path("mine").mkdir()
    Path("mine/README.md").write_text("precious")
    for answers in ("", "scheme: [1\n", "archetype: lake\nscheme: '3'\n"):
        if answers:
            Path("mine/.copier-answers.yml").write_text(answers)
        before = tree(Path())
        with pytest.raises(UsageError, match=r"--force would delete them: .*README\.md"):
            scaffold(Answers(scheme="s3"), output=Path("mine"), force=True)
        assert tree(Path()) == before


def test_force_takes_a_link_that_hides_what_it_leads_to_for_somebodys_own() -> None:
    """The folder of the template's files may be a link to elsewhere."""
    scaffold(Answers(scheme="s3"), output=Path("mine"))
    Path("mine/tests").rename("elsewhere")
    Path("mine/tests").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match="--force would delete them: tests/;"):
        scaffold(Answers(scheme="s3"), output=Path("mine"), force=True)
    assert any(Path("elsewhere").iterdir())


@pytest.fixture
def broken_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A template that fails halfway, when some files have been rendered."""
    broken = tmp_path / "template"
    copytree(packaged_folder("template"), broken)
    (broken / "object-store" / "tests" / "zzz.py.jinja").write_text("{{ nothing.at.all }}")
    monkeypatch.setattr(releases, "packaged_folder", lambda name: tmp_path / name)
    return


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # copier leaves its listings open
@pytest.mark.usefixtures("broken_template")
def test_a_failure_while_rendering_leaves_all_as_it_was() -> None:
    """A folder to be replaced stays, and new folders are removed."""
    Path("mine").mkdir()
    Path("mine/old.txt").write_text("kept")
    before = tree(Path())
    for output in (Path("mine"), Path("new/deep/folder"), None):
        with pytest.raises(Exception, match="nothing"):
            scaffold(Answers(scheme="s3"), output=output, force=True)
        assert tree(Path()) == before


def test_a_failure_at_the_last_step_brings_the_old_folder_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder has already been moved away."""
    scaffold(Answers(scheme="zed"), output=Path("mine"))
    before = tree(Path())
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(UsageError, match="mine cannot be written: Permission denied"):
        scaffold(Answers(scheme="s3"), output=Path("mine"), force=True)
    assert tree(Path()) == before


def test_the_preferred_data_type_comes_first() -> None:
    """Types keep their order; a repeated type counts once."""
    scaffold(Answers(scheme="s3", data_types=("json", "bson", "json")), output=Path("mine"))
    assert "= (DATA_TYPE_JSON_ID, DATA_TYPE_MONGO_BSON)" in Path("mine/connector.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["s3", "GS", "az", "file", "memory"])
def test_object_stores_are_known_by_their_schemes(scheme: str) -> None:
    """Whatever the case."""
    scaffold(Answers(scheme=scheme, name="x"), output=Path("mine"))
    assert Path("mine/store.py").is_file()


def test_on_a_terminal_what_is_missing_is_asked_for() -> None:
    """Return accepts the default; given answers are not asked for."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "dsync_kit.cli.new", "connector", "--scheme", "gs"])  # noqa: S606
    shown = b""
    while True:
        if not select.select([terminal], [], [], 1)[0]:
            os.write(terminal, b"\r")
            continue
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert b"connector's name" in shown
    assert b"scheme of the connector's URIs" not in shown
    assert Path("connectors/gs/connector.py").is_file()


def test_help_imports_nothing_heavy() -> None:
    """`dsync-new --help` answers at once."""
    code = (
        "import sys; sys.argv = ['dsync-new', 'connector', '--help']\n"
        "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from dsync_kit.cli.new import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--dry-run" in done.stdout
    assert {"copier", "jinja2", "grpc", "bson"} & set(done.stderr.split()) == set()
