"""`dsync-kit ci`, end to end: with connectors that work, that are broken, and that cannot be loaded."""

import json
import re
from pathlib import Path

import pytest

from .conftest import Command, Repository

# Few rules: these tests check which connectors are verified, and what is reported.
QUICK = ("--profile", "quick", "--rule", "info/*", "--rule", "packaging/*")


@pytest.fixture
def monorepo(repository: Repository) -> Repository:
    """Two working connectors on main."""
    repository.working_connector("connectors/one")
    repository.working_connector("connectors/two")
    repository.write(".gitignore", ".dsync-kit/\n__pycache__/\n")
    repository.commit()
    return repository


def edit(repository: Repository, path: str, old: str, new: str) -> None:
    """Replace text in a file."""
    text = (repository.folder / path).read_text(encoding="utf-8")
    assert old in text
    repository.write(path, text.replace(old, new))


def break_(repository: Repository, folder: str) -> None:
    """Break a MUST: GetInfo no longer names the kind of data system."""
    edit(repository, f"{folder}/connector.py", 'db_type="null"', 'db_type=""')


def unregister(repository: Repository, folder: str) -> None:
    """Break a SHOULD: pyproject.toml registers nothing any more."""
    edit(repository, f"{folder}/pyproject.toml", "dsync.connectors", "other.connectors")


def test_nothing_is_touched(monorepo: Repository, dsync_kit: Command, tmp_path: Path) -> None:
    """The output, the summary page and the report say so, and name the base."""
    monorepo.write("README.md", "changed")
    page = tmp_path / "page.md"
    done = dsync_kit("ci", "--report", f"markdown={tmp_path}/report.md", GITHUB_STEP_SUMMARY=str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "no connector is touched (2 known; compared with main)\n"
    for path in (page, tmp_path / "report.md"):
        assert "Compared with `main`.\n\nNo connector is touched.\n" in path.read_text(encoding="utf-8")


def test_what_is_touched_is_verified(monorepo: Repository, dsync_kit: Command) -> None:
    """Only touched connectors are verified."""
    monorepo.write("connectors/two/tests/test_new.py")
    done = dsync_kit("ci", *QUICK, "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "connectors/two (1 of 1)" in done.stdout
    assert re.search(r"profile +quick, seed 3, \d+ rules", done.stdout)
    assert "connectors/one" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("connectors/two: conformant: ")


def test_one_of_two_is_broken(monorepo: Repository, dsync_kit: Command, tmp_path: Path) -> None:
    """Exit code 1; both are verified, each has its reports, and one summary has both."""
    break_(monorepo, "connectors/one")
    unregister(monorepo, "connectors/two")
    words = [word for name in ("json", "junit", "html", "badge") for word in ("--report", f"{name}={{name}}.{name}")]
    page = tmp_path / "page.md"
    page.write_text("of another step\n", encoding="utf-8")
    done = dsync_kit(*("ci", *QUICK, "--report", "markdown=all.md", *words), GITHUB_STEP_SUMMARY=str(page))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error" not in done.stdout  # it is not GitHub that runs it
    assert "::stop-commands::" not in done.stdout
    one, two = done.stdout.splitlines()[-2:]
    assert one.startswith("connectors/one: not conformant: 1 MUST rule violated; ")
    assert two.startswith("connectors/two: conformant: ")
    assert two.endswith("a warning: 1 SHOULD rule violated")
    results = {
        name: json.loads((monorepo.folder / f"connectors-{name}.json").read_text(encoding="utf-8"))["exit_code"]
        for name in ("one", "two")
    }
    assert results == {"one": 1, "two": 0}
    for name in ("connectors-one", "connectors-two"):
        assert (monorepo.folder / f"{name}.junit").read_text(encoding="utf-8").startswith("<?xml")
        assert (monorepo.folder / f"{name}.badge").read_text(encoding="utf-8").startswith("<svg")
        assert (monorepo.folder / f"{name}.html").is_file()
    whole = (monorepo.folder / "all.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == f"of another step\n{whole}\n"
    assert "| `connectors/one` | ❌ not conformant: 1 MUST rule violated; " in whole
    assert "| `connectors/two` | ✅ conformant: " in whole
    assert "<b>info/db-type</b> (MUST)" in whole


def test_annotations_on_github(monorepo: Repository, dsync_kit: Command) -> None:
    """An error for a MUST and a warning for a SHOULD, each at its code; with --strict, both are errors."""
    break_(monorepo, "connectors/one")
    unregister(monorepo, "connectors/one")
    source = (monorepo.folder / "connectors/one/connector.py").read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(source) if "def get_info" in text)
    at_class = 1 + next(number for number, text in enumerate(source) if text.startswith("class "))
    for strict, level in (((), "warning"), (("--strict",), "error")):
        done = dsync_kit("ci", *QUICK, *strict, "--connectors", "one", GITHUB_ACTIONS="true", cwd="connectors")
        assert done.returncode == 1
        first, second = [text for text in done.stdout.splitlines() if text.startswith(("::error", "::warning"))]
        file = "file=connectors/one/connector.py"
        assert first.startswith(f"::error {file},line={line},title=dsync-kit%3A info/db-type (MUST)::")
        assert "%0Aexpected: " in first
        assert "%0Areplay: dsync-kit verify one --rule info/db-type" in first
        title = "title=dsync-kit%3A packaging/registered (SHOULD)"
        assert second.startswith(f"::{level} {file},line={at_class},{title}::pyproject.toml registers no connector%0A")


def test_a_connector_that_cannot_be_loaded(monorepo: Repository, dsync_kit: Command) -> None:
    """It is not judged, but those after it are. A broken connector outweighs one that is not judged."""
    edit(monorepo, "connectors/one/connector.py", "import orjson", "import nonesuch as orjson")
    monorepo.write("connectors/two/tests/new.py")
    done = dsync_kit("ci", *QUICK, GITHUB_ACTIONS="true")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "one needs the module 'nonesuch', which is not installed" in done.stdout
    assert "::error file=connectors/one/connector.py,line=1,title=dsync-kit%3A not judged::" in done.stdout
    assert "connectors/two: conformant" in done.stdout
    break_(monorepo, "connectors/two")
    assert dsync_kit("ci", *QUICK).returncode == 1


def test_a_schema_that_is_wrong(monorepo: Repository, dsync_kit: Command) -> None:
    """It is wrong usage, with the place and what was expected; the other connectors are judged."""
    text = '    documents = {"*": {"bsonType": "objekt"}}\n\n    def start('
    edit(monorepo, "connectors/one/conformance.py", "    def start(", text)
    monorepo.write("connectors/two/tests/new.py")
    done = dsync_kit("ci", *QUICK)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "documents['*'] of conformance.py: bsonType: expected types among" in " ".join(done.stdout.split())
    assert "connectors/two: conformant" in done.stdout


def obeyed(output: str) -> list[str]:
    """The commands in an output that GitHub's runner obeys: none between stop-commands and its token."""
    taken, token = [], ""
    for line in map(str.strip, output.splitlines()):
        if token:
            token = "" if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif line.startswith("::") or "##[" in line:
            taken.append(line)
    assert not token, "what comes after dsync-kit in the same step would not be heard"
    return taken


def test_a_connector_gives_no_commands_to_github(monorepo: Repository, dsync_kit: Command) -> None:
    """Whatever a connector prints or logs on either stream is not obeyed, but the kit's own annotations are."""
    forged = (
        "import subprocess, sys\n"
        "print('::error::forged')\n"
        "print('  ::stop-commands::mine\\n::mine::\\n::add-mask::e\\n', file=sys.stderr)\n"
        "subprocess.run(['echo', 'here: ##[error]forged'])\n"
    )
    for folder in ("connectors/one", "connectors/two"):
        edit(monorepo, f"{folder}/registration.py", "CONNECTOR =", f"{forged}CONNECTOR =")
    edit(monorepo, "connectors/two/connector.py", 'db_type="null"', 'db_type="::error::forged"')
    break_(monorepo, "connectors/one")
    words = ("--profile", "quick", "--rule", "info/*")
    done = dsync_kit("ci", *words, GITHUB_ACTIONS="true", PYTHONUNBUFFERED="1")
    assert "::error::forged" in done.stdout
    [annotation] = obeyed(done.stdout)
    assert annotation.startswith("::error file=connectors/one/connector.py,line=")
    done = dsync_kit("verify", "connectors/one", *words, GITHUB_ACTIONS="true", PYTHONUNBUFFERED="1")
    assert "forged" not in done.stdout + done.stderr  # it is judged in a process whose output is another one
    assert obeyed(done.stdout) == []


def test_a_run_gives_no_commands_to_github(monorepo: Repository, dsync_kit: Command) -> None:
    """What a connector logs during a run, even over several lines, is not obeyed; JSON stays JSON."""
    edit(monorepo, "connectors/one/registration.py", "CONNECTOR =", "print('x\\n::error::forged')\nCONNECTOR =")
    words = ("/dev/fakesource", "connectors/one", "/dev/null")
    done = dsync_kit("run", "--mode", "initial-sync", "--limit", "1", *words, GITHUB_ACTIONS="true")
    assert done.returncode == 0, done.stdout + done.stderr
    stopped, *_, resumed = done.stderr.splitlines()
    assert obeyed(f"{stopped}\n{done.stdout}{resumed}") == []
    assert "::error::forged" in done.stdout
    done = dsync_kit("run", "--log-format", "json", "--limit", "0", *words, GITHUB_ACTIONS="true")
    assert "::stop-commands::" not in done.stderr


def azure_obeys(output: str) -> bool:
    """Whether Azure's agent finds a command in an output, anywhere in a line, ignoring characters without width."""
    return "##vso[" in output.replace("\u200d", "")


def test_a_connector_gives_no_commands_to_azure(monorepo: Repository, dsync_kit: Command) -> None:
    """Neither what a connector prints, at once or in pieces, nor what the kit quotes of its answers is a command."""
    forged = (
        "import sys\n"
        "print('here: ##vso[task.setvariable variable=a]forged', '###vso[', '##\\u200dvso[', '## a heading')\n"
        "print('##v', end='', file=sys.stderr)\n"
        "print('so[task.setvariable variable=a]forged', file=sys.stderr)\n"
    )
    edit(monorepo, "connectors/one/registration.py", "CONNECTOR =", f"{forged}CONNECTOR =")
    edit(monorepo, "connectors/one/connector.py", 'db_type="null"', 'db_type="##vso[task.complete]forged"')
    words = ("--profile", "quick", "--rule", "info/*")
    for command in (
        ("ci", *words),
        ("verify", "connectors/one", *words),
        ("run", "--mode", "initial-sync", "--limit", "1", "/dev/fakesource", "connectors/one", "/dev/null"),
    ):
        done = dsync_kit(*command, TF_BUILD="True", PYTHONIOENCODING="utf-8")
        assert "##vso [task" in done.stdout
        assert not azure_obeys(done.stdout)
        assert not azure_obeys(done.stderr)
    assert "##vso [task.setvariable variable=a]forged" in done.stderr
    assert "## a heading" in done.stdout
    assert azure_obeys(dsync_kit(*command, PYTHONIOENCODING="utf-8").stdout)  # elsewhere, output stays as it is


def test_a_summary_that_has_no_room(monorepo: Repository, dsync_kit: Command, tmp_path: Path) -> None:
    """Earlier contents of the page count, because GitHub drops a page that is too long."""
    break_(monorepo, "connectors/one")
    page = tmp_path / "page.md"
    page.write_text("x" * 999_300, encoding="utf-8")
    done = dsync_kit("ci", "--profile", "quick", "--rule", "info/db-type", GITHUB_STEP_SUMMARY=str(page))
    assert done.returncode == 1, done.stdout + done.stderr
    text = page.read_text(encoding="utf-8")[999_300:]
    assert "| `connectors/one` | ❌ not conformant" in text
    assert "The details are too long for this page" in text
    assert page.stat().st_size <= 1_000_000


def test_a_repository_of_one_connector(repository: Repository, dsync_kit: Command) -> None:
    """A connector at the root is found; its reports need no name in their paths."""
    repository.working_connector(".")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "branch")
    assert dsync_kit("ci", "--list").stdout == ".\n"
    assert dsync_kit("ci", "--base", "HEAD").stdout == "no connector is touched (1 known; compared with HEAD)\n"
    break_(repository, ".")
    words = ("ci", *QUICK, "--report", "json=report.json", "--report", "badge=badge.svg")
    done = dsync_kit(*words, GITHUB_ACTIONS="true")
    assert done.returncode == 1
    assert "::error file=connector.py,line=" in done.stdout
    report = json.loads((repository.folder / "report.json").read_text(encoding="utf-8"))
    assert (report["target"], report["exit_code"]) == (".", 1)
    assert "not conformant" in (repository.folder / "badge.svg").read_text(encoding="utf-8")


def test_a_report_on_standard_output(monorepo: Repository, dsync_kit: Command) -> None:
    """Standard output has nothing but the report."""
    monorepo.write("connectors/one/new.py")
    done = dsync_kit("ci", *QUICK, "--report", "markdown=-")
    assert done.returncode == 0
    assert done.stdout.startswith("# dsync-kit ci\n")
    assert "connectors/one (1 of 1)" in done.stderr


def test_the_list(monorepo: Repository, dsync_kit: Command) -> None:
    """It prints the touched folders, relative to the working folder, one per line, and verifies nothing."""
    break_(monorepo, "connectors/two")
    assert dsync_kit("ci", "--list").stdout == "connectors/two\n"
    assert dsync_kit("ci", "--list", cwd="connectors/one").stdout == "../two\n"
    assert dsync_kit("ci", "--list", "--connectors", "connectors/one").stdout == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--profile", "slow"], "there is no profile 'slow'"),
        (["--rule", "nonsense/*"], "no rule matches 'nonsense/*'"),
        (["--base", "nonsense"], "--base nonsense: git finds no such branch or commit here"),
        (["--report", "pdf=x"], "expected FORMAT=PATH, where FORMAT is one of json"),
        (
            ["--report", "json=x.json"],
            "the repository holds 2 connectors, but such a report holds only one: put {name} into",
        ),
        (["--report", "json=absent/{name}.json"], "there is no folder absent"),
    ],
)
def test_wrong_usage(monorepo: Repository, dsync_kit: Command, words: list[str], message: str) -> None:
    """Exit code 2, whether something is touched or not."""
    for _ in range(2):
        done = dsync_kit("ci", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        monorepo.write("connectors/one/new.py")


def test_no_repository(dsync_kit: Command) -> None:
    """Exit code 2, and what to do."""
    done = dsync_kit("ci", cwd="..")
    assert done.returncode == 2
    assert "is not in a git repository" in done.stderr


def test_a_report_that_cannot_be_written(monorepo: Repository, dsync_kit: Command) -> None:
    """The later connectors are still verified, and have their reports; the gate is red."""
    for name in ("one", "two"):
        monorepo.write(f"connectors/{name}/new.py")
    monorepo.write("connectors-one.json/file")
    rules = ("--profile", "quick", "--rule", "info/db-type")
    done = dsync_kit("ci", *rules, "--report", "json={name}.json", "--report", "badge={name}.svg")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr == "error: the json report cannot be written to connectors-one.json: Is a directory\n"
    assert "connectors/two: conformant: " in done.stdout
    for name in ("connectors-one.svg", "connectors-two.svg", "connectors-two.json"):
        assert (monorepo.folder / name).is_file()
    assert not list(monorepo.folder.glob(".dsync-kit-*"))
